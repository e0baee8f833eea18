"""The labels of each document from best to worst: what a model says before a rule decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_ENTRIES_AT_ONCE = 1 << 24
"""Scores sorted at a time by `Ranking.from_dense`: bounds its scratch memory to some hundred MB."""


@dataclass(frozen=True)
class Ranking:
    """The K best labels of N documents with their scores, out of `label_count` = L labels.

    `labels` (N, K) int64 label ids, best first; `scores` (N, K) float32, descending in each row. Scores are any
    real numbers, or minus infinity for a label that no threshold should reach. With K == L the ranking is
    complete and holds every score; with K < L the labels below the K-th have no score and count as not predicted,
    whatever the threshold, and as not ranked, whatever the metric. Memory is proportional to N * K, never to L.

    Where the scores are calibrated, `uncalibrated` (N, K) float32 are those that the model gave.

    Raises ValueError for shapes, types or values that are no ranking. That a row names no label twice is not
    checked.
    """

    labels: np.ndarray
    scores: np.ndarray
    label_count: int
    uncalibrated: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.labels.ndim != 2 or self.labels.shape != self.scores.shape:
            raise ValueError(
                f"labels and scores must have one shape (N, K), found {self.labels.shape} and {self.scores.shape}"
            )
        if self.labels.dtype != np.int64 or self.scores.dtype != np.float32:
            raise ValueError(
                f"labels must be int64 and scores float32, found {self.labels.dtype} and {self.scores.dtype}"
            )
        if not 1 <= self.depth <= self.label_count:
            raise ValueError(
                f"a ranking of {self.label_count} labels must hold 1 to {self.label_count} a document, "
                f"found {self.depth}"
            )
        if len(self) and (self.labels.min() < 0 or self.labels.max() >= self.label_count):
            raise ValueError(
                f"label ids must lie in [0, {self.label_count}), found {self.labels.min()} to {self.labels.max()}"
            )
        refuse_no_number(self.scores, self.labels)
        rising = (self.scores[:, 1:] > self.scores[:, :-1]).any(axis=1)
        if rising.any():
            raise ValueError(f"scores must descend in each row; those of document {rising.argmax()} do not")

    @classmethod
    def from_dense(cls, scores: np.ndarray, depth: int | None = None) -> Ranking:
        """From a matrix of scores (N, L); keeps the best `depth` labels, or all.

        Scores are compared as float32; of equal ones the lower label id comes first. Raises ValueError for NaN or
        plus infinity, naming the document and the label.
        """
        scores = np.asarray(scores, dtype=np.float32)
        if scores.ndim != 2 or not scores.shape[1]:
            raise ValueError(f"scores must have the shape (N, L) with at least one label, found {scores.shape}")
        if depth is not None and depth < 1:
            raise ValueError(f"depth must be at least 1, found {depth}")
        documents, label_count = scores.shape
        depth = label_count if depth is None else min(depth, label_count)
        labels = np.empty((documents, depth), dtype=np.int64)
        step = max(1, _ENTRIES_AT_ONCE // label_count)
        for start in range(0, documents, step):
            block = scores[start : start + step]
            columns = np.broadcast_to(np.arange(label_count), block.shape)
            refuse_no_number(block, columns, start)
            if depth < label_count:
                columns = _best_columns(block, depth)
            order = np.argsort(-np.take_along_axis(block, columns, axis=1), axis=1, kind="stable")
            labels[start : start + step] = np.take_along_axis(columns, order, axis=1)
        return cls(labels, np.take_along_axis(scores, labels, axis=1), label_count)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def depth(self) -> int:
        """K: how many labels each document has here."""
        return int(self.labels.shape[1])

    @property
    def complete(self) -> bool:
        """Whether every label is ranked (K == L)."""
        return self.depth == self.label_count

    def take(self, rows: np.ndarray) -> Ranking:
        """The ranking of the documents `rows`, in that order; a row may occur more than once."""
        before = None if self.uncalibrated is None else self.uncalibrated[rows]
        return Ranking(self.labels[rows], self.scores[rows], self.label_count, before)

    @property
    def by_model(self) -> Ranking:
        """The same with the scores that the model gave: what tells an order, since calibrated ones may be rounded."""
        return self if self.uncalibrated is None else Ranking(self.labels, self.uncalibrated, self.label_count)

    def to_dense(self) -> np.ndarray:
        """(N, L) float32 scores by label id. Raises ValueError if the ranking is not complete."""
        if not self.complete:
            raise ValueError(
                f"only a complete ranking has every score; this one holds {self.depth} of {self.label_count} labels"
            )
        dense = np.empty(self.scores.shape, dtype=np.float32)
        np.put_along_axis(dense, self.labels, self.scores, axis=1)
        return dense


def _best_columns(block: np.ndarray, depth: int) -> np.ndarray:
    """(n, depth) int64: columns of the best scores of each row, ascending; ties at the edge go to lower columns."""
    edge = np.partition(block, -depth, axis=1)[:, -depth, None]  # (n, 1): the score of the last place
    above, level = block > edge, block == edge
    room = depth - above.sum(axis=1, keepdims=True)
    keep = above | (level & (np.cumsum(level, axis=1, dtype=np.int32) <= room))
    return np.nonzero(keep)[1].reshape(-1, depth)


def refuse_no_number(scores: np.ndarray, labels: np.ndarray, first_document: int = 0) -> None:
    """Raises ValueError, naming document and label, for NaN or plus infinity in `scores` (N, K) of `labels` (N, K)."""
    bad = ~(scores < np.inf)  # true for NaN too
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise ValueError(
            f"scores must be numbers below infinity; document {first_document + row} has {scores[row, column]} for "
            f"label {labels[row, column]}"
        )
