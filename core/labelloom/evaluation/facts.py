"""What is known of single documents: counted, sorted and looked up once, however often it is averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.membership import contains, ranked_hits
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rarest import DocumentOrder, LabelScores

BINS = 15
"""Bins of probability over which the calibration error is taken (Guo et al. 2017)."""

_ENTRIES_AT_ONCE = 1 << 22
"""Ranked places looked at together: bounds scratch memory to about 100 MB."""


class Facts:
    """N documents with their truth, the answers to them, and ranking, propensities and label scores if there are any.

    Everything here is the same whatever weight a document has; `Outcome` weighs it. Each is computed when it is first
    asked for. Memory is proportional to the labels that occur, plus L, plus N times the deepest k asked for; only the
    metrics of a complete ranking take N * L.
    """

    def __init__(
        self,
        truth: LabelSets,
        predicted: LabelSets,
        ranking: Ranking | None,
        propensities: np.ndarray | None,
        label_scores: LabelScores | None = None,
    ) -> None:
        self.truth = truth
        self.predicted = predicted
        self.ranking = ranking
        self.propensities = propensities
        self.label_scores = label_scores
        self._hits = np.zeros((len(truth), 0), dtype=bool)
        self._once: dict[tuple[str, int], Any] = {}

    @cached_property
    def right(self) -> np.ndarray:
        """(len(predicted.values),) bool: which answers are true."""
        return contains(self.truth, self.predicted.rows, self.predicted.values)

    @cached_property
    def hit_counts(self) -> np.ndarray:
        """(N,) int64: how many answers to each document are right."""
        return np.bincount(self.predicted.rows[self.right], minlength=len(self.truth))

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

    def found(self, k: int) -> np.ndarray:
        """(N,) int64: how many of the labels in the first k places are true."""
        return self._kept("found", k, lambda: self.hits(k).sum(axis=1))

    def gains(self, k: int) -> np.ndarray:
        """(N,): nDCG@k, 0 for documents without labels: Σ 1 / log2(rank + 1) of hits, over the most it could be."""

        def gains() -> np.ndarray:
            hits, discounts = self.hits(k), 1.0 / np.log2(np.arange(2, k + 2))
            best = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(self.truth.counts, k)]
            gained = hits @ discounts[: hits.shape[1]]
            return np.divide(gained, best, out=gained, where=best > 0)

        return self._kept("gains", k, gains)

    def propensity_scored(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Two (N,): Σ 1 / p over the true labels in the first k places, and the most that k places could have."""
        if self.propensities is None:
            raise ValueError("a propensity-scored metric needs the labels' propensities")
        worth, hits = 1.0 / self.propensities, self.hits(k)

        def sums() -> tuple[np.ndarray, np.ndarray]:
            gained = np.empty(len(hits))
            assert self.ranking is not None
            for block in blocks(len(hits), hits.shape[1]):
                gained[block] = (worth[self.ranking.labels[block, :k]] * hits[block]).sum(axis=1)
            rows, place, true = self._rarest
            near = place < k
            return gained, np.bincount(rows[near], weights=worth[true[near]], minlength=len(hits))

        return self._kept("propensity scored", k, sums)

    def once(self, name: str, compute: Callable[[], Any]) -> Any:
        """What `compute` gives, computed when it is first asked for; a bundle's metric takes its own name for `name`.

        For what is the same whatever documents weigh: a bootstrap asks a thousand times.
        """
        return self._kept(name, 0, compute)

    def _kept(self, what: str, k: int, compute: Callable[[], Any]) -> Any:
        if (what, k) not in self._once:
            self._once[what, k] = compute()
        return self._once[what, k]

    @cached_property
    def _rarest(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The true labels, those of least propensity first in each document: row, place from 0, label."""
        assert self.propensities is not None
        rows = self.truth.rows
        order = np.lexsort((self.propensities[self.truth.values], rows))
        place = np.arange(len(rows), dtype=np.int64) - self.truth.offsets[rows]
        return rows, place, self.truth.values[order]

    @cached_property
    def rank_measures(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Three (N,): coverage, ranking loss and average precision of the labelled documents, 0 for the others.

        The rank of a label is the number of labels that score as high or higher: ties count against it, as with
        scikit-learn.
        """
        assert self.ranking is not None
        hits, scores = self.hits(self.ranking.depth), self.ranking.by_model.scores
        coverage, loss, precision = np.zeros((3, len(hits)))
        for block in blocks(len(hits), hits.shape[1]):
            rows, places = np.nonzero(hits[block])
            last = _last_of_equals(scores[block])[rows, places]
            true_above = np.cumsum(hits[block], axis=1, dtype=np.int32)[rows, last]
            rank, rows = last + 1, rows + block.start
            np.maximum.at(coverage, rows, rank)
            loss += np.bincount(rows, weights=rank - true_above, minlength=len(hits))
            precision += np.bincount(rows, weights=true_above / rank, minlength=len(hits))
        true = self.truth.counts
        false = self.truth.label_count - true
        np.divide(loss, true * false, out=loss, where=true * false > 0)
        np.divide(precision, true, out=precision, where=true > 0)
        return coverage, loss, precision

    @cached_property
    def squared_errors(self) -> np.ndarray:
        """(N,): the mean of (probability - truth)² over the ranked labels."""
        errors = np.empty(len(self.truth))
        for block, probabilities, hits in self._probabilities():
            errors[block] = np.square(probabilities - hits).mean(axis=1)
        return errors

    @cached_property
    def gaps(self) -> np.ndarray:
        """(N, BINS): Σ (truth - probability) over the ranked labels whose probability lies in each of equal bins."""
        gaps = np.empty((len(self.truth), BINS))
        for block, probabilities, hits in self._probabilities():
            bins = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
            cells = np.arange(len(hits))[:, None] * BINS + bins
            sums = np.bincount(cells.ravel(), weights=(hits - probabilities).ravel(), minlength=len(hits) * BINS)
            gaps[block] = sums.reshape(-1, BINS)
        return gaps

    def _probabilities(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        assert self.ranking is not None
        hits = self.hits(self.ranking.depth)
        for block in blocks(len(hits), hits.shape[1]):
            scores = self.ranking.scores[block].astype(np.float64)
            yield block, np.where(scores > -np.inf, scores, 0.0), hits[block]

    @cached_property
    def label_orders(self) -> list[LabelOrder]:
        """One for each label that some documents have and some have not."""
        assert self.ranking is not None
        scores = np.ascontiguousarray(self.ranking.by_model.to_dense().T)
        counts = np.bincount(self.truth.values, minlength=self.truth.label_count)
        both = np.flatnonzero((counts > 0) & (counts < len(self.truth)))
        return [LabelOrder.of(scores[label], self.truth.documents_of(label)) for label in both.tolist()]

    @cached_property
    def document_orders(self) -> list[DocumentOrder]:
        """One for each of the labels in `label_scores`."""
        if self.label_scores is None:
            raise ValueError("a metric that ranks documents needs the scores of labels for all of them")
        columns = zip(self.label_scores.labels.tolist(), self.label_scores.scores.T, strict=True)
        return [DocumentOrder.of(scores, self.truth.documents_of(label)) for label, scores in columns]


@dataclass(frozen=True)
class LabelOrder:
    """The documents with a label among those without it, which stand in the order of the label's scores, ascending.

    `true` (P,) are the documents with the label, `others` (N - P,) int32 those without. The i-th of `true` scores
    higher than the first `low[i]` of the others, and at least as high as the first `high[i]`.
    """

    true: np.ndarray
    others: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray, true: np.ndarray) -> LabelOrder:
        """From the label's score for each document (N,), and the documents that have it, ascending."""
        others = np.delete(np.arange(len(scores), dtype=np.int32), true)
        others = others[np.argsort(scores[others])]
        ascending = scores[others]
        low, high = (np.searchsorted(ascending, scores[true], side=side) for side in ("left", "right"))
        return cls(true, others, low, high)

    def area(self, weights: np.ndarray) -> float | None:
        """The area under the ROC curve, ties counting half; None where either side weighs nothing. `weights` (N,)."""
        mine = weights[self.true]
        below = np.concatenate([[0.0], np.cumsum(weights[self.others])])
        whole = mine.sum() * below[-1]
        return float(mine @ (below[self.low] + below[self.high]) / 2 / whole) if whole else None


def blocks(documents: int, depth: int) -> Iterator[slice]:
    """Slices of documents with a bounded number of ranked places each."""
    step = max(1, _ENTRIES_AT_ONCE // max(1, depth))
    return (slice(start, min(start + step, documents)) for start in range(0, documents, step))


def _last_of_equals(scores: np.ndarray) -> np.ndarray:
    """(n, K) int64: the last place that has the score of each place; `scores` (n, K) descend in each row."""
    depth = scores.shape[1]
    ends = np.full(scores.shape, depth - 1)
    ends[:, :-1] = np.where(scores[:, 1:] < scores[:, :-1], np.arange(depth - 1), depth)
    return np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
