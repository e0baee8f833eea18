"""One threshold for all labels that does best on given truth.

A metric that rewards true answers and charges wrong ones can only gain where the threshold passes the score of a
true label, so only those scores are tried: for micro-F1 all of them, which makes the answer exact; for macro-F1 at
most 200, at evenly spaced quantiles of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.membership import ranked_hits
from labelloom.evaluation.outcome import Counts
from labelloom.evaluation.ranking import Ranking

MACRO_CUTS = 200


@dataclass(frozen=True)
class _Places:
    """The ranked places that a threshold decides about, and those that are answered whatever it is."""

    scores: np.ndarray  # (N, K) or, without the first place, (N, K - 1)
    labels: np.ndarray
    hits: np.ndarray
    certain: np.ndarray  # (N,) or (0,): labels of the certain places
    certain_hits: np.ndarray


def fit_threshold(
    metric: Literal["micro_f1", "macro_f1"], ranking: Ranking, truth: LabelSets, at_least_one: bool = False
) -> tuple[float, float]:
    """The threshold with the highest `metric`, and that value of the metric.

    A label is answered if its score reaches the threshold; with `at_least_one` the best label of each document is
    answered in any case. The threshold lies midway between the lowest score that it lets in and the next lower one
    (at the former, if nothing finite is lower), so equal scores are never split. Of thresholds that do equally well
    the highest is taken; where no true label is ranked, one above every score.
    """
    hits = ranked_hits(truth, ranking.labels)
    free = int(at_least_one)  # the first place that the threshold decides about
    places = _Places(
        ranking.scores[:, free:],
        ranking.labels[:, free:],
        hits[:, free:],
        ranking.labels[:, :free].reshape(-1),
        hits[:, :free].reshape(-1),
    )
    found = np.sort(places.scores[places.hits])
    found = found[found > -np.inf]
    cuts, values = _micro_f1(places, found, truth) if metric == "micro_f1" else _macro_f1(places, found, truth)
    best = len(values) - 1 - int(np.argmax(values[::-1]))  # cuts ascend: the last of equals is the highest
    if cuts[best] == np.inf:
        return float(np.nextafter(np.float64(ranking.scores.max()), np.inf)), float(values[best])
    return _midway(places.scores, cuts[best]), float(values[best])


def _micro_f1(places: _Places, found: np.ndarray, truth: LabelSets) -> tuple[np.ndarray, np.ndarray]:
    """The cuts, ascending, the last above every score, and the micro-F1 of answering what reaches each."""
    cuts = np.append(np.unique(found), np.float32(np.inf))
    every = np.sort(places.scores, axis=None)
    counts = Counts(
        places.certain_hits.sum() + len(found) - np.searchsorted(found, cuts),
        len(places.certain) + len(every) - np.searchsorted(every, cuts),
        np.full(len(cuts), len(truth.values)),
    )
    return cuts, counts.f1


def _macro_f1(places: _Places, found: np.ndarray, truth: LabelSets) -> tuple[np.ndarray, np.ndarray]:
    """As `_micro_f1`, for the mean F1 over all labels at no more than `MACRO_CUTS` cuts."""
    cuts = np.unique(found)
    if len(cuts) > MACRO_CUTS:
        cuts = np.unique(found[np.linspace(0, len(found) - 1, MACRO_CUTS).round().astype(np.int64)])
    cuts = np.append(cuts, np.float32(np.inf))
    label_count = truth.label_count
    labels, hits = places.labels.reshape(-1), places.hits.reshape(-1)
    reached = np.searchsorted(cuts, places.scores.reshape(-1), side="right").astype(np.uint8)  # cuts at or below
    order = np.argsort(reached, kind="stable")
    ends = np.cumsum(np.bincount(reached, minlength=len(cuts) + 1))
    predicted = np.bincount(places.certain, minlength=label_count)
    right = np.bincount(places.certain[places.certain_hits], minlength=label_count)
    true = np.bincount(truth.values, minlength=label_count)
    values = np.empty(len(cuts))
    for cut in range(len(cuts) - 1, -1, -1):  # from none downwards, letting in what lies between two cuts
        entering = order[ends[cut] : ends[cut + 1]]
        predicted += np.bincount(labels[entering], minlength=label_count)
        right += np.bincount(labels[entering[hits[entering]]], minlength=label_count)
        values[cut] = Counts(right, predicted, true).f1.mean()
    return cuts, values


def _midway(scores: np.ndarray, cut: np.float32) -> float:
    below = np.max(scores, where=scores < cut, initial=-np.inf)
    middle = (float(cut) + float(below)) / 2
    return middle if np.isfinite(middle) else float(cut)
