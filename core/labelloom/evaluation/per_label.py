"""A threshold for each label, fitted on given truth and drawn to a common one.

A label's own threshold rests on the few documents that have it. Fitted freely on a rare label it follows chance, and
where it lands too low the label is given to thousands of documents. So with n documents the own threshold t counts
n / (n + s) and the common one c the rest, s / (n + s); labels with fewer documents than a floor get c alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.membership import ranked_hits
from labelloom.evaluation.ranking import Ranking

_ROUNDS = 50
"""At most so many rounds towards the highest micro-F1; it takes about five."""


def fit_per_label(
    metric: Literal["micro_f1", "macro_f1"],
    ranking: Ranking,
    truth: LabelSets,
    common: float,
    min_support: int,
    shrinkage: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The labels with a threshold of their own, ascending int64, and these thresholds, float64.

    For macro-F1 each label's own F1 is the highest there is; for micro-F1 all together reach the highest micro-F1, by
    Dinkelbach's method. Thresholds lie midway between two scores of a label, as that of `fit_threshold`; of equally
    good ones the highest is taken. Then each is drawn to `common`. Labels with fewer than `min_support` documents, and
    those whose documents are all ranked below the cut, have none.
    """
    support = np.bincount(truth.values, minlength=truth.label_count)
    cuts = _Cuts.of(ranking, truth, support >= min_support)
    if metric == "macro_f1":
        best = cuts.best(2 * cuts.hits / (cuts.given + support[cuts.labels]))
    else:
        best = _best_together(cuts, ranking, truth, common)
    own = cuts.thresholds(best)
    labels = cuts.labels[cuts.starts]
    weight = support[labels] / (support[labels] + shrinkage)
    return labels, weight * own + (1 - weight) * common


@dataclass(frozen=True)
class _Cuts:
    """The scores at which a threshold may lie, label by label and descending in each; M in all, for S labels."""

    labels: np.ndarray  # (M,) int64
    scores: np.ndarray  # (M,) float64
    below: np.ndarray  # (M,) float64: the label's next lower score, -inf if there is none
    hits: np.ndarray  # (M,) true answers if the threshold lets this score in
    given: np.ndarray  # (M,) answers then
    starts: np.ndarray  # (S,) where each label begins

    @classmethod
    def of(cls, ranking: Ranking, truth: LabelSets, wanted: np.ndarray) -> _Cuts:
        """The cuts of the `wanted` (L,) bool labels that a finite score of a true document allows."""
        right = ranked_hits(truth, ranking.labels)
        lowest = np.full(ranking.label_count, np.inf, dtype=np.float32)
        found = right & (ranking.scores > -np.inf)
        np.minimum.at(lowest, ranking.labels[found], ranking.scores[found])
        lowest[~wanted] = np.inf
        # Below the lowest score of a true document nothing can be gained.
        least = lowest[ranking.labels]
        kept, under = ranking.scores >= least, np.isfinite(least) & (ranking.scores < least)
        beneath = np.full(ranking.label_count, -np.inf, dtype=np.float32)
        np.maximum.at(beneath, ranking.labels[under], ranking.scores[under])
        labels, scores, right = ranking.labels[kept], ranking.scores[kept], right[kept]
        order = np.lexsort((-scores, labels))
        labels, scores, right = labels[order], scores[order], right[order]
        new = np.append(True, labels[1:] != labels[:-1]) if len(labels) else np.zeros(0, dtype=bool)
        first = np.maximum.accumulate(np.where(new, np.arange(len(labels)), 0))
        hits = np.cumsum(right)
        hits = hits - (hits - right)[first]
        given = np.arange(1, len(labels) + 1) - first
        last = np.append(new[1:], True)[: len(labels)]
        below = np.where(last, beneath[labels], np.append(scores[1:], np.float32(0))[: len(labels)])
        ends = below < scores  # equal scores are never split
        labels = labels[ends]
        starts = np.flatnonzero(np.append(True, labels[1:] != labels[:-1])[: len(labels)])
        return cls(
            labels, scores[ends].astype(np.float64), below[ends].astype(np.float64), hits[ends], given[ends], starts
        )

    def best(self, values: np.ndarray) -> np.ndarray:
        """(S,): for each label the first cut, which is the highest, with the highest of `values` (M,)."""
        if not len(self.starts):
            return self.starts
        highest = np.repeat(np.maximum.reduceat(values, self.starts), np.diff(self.starts, append=len(values)))
        reaching = np.flatnonzero(values == highest)
        return reaching[np.unique(self.labels[reaching], return_index=True)[1]]

    def thresholds(self, best: np.ndarray) -> np.ndarray:
        """(S,) midway below the cuts `best`; just above a label's highest score where that is -1."""
        chosen = np.maximum(best, 0)
        middle = (self.scores[chosen] + self.below[chosen]) / 2
        middle = np.where(np.isfinite(middle), middle, self.scores[chosen])
        return np.where(best < 0, np.nextafter(self.scores[self.starts], np.inf), middle)


def _best_together(cuts: _Cuts, ranking: Ranking, truth: LabelSets, common: float) -> np.ndarray:
    """(S,) the cuts with the highest micro-F1 of all labels, -1 for a label that is better never given.

    F is reached by those cuts that make the most of Σ (2 hits - F (given + true)), each label for itself; with the F
    that they reach this repeats until F no longer rises (Dinkelbach 1967). Labels without cuts keep `common`.
    """
    rest = np.ones(ranking.label_count, dtype=bool)
    rest[cuts.labels] = False
    reaching = (ranking.scores >= np.float64(common)) & rest[ranking.labels]
    hits = int((ranked_hits(truth, ranking.labels) & reaching).sum())
    given = int(reaching.sum())
    value, best = 0.0, np.full(len(cuts.starts), -1)
    for _ in range(_ROUNDS):
        gains = cuts.hits - value / 2 * cuts.given
        best = cuts.best(gains)
        best = np.where(gains[best] > 0, best, -1)
        chosen = best[best >= 0]
        reached = 2 * (hits + cuts.hits[chosen].sum()) / (given + cuts.given[chosen].sum() + len(truth.values))
        if reached <= value:
            break
        value = reached
    return best
