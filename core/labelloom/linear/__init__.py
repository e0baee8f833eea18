"""Linear baselines over tf-idf features: binary relevance, classifier chains, label powerset."""
