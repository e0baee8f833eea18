"""Documents, labels and what is counted over them."""
