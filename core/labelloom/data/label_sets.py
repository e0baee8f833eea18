"""Label sets of many documents in compressed sparse rows: the one form in which truth and answers are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True)
class LabelSets:
    """The label sets of N documents over L labels.

    `offsets` (N + 1,) int64; the labels of document i are `values[offsets[i]:offsets[i + 1]]`, ascending and
    without repeats, int64 in [0, label_count). Memory is proportional to the number of labels that occur, so half
    a million labels cost nothing by themselves.
    """

    offsets: np.ndarray
    values: np.ndarray
    label_count: int

    @classmethod
    def from_lists(cls, sets: Iterable[Sequence[int]], label_count: int) -> LabelSets:
        """From one sequence of label ids a document; repeats are dropped.

        Raises ValueError when an id lies outside [0, label_count).
        """
        rows = [np.unique(np.asarray(labels, dtype=np.int64)) for labels in sets]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        values = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
        if len(values) and (values.min() < 0 or values.max() >= label_count):
            raise ValueError(f"label ids must lie in [0, {label_count}), found {values.min()} to {values.max()}")
        return cls(offsets, values, label_count)

    @classmethod
    def from_dense(cls, indicator: np.ndarray) -> LabelSets:
        """From an (N, L) indicator matrix of booleans or zeros and ones."""
        rows, columns = np.nonzero(indicator)
        offsets = np.zeros(len(indicator) + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=len(indicator)), out=offsets[1:])
        return cls(offsets, columns.astype(np.int64), indicator.shape[1])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        """The label ids of one document, ascending."""
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def counts(self) -> np.ndarray:
        """(N,) int64: how many labels each document has."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> np.ndarray:
        """(len(values),) int64: the document of each entry of `values`."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.counts)

    @cached_property
    def _by_label(self) -> tuple[np.ndarray, np.ndarray]:
        counts = np.bincount(self.values, minlength=self.label_count)
        return np.concatenate([[0], np.cumsum(counts)]), self.rows[np.argsort(self.values, kind="stable")]

    def documents_of(self, label: int) -> np.ndarray:
        """The rows that carry `label`, ascending int64; the index behind it is made once."""
        offsets, rows = self._by_label
        return rows[offsets[label] : offsets[label + 1]]

    def take(self, rows: np.ndarray) -> LabelSets:
        """The label sets of `rows`, in that order; a row may occur more than once."""
        rows = np.asarray(rows, dtype=np.int64)
        counts = self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(counts, out=offsets[1:])
        index = np.arange(offsets[-1]) - np.repeat(offsets[:-1] - self.offsets[rows], counts)
        return LabelSets(offsets, self.values[index], self.label_count)

    def to_sparse(self) -> sp.csr_array:
        """(N, L) scipy CSR of ones, int64 (scikit-learn scrambles narrower ones)."""
        data = np.ones(len(self.values), dtype=np.int64)
        return sp.csr_array((data, self.values, self.offsets), shape=(len(self), self.label_count))

    def to_dense(self) -> np.ndarray:
        """(N, L) bool. For tests and small label sets."""
        dense = np.zeros((len(self), self.label_count), dtype=bool)
        dense[self.rows, self.values] = True
        return dense
