"""A stand-in for the bundle `lwpt`: small parts with the needs, gives and shapes of the real ones."""
