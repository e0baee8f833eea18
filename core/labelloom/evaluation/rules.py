"""The decision rules: each a small class that is fitted on validation, chooses labels and says what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.errors import DataError, SpecError
from labelloom.evaluation.metrics import METRICS
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.thresholds import fit_threshold
from labelloom.spec.decision import DecisionSettings


class Rule(Protocol):
    """A frozen dataclass whose fields are plain JSON values; `name` is what the spec calls it."""

    name: ClassVar[str]

    @classmethod
    def fit(cls, settings: DecisionSettings, ranking: Ranking, truth: LabelSets, probabilities: bool) -> Self:
        """From the validation split's ranking and truth. Raises SpecError or DataError if the rule can't work."""

    def choose(self, ranking: Ranking) -> np.ndarray:
        """(N, K) bool: which ranked labels are given."""

    def describe(self) -> str:
        """One phrase for people."""


@dataclass(frozen=True)
class Fitted:
    """Labels whose score reaches one threshold, the one that did best on validation."""

    name: ClassVar[str] = "fitted"
    threshold: float
    metric: str
    value: float  # of the metric on validation

    @classmethod
    def fit(cls, settings: DecisionSettings, ranking: Ranking, truth: LabelSets, probabilities: bool) -> Self:
        if not len(truth.values):
            raise DataError(
                f"none of its {len(truth)} documents has a label, so no threshold can be fitted",
                where="validation split",
                suggestions=("give it documents with labels", 'decision.rule = "top-k" with decision.k, or "fixed"'),
            )
        threshold, value = fit_threshold(settings.metric, ranking, truth, settings.at_least_one)
        return cls(threshold, settings.metric, value)

    def choose(self, ranking: Ranking) -> np.ndarray:
        return _reaching(ranking, self.threshold)

    def describe(self) -> str:
        text = f"one threshold, {self.threshold:.4g}, fitted on validation for {METRICS[self.metric].name}"
        return text if self.value else f"{text} (which is 0 at every threshold: the ranking holds no true label)"


@dataclass(frozen=True)
class Fixed:
    """Labels whose probability reaches a given threshold."""

    name: ClassVar[str] = "fixed"
    threshold: float

    @classmethod
    def fit(cls, settings: DecisionSettings, ranking: Ranking, truth: LabelSets, probabilities: bool) -> Self:
        if not probabilities:
            raise SpecError(
                f'"fixed" compares probabilities with {settings.threshold:g}, but the scores of this model only rank '
                "labels",
                where="decision.rule",
                suggestions=('rule = "fitted"', 'rule = "top-k" with k'),
            )
        return cls(settings.threshold)

    def choose(self, ranking: Ranking) -> np.ndarray:
        return _reaching(ranking, self.threshold)

    def describe(self) -> str:
        return f"one threshold, {self.threshold:.4g}, fixed"


@dataclass(frozen=True)
class TopK:
    """The k best labels of every document."""

    name: ClassVar[str] = "top-k"
    k: int

    @classmethod
    def fit(cls, settings: DecisionSettings, ranking: Ranking, truth: LabelSets, probabilities: bool) -> Self:
        assert settings.k is not None  # DecisionSettings requires it
        if settings.k > ranking.label_count:
            raise SpecError(
                f"{settings.k} labels cannot be given to every document: there are {ranking.label_count}",
                where="decision.k",
                suggestions=(f"k = {ranking.label_count} or less",),
            )
        return cls(settings.k)

    def choose(self, ranking: Ranking) -> np.ndarray:
        if self.k > ranking.depth:
            raise ValueError(
                f"the {self.k} best labels were asked for; the ranking holds {ranking.depth} of {ranking.label_count}"
            )
        return np.broadcast_to(np.arange(ranking.depth) < self.k, ranking.labels.shape)

    def describe(self) -> str:
        return "the best label of every document" if self.k == 1 else f"the {self.k} best labels of every document"


RULES: dict[str, type[Rule]] = {rule.name: rule for rule in (Fitted, Fixed, TopK)}


def _reaching(ranking: Ranking, threshold: float) -> np.ndarray:
    # As np.float64, or numpy would round the threshold to float32, onto one of the scores that it separates.
    return ranking.scores >= np.float64(threshold)
