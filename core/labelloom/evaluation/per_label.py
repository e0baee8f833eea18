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
from labelloom.evaluation.facts import blocks
from labelloom.evaluation.membership import ranked_hits
from labelloom.evaluation.ranking import Ranking

_ROUNDS = 50
"""At most so many rounds towards the highest micro-F1; it takes about five."""

_ENTRIES_AT_ONCE = 1 << 22
"""Ranked places that are sorted together, but for the last label's: bounds scratch memory to some hundred MB."""


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
    """The scores at which a threshold may lie, label by label and descending in each; M in all, for S labels.

    But for a label's highest score, a cut lets in a true answer more than the one above it: to let in false ones alone
    never gains. So M is at most the number of true labels and of labels together.
    """

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
        lowest = _lowest(ranking, right)
        lowest[~wanted] = np.inf
        # Below the lowest score of a true document nothing can be gained.
        counts, beneath = _above(ranking, lowest)
        # Some labels at a time, for what is sorted takes many times the memory of a ranking.
        group = (np.cumsum(counts) - counts) // _ENTRIES_AT_ONCE
        found = []
        for number in np.unique(group[counts > 0]):
            least = np.where(group == number, lowest, np.float32(np.inf))
            found.append(_cuts(*_entries(ranking, right, least), beneath))
        if not found:
            found.append(_cuts(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, dtype=bool), beneath))
        labels, scores, below, hits, given = (np.concatenate(each) for each in zip(*found, strict=True))
        return cls(labels, scores, below, hits, given, np.flatnonzero(_first(labels)))

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


def _lowest(ranking: Ranking, right: np.ndarray) -> np.ndarray:
    """(L,) float32: the lowest finite score of a true document of each label, infinity where there is none."""
    lowest = np.full(ranking.label_count, np.inf, dtype=np.float32)
    for block in blocks(len(ranking), ranking.depth):
        found = right[block] & (ranking.scores[block] > -np.inf)
        np.minimum.at(lowest, ranking.labels[block][found], ranking.scores[block][found])
    return lowest


def _above(ranking: Ranking, lowest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two (L,): how many scores of each label reach its `lowest` (L,), and the highest that does not, or -infinity."""
    counts = np.zeros(ranking.label_count, dtype=np.int64)
    beneath = np.full(ranking.label_count, -np.inf, dtype=np.float32)
    for block in blocks(len(ranking), ranking.depth):
        labels, scores = ranking.labels[block], ranking.scores[block]
        least = lowest[labels]
        counts += np.bincount(labels[scores >= least], minlength=ranking.label_count)
        under = np.isfinite(least) & (scores < least)
        np.maximum.at(beneath, labels[under], scores[under])
    return counts, beneath


def _entries(ranking: Ranking, right: np.ndarray, least: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label, score and whether it is true, of every ranked place whose score reaches `least` (L,) of its label."""
    parts = []
    for block in blocks(len(ranking), ranking.depth):
        labels, scores = ranking.labels[block], ranking.scores[block]
        kept = scores >= least[labels]
        parts.append((labels[kept], scores[kept], right[block][kept]))
    labels, scores, hits = (np.concatenate(each) for each in zip(*parts, strict=True))
    return labels, scores, hits


def _cuts(labels: np.ndarray, scores: np.ndarray, right: np.ndarray, beneath: np.ndarray) -> tuple[np.ndarray, ...]:
    """Labels, scores, scores below, hits and answers at the cuts of these places; `beneath` (L,) are below them."""
    order = np.lexsort((-scores, labels))
    labels, scores, right = labels[order], scores[order], right[order]
    new = _first(labels)
    first = np.maximum.accumulate(np.where(new, np.arange(len(labels)), 0))
    hits = np.cumsum(right)
    hits = hits - (hits - right)[first]
    given = np.arange(1, len(labels) + 1) - first
    last = np.append(new[1:], True)[: len(labels)]
    below = np.where(last, beneath[labels], np.append(scores[1:], np.float32(0))[: len(labels)])
    ends = np.flatnonzero(below < scores)  # equal scores are never split
    labels, hits = labels[ends], hits[ends]
    gains = _first(labels)
    gains[1:] |= hits[1:] > hits[:-1]
    ends = ends[gains]
    return labels[gains], scores[ends].astype(np.float64), below[ends].astype(np.float64), hits[gains], given[ends]


def _first(labels: np.ndarray) -> np.ndarray:
    """(M,) bool: where a label begins in `labels` (M,), which stand together."""
    return np.append(True, labels[1:] != labels[:-1])[: len(labels)]


def _best_together(cuts: _Cuts, ranking: Ranking, truth: LabelSets, common: float) -> np.ndarray:
    """(S,) the cuts with the highest micro-F1 of all labels, -1 for a label that is better never given.

    F is reached by those cuts that make the most of Σ (2 hits - F (given + true)), each label for itself; with the F
    that they reach this repeats until F no longer rises (Dinkelbach 1967). Labels without cuts keep `common`.
    """
    rest = np.ones(ranking.label_count, dtype=bool)
    rest[cuts.labels] = False
    right = ranked_hits(truth, ranking.labels)
    hits = given = 0
    for block in blocks(len(ranking), ranking.depth):
        reaching = (ranking.scores[block] >= np.float64(common)) & rest[ranking.labels[block]]
        hits, given = hits + int((right[block] & reaching).sum()), given + int(reaching.sum())
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
