"""The decision that a saved model takes: a rule with its fitted values, as data."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.errors import RunError
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rules import RULES, Rule
from labelloom.spec.decision import DecisionSettings


@dataclass(frozen=True)
class Decision:
    """A rule and, with `at_least_one`, the best label for documents that the rule gives none."""

    rule: Rule
    at_least_one: bool = False

    def decide(self, ranking: Ranking) -> LabelSets:
        """The label set of each document of `ranking`. What a document gets depends on no other document."""
        chosen = self.rule.choose(ranking)
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

    def describe(self) -> str:
        """One phrase for people: "one threshold, 0.31, fitted on validation for micro-F1"."""
        text = self.rule.describe()
        return f"{text}; at least one label a document" if self.at_least_one else text

    def to_json(self) -> str:
        """One JSON object: the rule's name, its values, and `at_least_one`."""
        record = {"rule": self.rule.name, **vars(self.rule), "at_least_one": self.at_least_one}
        return json.dumps(record, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, *, where: str = "decision") -> Decision:
        """What `to_json` wrote, exactly. Raises RunError at `where` for anything else."""
        try:
            record = json.loads(text)
            at_least_one, name = record.pop("at_least_one"), record.pop("rule")
            if name not in RULES:
                raise RunError(
                    f'the saved decision rule "{name}" is not known here; known are {", ".join(RULES)}',
                    where=where,
                    suggestions=("use the version of labelloom that saved it",),
                )
            return cls(RULES[name](**record), at_least_one)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(f"this is no saved decision ({error!r}): {text[:80]}", where=where) from error


def fit_decision(
    settings: DecisionSettings, ranking: Ranking, truth: LabelSets, *, probabilities: bool = False
) -> Decision:
    """The decision that `settings` ask for, fitted on the validation split's ranking and truth.

    `probabilities` says whether the scores are probabilities; only then has a fixed threshold a meaning. Raises
    SpecError at `decision.rule` or `decision.k` for a rule that can't work here, DataError if validation has no label
    to fit on, ValueError for a ranking and a truth of different documents or labels.
    """
    if (len(ranking), ranking.label_count) != (len(truth), truth.label_count):
        raise ValueError(
            f"the ranking is about {len(ranking)} documents and {ranking.label_count} labels, "
            f"the truth about {len(truth)} and {truth.label_count}"
        )
    return Decision(RULES[settings.rule].fit(settings, ranking, truth, probabilities), settings.at_least_one)
