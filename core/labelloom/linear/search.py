"""Choosing features, class weights and penalty on validation, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from labelloom.data.corpus import Corpus
from labelloom.data.label_sets import LabelSets
from labelloom.errors import SpecError
from labelloom.evaluation.decision import Decision, fit_decision
from labelloom.evaluation.depth import top_k_problems
from labelloom.evaluation.metrics import find_metric
from labelloom.evaluation.outcome import Outcome
from labelloom.evaluation.ranking import Ranking
from labelloom.linear.bank import Setting
from labelloom.linear.features import Features
from labelloom.linear.methods import METHODS
from labelloom.linear.model import LinearModel, rank
from labelloom.spec.baseline import BaselineSettings, ClassWeight
from labelloom.spec.decision import DecisionSettings

_QUIET = 10.0
"""Seconds between two lines about one fit."""


@dataclass(frozen=True)
class Choice:
    """One value of everything that is tried."""

    ngrams: int
    class_weight: ClassWeight
    c: float

    def __str__(self) -> str:
        words = "words" if self.ngrams == 1 else f"sequences of up to {self.ngrams} words"
        return f"{words}, class weights {self.class_weight}, C {self.c:g}"


@dataclass(frozen=True)
class Candidate:
    """A fitted model and how it was made; of validation its ranking, its method's own answers, the decision fitted to
    them, and what that is worth."""

    choice: Choice
    model: LinearModel
    on_validation: Ranking
    own_on_validation: LabelSets
    decision: Decision
    value: float


def search(
    settings: BaselineSettings, decision: DecisionSettings, corpus: Corpus, seed: int, say: Callable[[str], None]
) -> Candidate:
    """The model that does best on validation under `decision`, by `settings.metric`.

    The longest sequences of words are chosen first, then the class weights, then C: each with the first value of those
    that are not chosen yet, of C the middle one. Of equals the first is kept. Nothing looks at the test split. What
    `decision` asks for in vain is refused before anything is fitted; raises as `fit_decision` does.
    """
    _refuse_undecidable(settings, decision, corpus)
    fitting = _Fitting(settings, decision, corpus, seed, say)
    best = fitting.candidate(Choice(settings.ngrams[0], settings.class_weights[0], _middle(settings.penalties)))
    best = fitting.best(best, [replace(best.choice, ngrams=ngrams) for ngrams in settings.ngrams])
    best = fitting.best(best, [replace(best.choice, class_weight=weight) for weight in settings.class_weights])
    return fitting.best(best, [replace(best.choice, c=c) for c in settings.penalties])


def _refuse_undecidable(settings: BaselineSettings, decision: DecisionSettings, corpus: Corpus) -> None:
    validation, labels = corpus.validation, len(corpus.labels)
    if decision.rule == "top-k" and decision.k is not None:
        most = max(len(split) for split in (validation, corpus.test) if split is not None)
        if problems := list(top_k_problems(decision.k, "decision.k", most, labels)):
            raise SpecError.from_problems(problems)
    # Fitted to a ranking that tells nothing: what is refused then does not depend on scores.
    one = (len(validation), 1)
    blank = Ranking(np.zeros(one, dtype=np.int64), np.full(one, 0.5, dtype=np.float32), labels)
    fit_decision(decision, blank, validation.label_sets, scale=settings.scale)


def _middle(values: tuple[float, ...]) -> float:
    return values[len(values) // 2]


class _Fitting:
    """What all candidates have in common; the features of one n-gram length are made once."""

    def __init__(
        self,
        settings: BaselineSettings,
        decision: DecisionSettings,
        corpus: Corpus,
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.decision = decision
        self.corpus = corpus
        self.seed = seed
        self.say = say
        self._features: dict[int, tuple[Features, sp.csr_matrix, sp.csr_matrix]] = {}

    def best(self, so_far: Candidate, choices: Sequence[Choice]) -> Candidate:
        """The best of `so_far` and what `choices` give; of equals the first."""
        best = so_far
        for choice in choices:
            if choice != so_far.choice:
                other = self.candidate(choice)
                best = other if other.value > best.value else best  # the worse one's weights are let go
        return best

    def candidate(self, choice: Choice) -> Candidate:
        """The model of `choice`, fitted on train and scored on validation."""
        settings, labels = self.settings, len(self.corpus.labels)
        train, validation = self.corpus.train, self.corpus.validation
        if choice.ngrams not in self._features:
            # One length at a time: features of large corpora fill the memory.
            self._features.clear()
            fitted = Features.fitted(
                train.texts, settings.splitter, choice.ngrams, settings.min_count, settings.max_features
            )
            self._features[choice.ngrams] = (*fitted, fitted[0].of_split(validation))
        features, on_train, on_validation = self._features[choice.ngrams]
        setting = Setting(settings.classifier, choice.class_weight, choice.c, self.seed, settings.prune)

        began = time.monotonic()

        def told(ready: int, count: int) -> None:
            nonlocal began
            if time.monotonic() - began > _QUIET and ready < count:
                began = time.monotonic()
                self.say(f"{choice}: {ready:,} of {count:,} classifiers")

        method = METHODS[settings.method].fit(on_train, train.label_sets, setting, told)
        model = LinearModel(features, method, settings, labels)
        ranking, own = rank(method, on_validation, labels)
        truth = validation.label_sets
        decision = fit_decision(self.decision, ranking, truth, scale=model.scale)
        outcome = Outcome(truth, decision.decide(ranking), ranking)
        metric = find_metric(settings.metric, where="baseline.metric")
        value = metric.compute(outcome)
        self.say(f"{choice}: {metric.name} {value:.4f} on validation")
        return Candidate(choice, model, ranking, own, decision, value)
