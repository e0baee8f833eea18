"""Which rows make a batch: repeatable, and grouped by length so that little of it is padding."""

from __future__ import annotations

import numpy as np

_GROUPED = 50
"""Batches that are sorted by length together: enough for little padding, few enough to mix the rows."""


def batch_rows(
    lengths: np.ndarray,
    batch_size: int,
    seed: int,
    epoch: int,
    group: bool = True,
    rows: np.ndarray | None = None,
) -> list[np.ndarray]:
    """The batches of one epoch: each row once, in an order that follows from seed and epoch alone.

    `lengths` (N,) are those of all documents; `rows` chooses some of them, all by default. With `group`, the rows are
    shuffled, sorted by length within stretches of 50 batches, and the batches shuffled; the longest batch comes first,
    so that running out of memory shows at once. Only the last batch may have fewer than `batch_size` rows.
    """
    rng = np.random.default_rng([seed, epoch])
    rows = np.arange(len(lengths)) if rows is None else np.asarray(rows, dtype=np.int64)
    rows = rng.permutation(rows)
    if not group:
        return _cut(rows, batch_size)
    stretch = batch_size * _GROUPED
    stretches = [rows[start : start + stretch] for start in range(0, len(rows), stretch)]
    batches = [batch for part in stretches for batch in _cut(_longest_first(part, lengths), batch_size)]
    short = [batches.pop()] if len(rows) % batch_size else []
    batches = [batches[place] for place in rng.permutation(len(batches))]
    if batches:
        longest = int(np.argmax([lengths[batch[0]] for batch in batches]))
        batches[0], batches[longest] = batches[longest], batches[0]
    return batches + short


def evaluation_batches(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """All rows, the longest first, in batches; rows of equal length in their order."""
    return _cut(_longest_first(np.arange(len(lengths)), lengths), batch_size)


def share(rows: np.ndarray, rank: int, world: int) -> np.ndarray:
    """The contiguous part of `rows` that process `rank` of `world` has; parts differ by one row at most.

    None is empty if there are at least `world` rows. Raises ValueError when there is no such rank.
    """
    if not 0 <= rank < world:
        raise ValueError(f"no process {rank} among {world}")
    return rows[len(rows) * rank // world : len(rows) * (rank + 1) // world]


def _longest_first(rows: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return rows[np.argsort(-lengths[rows], kind="stable")]


def _cut(rows: np.ndarray, batch_size: int) -> list[np.ndarray]:
    return [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
