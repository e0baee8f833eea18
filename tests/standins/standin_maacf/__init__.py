"""A stand-in for the bundle `maacf`: small parts with the needs, gives and shapes of the real ones."""
