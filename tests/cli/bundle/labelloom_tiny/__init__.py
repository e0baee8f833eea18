"""A bundle small enough that a test trains it in a second: a bag of words, a linear predictor, cross-entropy."""
