"""A saved run: its folder, and what can be done with it."""
