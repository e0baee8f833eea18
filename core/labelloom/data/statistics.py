"""What is counted over the label sets of the training split, and over nothing else."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from labelloom.data.cache import cached_arrays, digest_of
from labelloom.data.label_sets import LabelSets

HEAD, MID, TAIL = 0, 1, 2
HEAD_SHARE, MID_SHARE = 3000 / 53840, 1000 / 53840
"""The shares of the training documents from which a label belongs to the head and to the middle."""


class CorpusStatistics:
    """Counts over N documents and L labels, computed when first asked for; time and memory grow with non-zeros.

    `label_sets` are those of the training split. What takes longer to compute than to read is kept in the folder
    `cache` under a hash of the label sets, whose ids carry the label order; None keeps nothing.

    Raises ValueError when there is no document.
    """

    def __init__(self, label_sets: LabelSets, cache: Path | None = None) -> None:
        if not len(label_sets):
            raise ValueError("statistics need at least one document")
        self._label_sets = label_sets
        self._cache = cache

    @property
    def document_count(self) -> int:
        """N."""
        return len(self._label_sets)

    @property
    def label_count(self) -> int:
        """L."""
        return self._label_sets.label_count

    @cached_property
    def frequency(self) -> np.ndarray:
        """(L,) int64: documents that carry each label."""
        return np.bincount(self._label_sets.values, minlength=self.label_count).astype(np.int64)

    @property
    def cardinality(self) -> float:
        """Labels a document, on average."""
        return len(self._label_sets.values) / self.document_count

    @cached_property
    def cooccurrence(self) -> sp.csr_array:
        """(L, L) int64, symmetric, zero diagonal: documents that carry both labels."""
        arrays = cached_arrays(self._file("cooccurrence"), self._count_pairs)
        return sp.csr_array(
            (arrays["data"], arrays["indices"], arrays["indptr"]), shape=(self.label_count, self.label_count)
        )

    def _count_pairs(self) -> dict[str, np.ndarray]:
        indicator = self._label_sets.to_sparse()
        counts = sp.csr_array(indicator.T @ indicator)
        # In place: for half a million labels each copy of the pairs would take gigabytes.
        rows = np.repeat(np.arange(self.label_count, dtype=counts.indices.dtype), np.diff(counts.indptr))
        counts.data[rows == counts.indices] = 0
        counts.eliminate_zeros()
        counts.sort_indices()
        return {"data": counts.data, "indices": counts.indices, "indptr": counts.indptr}

    @cached_property
    def mean_cooccurrence(self) -> np.ndarray:
        """(L,) float64: a label's co-occurrence with the other L - 1 on average (Li et al. 2023 eq. 10)."""
        return np.asarray(self.cooccurrence.sum(axis=1), dtype=np.float64) / max(self.label_count - 1, 1)

    def documents_of(self, label: int) -> np.ndarray:
        """The rows of the training split that carry `label`, int64, ascending."""
        return self._label_sets.documents_of(label)

    def groups(self, head: float | int = HEAD_SHARE, mid: float | int = MID_SHARE) -> np.ndarray:
        """(L,) int8 by frequency: 0 (head) from `head` upwards, 1 (mid) from `mid` upwards, 2 (tail) below.

        A float is a share of the documents, an int a number of them. The defaults are the 3,000 and 1,000 of
        53,840 documents (Li et al. 2023 table 6), as shares: 5.57 % and 1.86 %.

        Raises ValueError when `mid` exceeds `head`.
        """
        shares = [bound / self.document_count if isinstance(bound, int) else bound for bound in (head, mid)]
        if shares[1] > shares[0]:
            raise ValueError(f"mid ({mid:g}) exceeds head ({head:g}), of {self.document_count} documents")
        # Divided, not multiplied: 3000 of 53,840 must reach 3000 / 53840 exactly.
        share = self.frequency / self.document_count
        return np.select([share >= shares[0], share >= shares[1]], [HEAD, MID], TAIL).astype(np.int8)

    def neighbours(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k labels with the highest CF-IDF for each label: ids (L, k) int64 padded with -1, and mask (L, k) bool.

        CF-IDF of label i and another j is count(i, j) / N * log(N / count(j)) (Wang et al. eq. 1-3). Labels that never
        occur with i and labels of score 0 (those in every document) are no neighbours, so there may be fewer than k.
        Of equal scores the higher count(i, j) comes first, then the lower id.
        """
        arrays = cached_arrays(self._file(f"neighbours-{k}"), lambda: {"ids": self._rank_neighbours(k)})
        return arrays["ids"], arrays["ids"] >= 0

    def _rank_neighbours(self, k: int) -> np.ndarray:
        pairs = self.cooccurrence
        rows = np.repeat(np.arange(self.label_count), np.diff(pairs.indptr))
        score = pairs.data * np.log(self.document_count / self.frequency[pairs.indices])
        # 2 log 4 equals 4 log 2, but not always to the last bit: equal to 12 digits counts as equal.
        mantissa, exponent = np.frexp(score)
        score = np.ldexp(np.round(mantissa, 12), exponent)
        order = np.lexsort((pairs.indices, -pairs.data, -score, rows))
        order = order[score[order] > 0]
        starts = np.searchsorted(rows[order], np.arange(self.label_count))
        rank = np.arange(len(order)) - starts[rows[order]]
        order, rank = order[rank < k], rank[rank < k]
        ids = np.full((self.label_count, k), -1, dtype=np.int64)
        ids[rows[order], rank] = pairs.indices[order]
        return ids

    @cached_property
    def _digest(self) -> str:
        return digest_of(self._label_sets.offsets, self._label_sets.values, self.label_count)

    def _file(self, quantity: str) -> Path | None:
        return None if self._cache is None else self._cache / f"{self._digest}-{quantity}.npz"
