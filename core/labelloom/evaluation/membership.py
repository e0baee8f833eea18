"""Which labels are true: the one sparse question that counts, rankings and thresholds all ask."""

from __future__ import annotations

import numpy as np

from labelloom.data.label_sets import LabelSets

_ENTRIES_AT_ONCE = 1 << 22
"""Ranked labels looked up at a time: bounds the memory to about 100 MB whatever the number of documents."""


def contains(sets: LabelSets, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(M,) bool: whether `labels[m]` is in the set of document `rows[m]`; both are (M,) int64."""
    if not len(sets.values):
        return np.zeros(len(labels), dtype=bool)
    keys = sets.rows * sets.label_count + sets.values
    wanted = rows * sets.label_count + labels
    places = np.searchsorted(keys, wanted)
    places[places == len(keys)] = 0
    found: np.ndarray = keys[places] == wanted
    return found


def ranked_hits(truth: LabelSets, labels: np.ndarray) -> np.ndarray:
    """(N, K) bool: which of the ranked `labels` (N, K) int64 are true of their document."""
    documents, depth = labels.shape
    hits = np.empty((documents, depth), dtype=bool)
    step = max(1, _ENTRIES_AT_ONCE // max(1, depth))
    for start in range(0, documents, step):
        block = labels[start : start + step]
        offsets = truth.offsets[start : start + step + 1]
        part = LabelSets(offsets - offsets[0], truth.values[offsets[0] : offsets[-1]], truth.label_count)
        rows = np.repeat(np.arange(len(block), dtype=np.int64), depth)
        hits[start : start + step] = contains(part, rows, block.reshape(-1)).reshape(block.shape)
    return hits
