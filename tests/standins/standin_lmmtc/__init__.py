"""A stand-in for the bundle `lmmtc`: small parts with the needs, gives and shapes of the real ones."""
