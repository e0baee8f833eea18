"""Scores mended on validation, so that of the labels given 0.8 about eight in ten are true.

A calibration is one increasing function for all labels, so no order changes. Rounded to float32 some scores may become
equal; what is measured of an order is measured on the scores that the model gave. It is fitted on every ranked label of
validation as a decision of its own. Labels below the cut of a ranking have no score: they count neither in the fit nor
afterwards, so a calibrated probability is that of a label that was ranked at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np

from labelloom.components import WHAT_SCORES_DO, Scale
from labelloom.data.label_sets import LabelSets
from labelloom.errors import DataError, SpecError
from labelloom.evaluation.facts import blocks
from labelloom.evaluation.membership import ranked_hits
from labelloom.evaluation.ranking import Ranking
from labelloom.spec.decision import DecisionSettings

_HOTTEST = 20.0
"""Temperatures are sought from 1/20 to 20: where validation is answered without a mistake none is low enough."""

_LEAST = float(np.finfo(np.float32).tiny)
_MOST = 1 - 2.0**-24  # the float32 below 1


class Calibration(Protocol):
    """A frozen dataclass whose fields are plain JSON values; `name` is what the spec calls it."""

    name: ClassVar[str]

    def apply(self, scores: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, float64, of finite scores."""

    def describe(self) -> str:
        """One phrase for people."""


@dataclass(frozen=True)
class Temperature:
    """sigmoid(logit(p) / T) (Guo et al. 2017, section 4.2, for the sigmoid)."""

    name: ClassVar[str] = "temperature"
    temperature: float

    def apply(self, scores: np.ndarray) -> np.ndarray:
        return sigmoid(logit(scores) / self.temperature)

    def describe(self) -> str:
        return f"probabilities with the temperature {self.temperature:.4g}, fitted on validation"


@dataclass(frozen=True)
class Platt:
    """sigmoid(slope · x + intercept) of the score x, of its logit where it is a probability, or of its logarithm where
    it is a share of 1 (Platt 1999)."""

    name: ClassVar[str] = "platt"
    slope: float
    intercept: float
    of: Literal["score", "logit", "log"]

    def apply(self, scores: np.ndarray) -> np.ndarray:
        return sigmoid(self.slope * _VALUES[self.of](scores) + self.intercept)

    def describe(self) -> str:
        of = "log share" if self.of == "log" else self.of
        made = f"sigmoid({self.slope:.4g} · {of} {'-' if self.intercept < 0 else '+'} {abs(self.intercept):.4g})"
        text = f"probabilities made by {made}, fitted on validation"
        return text if self.slope else f"{text} (where the scores tell nothing)"


CALIBRATIONS: dict[str, type[Temperature] | type[Platt]] = {each.name: each for each in (Temperature, Platt)}


def logit(probabilities: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) in float64; 0 and 1, which float32 rounds to, as the nearest float32 between them."""
    p = np.clip(probabilities.astype(np.float64), _LEAST, _MOST)
    logits: np.ndarray = np.log(p) - np.log1p(-p)
    return logits


def _log(shares: np.ndarray) -> np.ndarray:
    logs: np.ndarray = np.log(np.maximum(shares.astype(np.float64), _LEAST))
    return logs


def _as_they_are(scores: np.ndarray) -> np.ndarray:
    return scores.astype(np.float64)


_OF: dict[Scale, Literal["score", "logit", "log"]] = {"probabilities": "logit", "distribution": "log", "ranks": "score"}
_VALUES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"score": _as_they_are, "logit": logit, "log": _log}


def sigmoid(values: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow."""
    from scipy.special import expit

    result: np.ndarray = expit(values)
    return result


def calibrated(ranking: Ranking, calibration: Calibration) -> Ranking:
    """The same ranking with calibrated scores, which remembers those of the model; minus infinity stays."""
    scores = np.empty_like(ranking.scores)
    for block in blocks(len(ranking), ranking.depth):
        raw = ranking.scores[block]
        finite = raw > -np.inf
        made = calibration.apply(np.where(finite, raw, 0))
        # An increasing function, but for the last bit of what it is computed with.
        scores[block] = np.minimum.accumulate(np.where(finite, made, -np.inf).astype(np.float32), axis=1)
    return Ranking(ranking.labels, scores, ranking.label_count, uncalibrated=ranking.scores)


def fit_calibration(settings: DecisionSettings, ranking: Ranking, truth: LabelSets, scale: Scale) -> Calibration | None:
    """The calibration that `settings` ask for, None for none; `scale` says what the scores are.

    Raises SpecError at `decision.calibration` for a temperature of scores that are no probabilities, DataError where
    validation has no label.
    """
    if settings.calibration == "none":
        return None
    if settings.calibration == "temperature" and scale != "probabilities":
        raise SpecError(
            f"a temperature divides the logits of probabilities, but the scores of this model {WHAT_SCORES_DO[scale]}",
            where="decision.calibration",
            suggestions=('calibration = "platt"',),
        )
    if not len(truth.values):
        raise DataError(
            f"none of its {len(truth)} documents has a label, so no scores can be calibrated",
            where="validation split",
            suggestions=("give it documents with labels", 'decision.calibration = "none"'),
        )
    decisions = _Decisions(ranking, truth, _VALUES[_OF[scale]])
    if not decisions.count:
        raise DataError(
            "every score on it is minus infinity, so none can be calibrated",
            where="validation split",
            suggestions=('decision.calibration = "none"',),
        )
    if settings.calibration == "temperature":
        return Temperature(_fit_temperature(decisions))
    return Platt(*_fit_platt(decisions), _OF[scale])


class _Decisions:
    """The finite scores of a ranking as decisions: transformed values, and whether each is true."""

    def __init__(self, ranking: Ranking, truth: LabelSets, transform: Callable[[np.ndarray], np.ndarray]) -> None:
        hits = ranked_hits(truth, ranking.labels)
        self._finite = ranking.scores > -np.inf
        self._ranking, self._hits, self._transform = ranking, hits, transform
        self.count = int(self._finite.sum())
        self.true = int((hits & self._finite).sum())

    def loss(self, slope: float, intercept: float, high: float, low: float) -> tuple[float, np.ndarray]:
        """The mean cross-entropy of sigmoid(slope · x + intercept), and its gradient by slope and intercept.

        The target of true decisions is `high`, of others `low`.
        """
        total, gradient = 0.0, np.zeros(2)
        for block in blocks(len(self._ranking), self._ranking.depth):
            x = self._transform(self._ranking.scores[block][self._finite[block]])
            target = np.where(self._hits[block][self._finite[block]], high, low)
            z = slope * x + intercept
            total += float((np.logaddexp(0.0, z) - target * z).sum())
            error = sigmoid(z) - target
            gradient += error @ x, error.sum()
        return total / self.count, gradient / self.count

    def centre(self) -> tuple[float, float]:
        """Mean and standard deviation of the values."""
        sums = np.zeros(2)
        for block in blocks(len(self._ranking), self._ranking.depth):
            x = self._transform(self._ranking.scores[block][self._finite[block]])
            sums += x.sum(), np.square(x).sum()
        mean, square = sums / self.count
        return float(mean), float(np.sqrt(max(square - mean**2, 0.0)))


def _fit_temperature(decisions: _Decisions) -> float:
    from scipy.optimize import minimize_scalar

    bound = np.log(_HOTTEST)
    found = minimize_scalar(
        lambda log_t: decisions.loss(float(np.exp(-log_t)), 0.0, 1.0, 0.0)[0], bounds=(-bound, bound), method="bounded",
        options={"xatol": 1e-6},
    )  # fmt: skip
    return float(np.exp(found.x))


def _fit_platt(decisions: _Decisions) -> tuple[float, float]:
    """Slope, at least 0, and intercept, with Platt's targets (n + 1) / (n + 2) and 1 / (m + 2) for n true, m false."""
    from scipy.optimize import minimize

    true, false = decisions.true, decisions.count - decisions.true
    high, low = (true + 1) / (true + 2), 1 / (false + 2)
    share = (true * high + false * low) / (true + false)
    flat = float(np.log(share / (1 - share)))
    mean, spread = decisions.centre()
    if not spread:
        return 0.0, flat

    # Of values with mean 0 and deviation 1, so that slopes of any scale are found alike.
    def loss(point: np.ndarray) -> tuple[float, np.ndarray]:
        slope, intercept = point[0] / spread, point[1] - point[0] * mean / spread
        value, (by_slope, by_intercept) = decisions.loss(slope, intercept, high, low)
        return value, np.array([(by_slope - by_intercept * mean) / spread, by_intercept])

    found = minimize(
        loss, np.array([0.0, flat]), jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)],
        options={"ftol": 1e-13, "gtol": 1e-9},
    )  # fmt: skip
    slope = float(found.x[0] / spread)
    return slope, float(found.x[1] - slope * mean)
