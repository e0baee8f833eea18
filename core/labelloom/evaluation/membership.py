"""Which labels are true: the one sparse question that counts, rankings and thresholds all ask."""

from __future__ import annotations

import numpy as np

from labelloom.data.label_sets import LabelSets

_CELLS_AT_ONCE = 1 << 22
"""Cells of the table of true labels that is marked at a time: small enough for a processor's cache."""


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
    """(N, K) bool: which of the ranked `labels` (N, K) int64 are true of their document.

    A few documents at a time are marked in a table of all labels, looked up and wiped: time is proportional to N * K
    and the true labels, not to L.
    """
    documents, label_count = len(labels), truth.label_count
    hits = np.empty(labels.shape, dtype=bool)
    step = min(documents, max(1, _CELLS_AT_ONCE // max(1, label_count, labels.shape[1])))
    marks = np.zeros(step * label_count, dtype=bool)
    starts = np.arange(step, dtype=np.int64)[:, None] * label_count
    for first in range(0, documents, max(1, step)):
        block = labels[first : first + step]
        offsets = truth.offsets[first : first + len(block) + 1]
        true = np.repeat(starts[: len(block), 0], np.diff(offsets)) + truth.values[offsets[0] : offsets[-1]]
        marks[true] = True
        np.take(marks, starts[: len(block)] + block, out=hits[first : first + step])
        marks[true] = False
    return hits
