"""The rarest labels, and how well a model finds the documents that carry them (Wang et al. 2023 eq. 14).

Other metrics rank the labels of a document; here all documents of a split are ranked by what a model says of one label.
That takes the score of every document, which a ranking of the best labels of each lacks where a label is rare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.ranking import Ranking, refuse_no_number


def rarest_labels(frequency: np.ndarray, truth: LabelSets, count: int = 10) -> np.ndarray:
    """Up to `count` labels with the fewest training documents, int64, the rarest first; of equals the lower id.

    `frequency` (L,) is how many training documents carry each label. Labels without one are left out, since no model
    could learn them, and so are those that no document of `truth` carries: there is nothing of theirs to be found.
    """
    scored = np.bincount(truth.values, minlength=truth.label_count)
    there = np.flatnonzero((frequency > 0) & (scored > 0))
    return there[np.argsort(frequency[there], kind="stable")][:count]


@dataclass(frozen=True)
class LabelScores:
    """What a model says of R labels, `labels` (R,) int64, for each of N documents: `scores` (N, R) float32.

    Raises ValueError for other shapes and for scores that are NaN or plus infinity.
    """

    labels: np.ndarray
    scores: np.ndarray

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or self.scores.ndim != 2 or self.scores.shape[1] != len(self.labels):
            raise ValueError(
                f"there must be a column of scores for each label, found {self.labels.shape} labels and "
                f"{self.scores.shape} scores"
            )
        refuse_no_number(self.scores, np.broadcast_to(self.labels, self.scores.shape))

    @classmethod
    def from_ranking(cls, ranking: Ranking, labels: np.ndarray) -> LabelScores:
        """Of a ranking of every label, before any calibration. Raises ValueError for one that is cut off."""
        return cls(labels, ranking.by_model.to_dense()[:, labels])

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class DocumentOrder:
    """N documents from the one that scores highest for a label to the lowest; of equals those without the label first.

    `rows` (N,) are the documents, `true` (N,) bool says which carry the label.
    """

    rows: np.ndarray
    true: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, true_rows: np.ndarray) -> DocumentOrder:
        """From the label's scores (N,) and the documents that carry it."""
        true = np.zeros(len(scores), dtype=bool)
        true[true_rows] = True
        rows = np.lexsort((true, -scores))
        return cls(rows, true[rows])

    def hits(self, weights: np.ndarray, k: int) -> float:
        """How many of the first k documents carry the label, where document i stands `weights[i]` times in a row."""
        count = 4 * k
        while count < len(self.rows) and weights[self.rows[:count]].sum() < k:
            count *= 4
        rows = self.rows[:count]
        before = np.cumsum(weights[rows]) - weights[rows]
        return float(np.clip(k - before, 0, weights[rows]) @ self.true[:count])

    def carrying(self, weights: np.ndarray) -> float:
        """How many documents carry the label, counted by `weights` (N,)."""
        return float(weights[self.rows[self.true]].sum())
