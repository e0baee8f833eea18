"""Rankings, the rules that turn them into answers, and what is measured of both. Import from its modules."""
