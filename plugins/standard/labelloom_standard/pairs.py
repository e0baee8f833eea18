"""Pairs of labels of a document, for tasks that learn how labels go together."""

from __future__ import annotations

from torch import Tensor

from labelloom.interfaces import Batch


def pair_noise(batch: Batch, pairs: int, choices: int, *streams: object) -> Tensor:
    """(B, pairs, choices) float32, uniform in [0, 1): `batch.noise` for so many pairs, among so many choices each.

    What a choice gets does not depend on how many come after it, and so on no padding.
    """
    return batch.noise(choices * pairs, *streams).view(-1, choices, pairs).mT


def draw_one(pool: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """For each row a place of `pool` (..., C) bool, each as likely: (...) int64, and (...) bool whether there was one.

    `noise` (..., C) is uniform in [0, 1).
    """
    return noise.masked_fill(~pool, -1).argmax(-1), pool.any(-1)


def vectors_at(labels: Tensor, places: Tensor) -> Tensor:
    """(B, P, K): the vectors of `labels` (B, C, K) at `places` (B, P) int64."""
    return labels.gather(1, places[..., None].expand(-1, -1, labels.shape[-1]))
