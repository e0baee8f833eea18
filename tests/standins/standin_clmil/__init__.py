"""A stand-in for the bundle `clmil`: small parts with the needs, gives and shapes of the real ones."""
