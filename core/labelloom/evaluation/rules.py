"""The decision rules: each a small class that is fitted on validation, chooses labels and says what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from labelloom.components import WHAT_SCORES_DO, Scale
from labelloom.data.label_sets import LabelSets
from labelloom.errors import DataError, SpecError
from labelloom.evaluation.facts import blocks
from labelloom.evaluation.per_label import fit_per_label
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.thresholds import fit_threshold
from labelloom.spec.decision import DecisionSettings


class Rule(Protocol):
    """A frozen dataclass whose fields are plain JSON values; `name` is what the spec calls it."""

    name: ClassVar[str]

    @classmethod
    def fit(cls, settings: DecisionSettings, ranking: Ranking, truth: LabelSets, scale: Scale) -> Self:
        """From the validation split's ranking, whose scores are what `scale` says, and its truth.

        Raises SpecError or DataError if the rule can't work.
        """

    def choose(self, ranking: Ranking) -> np.ndarray:
        """(N, K) bool: which ranked labels are given."""

    def settings(self) -> dict[str, Any]:
        """What the spec says to fit this rule anew, besides its name."""

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
    def fit(cls, settings: DecisionSettings, ranking: Ranking, truth: LabelSets, scale: Scale) -> Self:
        _refuse_without_labels(truth)
        threshold, value = fit_threshold(settings.fitted_for, ranking, truth, settings.at_least_one)
        return cls(threshold, settings.fitted_for, value)

    def choose(self, ranking: Ranking) -> np.ndarray:
        return _reaching(ranking, self.threshold)

    def settings(self) -> dict[str, Any]:
        return {"metric": self.metric}

    def describe(self) -> str:
        text = f"one threshold, {self.threshold:.4g}, fitted on validation for {_named(self.metric)}"
        return text if self.value else f"{text} (which is 0 at every threshold: the ranking holds no true label)"


@dataclass(frozen=True)
class Fixed:
    """Labels whose probability reaches a given threshold."""

    name: ClassVar[str] = "fixed"
    threshold: float

    @classmethod
    def fit(cls, settings: DecisionSettings, ranking: Ranking, truth: LabelSets, scale: Scale) -> Self:
        if scale != "probabilities":
            raise SpecError(
                f'"fixed" compares probabilities with {settings.threshold:g}, but the scores of this model '
                f"{WHAT_SCORES_DO[scale]}",
                where="decision.rule",
                suggestions=('rule = "fitted"', 'rule = "top-k" with k', 'calibration = "platt"'),
            )
        return cls(settings.threshold)

    def choose(self, ranking: Ranking) -> np.ndarray:
        return _reaching(ranking, self.threshold)

    def settings(self) -> dict[str, Any]:
        return {"threshold": self.threshold}

    def describe(self) -> str:
        return f"one threshold, {self.threshold:.4g}, fixed"


@dataclass(frozen=True)
class TopK:
    """The k best labels of every document."""

    name: ClassVar[str] = "top-k"
    k: int

    @classmethod
    def fit(cls, settings: DecisionSettings, ranking: Ranking, truth: LabelSets, scale: Scale) -> Self:
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

    def settings(self) -> dict[str, Any]:
        return {"k": self.k}

    def describe(self) -> str:
        return "the best label of every document" if self.k == 1 else f"the {self.k} best labels of every document"


@dataclass(frozen=True)
class PerLabel:
    """Labels whose score reaches the threshold of their own, or the common one where they have none."""

    name: ClassVar[str] = "per-label"
    threshold: float  # of labels without one of their own: the one that does best for micro-F1
    labels: tuple[int, ...]  # ids, ascending
    thresholds: tuple[float, ...]  # theirs
    label_count: int
    metric: str
    min_support: int
    shrinkage: float

    def __post_init__(self) -> None:
        for name in ("labels", "thresholds"):  # lists where they come from JSON
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @classmethod
    def fit(cls, settings: DecisionSettings, ranking: Ranking, truth: LabelSets, scale: Scale) -> Self:
        """What `at_least_one` adds is not foreseen by thresholds of their own, only by the common one."""
        _refuse_without_labels(truth)
        common, _ = fit_threshold("micro_f1", ranking, truth, settings.at_least_one)
        floor, shrinkage = settings.min_support, settings.shrinkage
        labels, thresholds = fit_per_label(settings.fitted_for, ranking, truth, common, floor, shrinkage)
        own = (tuple(labels.tolist()), tuple(thresholds.tolist()))
        return cls(common, *own, ranking.label_count, settings.fitted_for, floor, shrinkage)

    def choose(self, ranking: Ranking) -> np.ndarray:
        thresholds = np.full(ranking.label_count, self.threshold)
        thresholds[list(self.labels)] = self.thresholds
        chosen = np.empty(ranking.labels.shape, dtype=bool)
        for block in blocks(len(ranking), ranking.depth):
            chosen[block] = ranking.scores[block] >= thresholds[ranking.labels[block]]
        return chosen

    def settings(self) -> dict[str, Any]:
        return {"metric": self.metric, "min_support": self.min_support, "shrinkage": self.shrinkage}

    def describe(self) -> str:
        fitted = f"fitted on validation for {_named(self.metric)}"
        own, rest = len(self.labels), self.label_count - len(self.labels)
        if not own:
            return f"one threshold, {self.threshold:.4g}, {fitted}: no label could have its own"
        if not rest:
            return f"a threshold for each of {own:,} labels, {fitted}"
        return f"thresholds for {own:,} of {self.label_count:,} labels, {fitted}; {self.threshold:.4g} for the others"


RULES: dict[str, type[Rule]] = {rule.name: rule for rule in (Fitted, Fixed, TopK, PerLabel)}


def _refuse_without_labels(truth: LabelSets) -> None:
    if not len(truth.values):
        raise DataError(
            f"none of its {len(truth)} documents has a label, so no threshold can be fitted",
            where="validation split",
            suggestions=("give it documents with labels", 'decision.rule = "top-k" with decision.k, or "fixed"'),
        )


def _named(metric: str) -> str:
    return metric.replace("_f1", "-F1")


def _reaching(ranking: Ranking, threshold: float) -> np.ndarray:
    # As np.float64, or numpy would round the threshold to float32, onto one of the scores that it separates.
    return ranking.scores >= np.float64(threshold)
