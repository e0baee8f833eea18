"""MAACF+ (Wang et al. 2023) as parts: aspects, label groups, co-attention, collaborative filtering, pairs that rank."""
