"""Iterative stratification: cutting one split from another so that every label keeps its share in both."""

from __future__ import annotations

import heapq

import numpy as np
import scipy.sparse as sp

from labelloom.data.label_sets import LabelSets

_KEPT, _CUT = 0, 1


def stratified_cut(label_sets: LabelSets, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to keep and rows to cut, both int64 and ascending; about `share` of each label's documents are cut.

    Iterative stratification (Sechidis et al. 2011): the label with the fewest documents left comes first, and each of
    its documents goes where that label is wanted most, then where documents are wanted most, then by lot. Documents
    without a label are treated as if they had a label of their own. Both sides get a document at least; the time grows
    with the label occurrences, not with documents times labels.

    Raises ValueError when share is not inside (0, 1) or there are fewer than two documents.
    """
    if not 0 < share < 1 or len(label_sets) < 2:
        raise ValueError(f"cannot cut {share:g} of {len(label_sets)} documents")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(label_sets))
    shuffled = _with_a_label_for_none(label_sets.take(order))
    side = _assign(shuffled, share, rng)
    if side.all() or not side.any():
        side[_most_ordinary(shuffled)] ^= 1
    return np.sort(order[side == _KEPT]), np.sort(order[side == _CUT])


def _assign(label_sets: LabelSets, share: float, rng: np.random.Generator) -> np.ndarray:
    """(N,) int8: the side of each document."""
    by_label = sp.csc_array(label_sets.to_sparse())
    left = np.bincount(label_sets.values, minlength=label_sets.label_count)
    wanted = ((1 - share) * left, share * left)  # by side, then label: documents still wanted
    wanted_size = [(1 - share) * len(label_sets), share * len(label_sets)]
    side = np.full(len(label_sets), -1, dtype=np.int8)
    queue = [(int(left[label]), label) for label in np.flatnonzero(left).tolist()]
    heapq.heapify(queue)
    while queue:
        count, label = heapq.heappop(queue)
        if count != left[label]:
            continue  # a later entry of the same label has the count of now
        touched: set[int] = set()
        for row in by_label.indices[by_label.indptr[label] : by_label.indptr[label + 1]].tolist():
            if side[row] >= 0:
                continue
            preference = wanted[_CUT][label] - wanted[_KEPT][label] or wanted_size[_CUT] - wanted_size[_KEPT]
            chosen = _CUT if (preference or rng.random() - 0.5) > 0 else _KEPT
            labels = label_sets[row]
            side[row] = chosen
            wanted[chosen][labels] -= 1
            wanted_size[chosen] -= 1
            left[labels] -= 1
            touched.update(labels.tolist())
        for other in touched:
            if left[other]:
                heapq.heappush(queue, (int(left[other]), other))
    return side


def _with_a_label_for_none(label_sets: LabelSets) -> LabelSets:
    """The same, with one more label, on the documents that have none."""
    counts = label_sets.counts
    values = np.insert(label_sets.values, label_sets.offsets[:-1][counts == 0], label_sets.label_count)
    offsets = np.concatenate([[0], np.cumsum(np.maximum(counts, 1))])
    return LabelSets(offsets, values, label_sets.label_count + 1)


def _most_ordinary(label_sets: LabelSets) -> int:
    """The document whose rarest label is the most frequent: its side misses it least."""
    frequency = np.bincount(label_sets.values, minlength=label_sets.label_count)
    return int(np.argmax(np.minimum.reduceat(frequency[label_sets.values], label_sets.offsets[:-1])))
