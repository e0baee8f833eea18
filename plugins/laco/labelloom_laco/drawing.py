"""Drawing labels of each document at random."""

from __future__ import annotations

from torch import Tensor


def draw_one(pool: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """For each row a place of `pool` (..., C), each as likely: (...) int64, and (...) whether there was one.

    `noise` (..., C) is uniform in [0, 1).
    """
    return noise.masked_fill(~pool, -1).argmax(-1), pool.any(-1)
