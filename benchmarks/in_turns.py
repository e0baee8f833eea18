"""Two sides measured in turns, so that both meet the same machine within the same seconds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

WARM = 2
"""Pairs that come first and are left out, since they allocate."""


def in_turns(one: Callable[[int], float], other: Callable[[int], float], pairs: int) -> tuple[list[float], list[float]]:
    """What each side measured of itself, pair by pair; which of them comes first changes from pair to pair.

    Both are called with the number of the pair, which is below `pairs` + WARM.
    """
    measured: dict[Callable[[int], float], list[float]] = {one: [], other: []}
    for pair in range(pairs + WARM):
        for side in (one, other) if pair % 2 else (other, one):
            value = side(pair)
            if pair >= WARM:
                measured[side].append(value)
    return measured[one], measured[other]


def median_ratio(ones: Sequence[float], others: Sequence[float]) -> float:
    """The median of one by the other, pair by pair."""
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))
