"""The field's ordinary parts: encoders, label modules, predictors and the binary cross-entropy."""
