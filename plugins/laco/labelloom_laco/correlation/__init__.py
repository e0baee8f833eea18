"""Which labels go together in answers, beside the truth (Zhang et al. 2021 sections 5.4 and 5.5)."""
