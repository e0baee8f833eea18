"""Which documents keep apart by their labels: the co-occurrence rule for negatives (Li et al. 2023 section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse as sp

from labelloom.data.label_sets import LabelSets
from labelloom.data.statistics import CorpusStatistics
from labelloom_clmil.config.contrast import Rule
from labelloom_clmil.frequent_pairs import pairs_above

_PROBED = 1024
"""Documents of a split among which enough negatives are looked for first."""
_AT_ONCE = 2**22
"""Pairs of a label set and a document that are compared at once."""


def going_together(statistics: CorpusStatistics, rule: Rule) -> sp.csr_array:
    """(L, L): in row a the labels b that a document apart from one with the label a must not carry, a itself among
    them.

    M counts the training documents with two labels, and Mbar_a is its mean over the others than a (eq. 9-10).

    "at-most-mean":  M_ab > Mbar_a
    "never":         M_ab > 0
    "disjoint":      none but a
    """
    itself = sp.eye_array(statistics.label_count, dtype=np.int64, format="csr")
    if rule == "disjoint":
        return itself
    bound = np.zeros(statistics.label_count) if rule == "never" else statistics.mean_cooccurrence
    one, other = pairs_above(statistics, bound)
    above = sp.csr_array((np.ones(len(one), dtype=np.int64), (one, other)), shape=itself.shape)
    return sp.csr_array(above + itself)


def closed_to(labels: np.ndarray, together: sp.csr_array) -> np.ndarray:
    """(L,) bool: the labels that a document apart from one with `labels` must not carry."""
    closed = np.zeros(together.shape[1], dtype=bool)
    for label in labels:
        closed[together.indices[together.indptr[label] : together.indptr[label + 1]]] = True
    return closed


def apart(closed: np.ndarray, rows: np.ndarray, sets: LabelSets) -> np.ndarray:
    """(len(rows),) bool: which of `rows` carry no label that is `closed` (L,); those without labels do not."""
    own = sets.take(rows)
    return np.bincount(own.rows[closed[own.values]], minlength=len(rows)) == 0


def counts_apart(rows: np.ndarray, sets: LabelSets, together: sp.csr_array, enough: int) -> np.ndarray:
    """(len(rows),) int64: for each of `rows` how many documents of `sets` keep apart from it, exact below `enough`.

    Label sets that several documents have are compared once, and all documents only with those that find not enough
    among a few: for most label sets nothing grows with labels times documents.
    """
    first, member = _different(sets.take(rows))
    asked = sets.take(rows[first])
    probe = sets.take(np.unique(np.linspace(0, len(sets) - 1, min(_PROBED, len(sets))).astype(np.int64)))
    reached = sp.csr_array(together @ probe.to_sparse().T)  # (L, P)
    found = _counts(asked, [reached], np.ones(len(probe), dtype=np.int64))
    left = np.flatnonzero(found < enough)
    if len(left) and len(probe) < len(sets):
        kinds, kind_of = _different(sets)
        carried = sp.csr_array(sets.take(kinds).to_sparse().T)  # (L, K)
        found[left] = _counts(asked.take(left), [together, carried], np.bincount(kind_of, minlength=len(kinds)))
    return found[member]


def _counts(asked: LabelSets, steps: Sequence[sp.csr_array], weights: np.ndarray) -> np.ndarray:
    """(U,) int64: for each of `asked` the weight (D,) of those documents that its labels do not reach.

    `steps` are the factors of the matrix (L, D) of what a label reaches. `asked` goes through them piece by piece, so
    that no product with all of it need fit into memory.
    """
    rows = asked.to_sparse()
    parts = [np.zeros(0, dtype=np.int64)]
    for chunk in _chunks(len(asked), max(1, _AT_ONCE // max(1, len(weights)))):
        met = rows[chunk]
        for step in steps:
            met = sp.csr_array(met @ step)
        met.data = np.ones_like(met.data)
        parts.append(int(weights.sum()) - met @ weights)
    return np.concatenate(parts)


def _chunks(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))


def _different(sets: LabelSets) -> tuple[np.ndarray, np.ndarray]:
    """The first document (K,) with each label set, and which of these sets each document has, (N,)."""
    seen: dict[bytes, int] = {}
    member: Sequence[int] = [seen.setdefault(sets[row].tobytes(), len(seen)) for row in range(len(sets))]
    places = np.array(member, dtype=np.int64)
    return np.unique(places, return_index=True)[1], places
