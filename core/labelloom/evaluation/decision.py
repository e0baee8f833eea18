"""The decision that a saved model takes: a calibration and a rule with their fitted values, as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelloom.components import Scale
from labelloom.data.label_sets import LabelSets
from labelloom.errors import RunError
from labelloom.evaluation.calibration import CALIBRATIONS, Calibration, calibrated, fit_calibration
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rules import RULES, Rule
from labelloom.spec.decision import DecisionSettings
from labelloom.wording import counted

_FEW = 50
"""Documents below which what is fitted on them is warned of."""


@dataclass(frozen=True)
class Decision:
    """A rule; with `at_least_one`, the first label for documents that the rule gives none; a calibration or None."""

    rule: Rule
    at_least_one: bool = False
    calibration: Calibration | None = None

    def calibrated(self, ranking: Ranking) -> Ranking:
        """What a model ranked, in the same order, with the scores that people see and the rule decides on."""
        return ranking if self.calibration is None else calibrated(ranking, self.calibration)

    def decide(self, ranking: Ranking) -> LabelSets:
        """The label set of each document that a model ranked. What a document gets depends on no other document."""
        chosen = self.rule.choose(self.calibrated(ranking))
        if self.at_least_one:
            chosen = chosen.copy()
            chosen[:, 0] |= ~chosen.any(axis=1)
        counts = chosen.sum(axis=1)
        offsets = np.zeros(len(ranking) + 1, dtype=np.int64)
        np.cumsum(counts, out=offsets[1:])
        starts = np.repeat(np.arange(len(ranking), dtype=np.int64) * ranking.label_count, counts)
        keys = starts + ranking.labels[chosen]
        keys.sort()  # document by document, label ids ascending in each
        return LabelSets(offsets, keys - starts, ranking.label_count)

    def gives_probabilities(self, scale: Scale) -> bool:
        """Whether calibrated scores are probabilities, if those of the model are what `scale` says."""
        return scale == "probabilities" or self.calibration is not None

    def settings(self) -> dict[str, Any]:
        """What the spec's `[decision]` says to fit this decision anew."""
        calibration = "none" if self.calibration is None else self.calibration.name
        fixed = {"rule": self.rule.name, "at_least_one": self.at_least_one, "calibration": calibration}
        return {**fixed, **self.rule.settings()}

    def describe(self) -> str:
        """One phrase for people: "one threshold, 0.31, fitted on validation for micro-F1"."""
        phrases = [self.rule.describe()]
        phrases += ["at least one label a document"] if self.at_least_one else []
        phrases += [self.calibration.describe()] if self.calibration else []
        return "; ".join(phrases)

    def to_json(self) -> str:
        """One JSON object: the rule's name, its values, `at_least_one`, and the calibration with its values."""
        record = {"rule": self.rule.name, **vars(self.rule), "at_least_one": self.at_least_one}
        if self.calibration is not None:
            record["calibration"] = {"name": self.calibration.name, **vars(self.calibration)}
        return json.dumps(record, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, *, where: str = "decision") -> Decision:
        """What `to_json` wrote, exactly. Raises RunError at `where` for anything else."""
        try:
            record = json.loads(text)
            at_least_one, name = record.pop("at_least_one"), record.pop("rule")
            calibration = record.pop("calibration", None)
            _require("rule", name, RULES, where)
            if calibration is not None:
                made = calibration.pop("name")
                _require("calibration", made, CALIBRATIONS, where)
                calibration = CALIBRATIONS[made](**calibration)
            return cls(RULES[name](**record), at_least_one, calibration)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"this is no saved decision ({error!r}): {text[:80]}", where=where) from error


def _require(what: str, name: str, known: Any, where: str) -> None:
    if name not in known:
        raise RunError(
            f'the saved decision {what} "{name}" is not known here; known are {", ".join(known)}',
            where=where,
            suggestions=("use the version of labelloom that saved it",),
        )


def fit_decision(settings: DecisionSettings, ranking: Ranking, truth: LabelSets, *, scale: Scale = "ranks") -> Decision:
    """The decision that `settings` ask for, fitted on the validation split's ranking and truth.

    `ranking` is as the model gives it, before any calibration; `scale` says what its scores are. The calibration is
    fitted first, the rule on calibrated scores. Raises SpecError at the key of `decision` that can't work here,
    DataError if validation has no label to fit on, ValueError for a ranking and a truth of different documents or
    labels.
    """
    if (len(ranking), ranking.label_count) != (len(truth), truth.label_count):
        raise ValueError(
            f"the ranking is about {counted(len(ranking), 'document')} and {counted(ranking.label_count, 'label')}, "
            f"the truth about {len(truth)} and {truth.label_count}"
        )
    calibration = fit_calibration(settings, ranking, truth, scale)
    scored = ranking if calibration is None else calibrated(ranking, calibration)
    rule = RULES[settings.rule].fit(settings, scored, truth, scale if calibration is None else "probabilities")
    return Decision(rule, settings.at_least_one, calibration)


def fitting_notes(settings: DecisionSettings, truth: LabelSets) -> list[str]:
    """What users should know of the validation split `truth` that a decision was fitted on."""
    thresholds = settings.rule in ("fitted", "per-label")
    notes = []
    if len(truth) < _FEW and (thresholds or settings.calibration != "none"):
        what = "the decision rule" if thresholds else "the calibration"
        notes.append(f"{what} is fitted on {len(truth)} documents: with fewer than {_FEW} it may be far off")
    unseen = truth.label_count - len(np.unique(truth.values))
    if unseen and thresholds and settings.fitted_for == "macro_f1":
        of = f"{unseen:,} of {truth.label_count:,} labels"
        notes.append(f"{of} have no document on validation, so no threshold is fitted to them")
    return notes
