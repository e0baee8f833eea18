"""What metrics are functions of: truth, answers and rankings, counted once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.membership import contains, ranked_hits
from labelloom.evaluation.ranking import Ranking


def ratio(part: np.ndarray | float, whole: np.ndarray | float) -> np.ndarray:
    """part / whole in float64, 0 where whole is 0 (scikit-learn's `zero_division=0`)."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    result = np.zeros(np.broadcast_shapes(part.shape, whole.shape))
    np.divide(part, whole, out=result, where=whole != 0)
    return result


@dataclass(frozen=True)
class Counts:
    """How many answers are right (`hits`), given (`predicted`) and true (`true`): int64 arrays of one shape.

    The shape is (L,) by label, (N,) by document and () over everything; the measures have the same shape and are 0
    where nothing defines them.
    """

    hits: np.ndarray
    predicted: np.ndarray
    true: np.ndarray

    @property
    def precision(self) -> np.ndarray:
        return ratio(self.hits, self.predicted)

    @property
    def recall(self) -> np.ndarray:
        return ratio(self.hits, self.true)

    @property
    def f1(self) -> np.ndarray:
        return ratio(2 * self.hits, self.predicted + self.true)

    @property
    def jaccard(self) -> np.ndarray:
        return ratio(self.hits, self.predicted + self.true - self.hits)

    @property
    def total(self) -> Counts:
        """The sums, of shape ()."""
        return Counts(self.hits.sum(), self.predicted.sum(), self.true.sum())

    def take(self, chosen: np.ndarray) -> Counts:
        """The counts at an index or under a mask."""
        return Counts(self.hits[chosen], self.predicted[chosen], self.true[chosen])


class Outcome:
    """The truth of N documents, the answers to them and, if there is one, the ranking behind the answers.

    Everything that several metrics need is computed once, when the first of them asks. Memory is proportional to
    the labels that occur, plus L, plus N times the deepest k asked for.

    Raises ValueError for no document, no label, or three arguments that are not about the same documents and labels.
    """

    def __init__(self, truth: LabelSets, predicted: LabelSets, ranking: Ranking | None = None) -> None:
        if not len(truth) or not truth.label_count:
            raise ValueError(
                f"nothing can be measured on {len(truth)} documents with {truth.label_count} labels; "
                "at least one of each is needed"
            )
        for what, other in (("predicted", predicted), ("ranking", ranking)):
            if other is not None and (len(other), other.label_count) != (len(truth), truth.label_count):
                raise ValueError(
                    f"{what} is about {len(other)} documents and {other.label_count} labels, "
                    f"the truth about {len(truth)} and {truth.label_count}"
                )
        self.truth = truth
        self.predicted = predicted
        self.ranking = ranking
        self._hits = np.zeros((len(truth), 0), dtype=bool)

    @cached_property
    def _right(self) -> np.ndarray:
        """(len(predicted.values),) bool: which answers are true."""
        return contains(self.truth, self.predicted.rows, self.predicted.values)

    @cached_property
    def by_label(self) -> Counts:
        """Counts of shape (L,)."""
        labels, given = self.truth.label_count, self.predicted.values
        return Counts(
            np.bincount(given[self._right], minlength=labels),
            np.bincount(given, minlength=labels),
            np.bincount(self.truth.values, minlength=labels),
        )

    @cached_property
    def by_document(self) -> Counts:
        """Counts of shape (N,)."""
        hits = np.bincount(self.predicted.rows[self._right], minlength=len(self.truth))
        return Counts(hits, self.predicted.counts, self.truth.counts)

    @cached_property
    def total(self) -> Counts:
        """Counts over all documents and labels, of shape ()."""
        return self.by_label.total

    @cached_property
    def labelled(self) -> np.ndarray:
        """(N,) bool: documents with at least one true label, over which the ranking metrics average."""
        return self.truth.counts > 0

    def hits(self, k: int) -> np.ndarray:
        """(N, min(k, L)) bool: whether the labels in the first k places are true.

        Raises ValueError without a ranking, for k < 1, or for a k below which the ranking was cut off.
        """
        if self.ranking is None:
            raise ValueError("a ranking metric needs a ranking")
        if k < 1:
            raise ValueError(f"k must be at least 1, found {k}")
        if k > self.ranking.depth and not self.ranking.complete:
            raise ValueError(
                f"a metric at {k} needs the best {k} labels of each document; the ranking holds {self.ranking.depth} "
                f"of {self.ranking.label_count}"
            )
        done = self._hits.shape[1]
        if k > done:
            more = ranked_hits(self.truth, self.ranking.labels[:, done:k])
            self._hits = np.concatenate([self._hits, more], axis=1)
        return self._hits[:, :k]
