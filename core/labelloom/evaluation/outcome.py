"""What metrics are functions of: truth, answers and rankings of weighted documents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.facts import Facts
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rarest import LabelScores
from labelloom.wording import counted


def ratio(part: np.ndarray | float, whole: np.ndarray | float) -> np.ndarray:
    """part / whole in float64, 0 where whole is 0 (scikit-learn's `zero_division=0`)."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    result = np.zeros(np.broadcast_shapes(part.shape, whole.shape))
    np.divide(part, whole, out=result, where=whole != 0)
    return result


@dataclass(frozen=True)
class Counts:
    """How many answers are right (`hits`), given (`predicted`) and true (`true`): arrays of one shape.

    The shape is (L,) by label, (N,) by document and () over everything; the measures have the same shape and are 0
    where nothing defines them. Where documents have weights, a document counts as often as it weighs.
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

    Args:
        truth, predicted: the label sets of the documents.
        ranking: what was ranked, for the metrics of rankings.
        probabilities: whether its scores are probabilities, for the metrics of probabilities.
        propensities: (L,) in (0, 1], for propensity-scored metrics; see `propensities`.
        label_scores: of a few labels, for the metrics that rank documents; see `rarest_labels`.

    Every document weighs 1; `weighted` gives the same documents with other weights. What does not depend on weights is
    computed once for all of them, when the first metric asks.

    Raises ValueError for no document, no label, arguments that are not about the same documents and labels, and
    probabilities outside [0, 1].
    """

    def __init__(
        self,
        truth: LabelSets,
        predicted: LabelSets,
        ranking: Ranking | None = None,
        *,
        probabilities: bool = False,
        propensities: np.ndarray | None = None,
        label_scores: LabelScores | None = None,
    ) -> None:
        if not len(truth) or not truth.label_count:
            raise ValueError(
                f"nothing can be measured on {counted(len(truth), 'document')} with "
                f"{counted(truth.label_count, 'label')}; at least one of each is needed"
            )
        for what, other in (("predicted", predicted), ("ranking", ranking)):
            if other is not None and (len(other), other.label_count) != (len(truth), truth.label_count):
                raise ValueError(
                    f"{what} is about {counted(len(other), 'document')} and {counted(other.label_count, 'label')}, "
                    f"the truth about {len(truth)} and {truth.label_count}"
                )
        if propensities is not None and propensities.shape != (truth.label_count,):
            raise ValueError(f"there are {len(propensities)} propensities for {truth.label_count} labels")
        if label_scores is not None and len(label_scores) != len(truth):
            raise ValueError(
                f"label_scores is about {counted(len(label_scores), 'document')}, the truth about {len(truth)}"
            )
        if probabilities and ranking is not None and ranking.scores.size:
            least = ranking.scores.min(where=ranking.scores > -np.inf, initial=0.0)
            if least < 0 or ranking.scores.max() > 1:
                raise ValueError(f"probabilities must lie in [0, 1], found {least:g} to {ranking.scores.max():g}")
        self.probabilities = probabilities
        self.facts = Facts(truth, predicted, ranking, propensities, label_scores)
        self.weights = np.ones(len(truth))

    def weighted(self, weights: np.ndarray) -> Outcome:
        """The same documents, each counting as often as `weights` (N,) says."""
        other = object.__new__(Outcome)
        other.probabilities, other.facts, other.weights = self.probabilities, self.facts, weights
        return other

    @property
    def truth(self) -> LabelSets:
        return self.facts.truth

    @property
    def predicted(self) -> LabelSets:
        return self.facts.predicted

    @property
    def ranking(self) -> Ranking | None:
        return self.facts.ranking

    @cached_property
    def by_label(self) -> Counts:
        """Counts of shape (L,)."""
        facts, labels = self.facts, self.truth.label_count
        given = np.repeat(self.weights, facts.predicted.counts)
        true = np.repeat(self.weights, facts.truth.counts)
        answers = facts.predicted.values
        return Counts(
            np.bincount(answers[facts.right], weights=given[facts.right], minlength=labels),
            np.bincount(answers, weights=given, minlength=labels),
            np.bincount(facts.truth.values, weights=true, minlength=labels),
        )

    @cached_property
    def by_document(self) -> Counts:
        """Counts of shape (N,), whatever the documents weigh."""
        return Counts(self.facts.hit_counts, self.predicted.counts, self.truth.counts)

    @cached_property
    def total(self) -> Counts:
        """Counts over all documents and labels, of shape ()."""
        return self.by_label.total

    def mean(self, values: np.ndarray) -> float:
        """The mean of `values` (N,) over all documents."""
        return float(ratio(self.weights @ values, self.weights.sum()))

    def mean_of_labelled(self, values: np.ndarray) -> float:
        """The mean over the documents with a true label; 0 if there are none. `values` (N,) are 0 for the others."""
        return float(ratio(self.weights @ values, self.weights @ self.facts.labelled))
