"""A stand-in for the bundle `laco`: small parts with the needs, gives and shapes of the real ones."""
