"""How many different label sets answers have (Zhang et al. 2021 table 6)."""

from __future__ import annotations

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.outcome import Outcome


def keys_of(sets: LabelSets) -> list[bytes]:
    """A key for each of N label sets, equal for equal sets."""
    return [sets[row].tobytes() for row in range(len(sets))]


def label_combinations(outcome: Outcome) -> float:
    """How many different label sets are answered, an empty one among them; C_Test of the paper."""

    def numbered() -> np.ndarray:
        numbers: dict[bytes, int] = {}
        return np.array([numbers.setdefault(key, len(numbers)) for key in keys_of(outcome.predicted)])

    numbers = outcome.facts.once("laco/label-combinations", numbered)
    return float(len(np.unique(numbers[outcome.weights > 0])))
