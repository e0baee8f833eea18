"""p(b | a) of labels, and how far answers are from the truth by it (Zhang et al. 2021 eq. 8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.outcome import Outcome

FLOOR = 1e-6
"""What p(b | a) of answers counts as where it is 0, which the equation divides by."""


@dataclass(frozen=True)
class Conditionals:
    """p(b | a) = #(a, b) / #(a) of P pairs of different labels that occur together, of `label_count` = L labels.

    `given`, `other` (P,) int64 are a and b, ascending, `chance` (P,) lies in (0, 1], `carried` (L,) is #(a).
    Memory grows with P, not with L squared.
    """

    given: np.ndarray
    other: np.ndarray
    chance: np.ndarray
    carried: np.ndarray
    label_count: int

    @classmethod
    def of(cls, sets: LabelSets, weights: np.ndarray) -> Conditionals:
        """Counted over N documents, each as often as `weights` (N,) says."""
        labels = sets.to_sparse().astype(np.float64)
        together = (labels.T @ (sp.diags_array(weights) @ labels)).tocoo()
        carried = np.bincount(sets.values, weights=np.repeat(weights, sets.counts), minlength=sets.label_count)
        rows, columns = together.row.astype(np.int64), together.col.astype(np.int64)
        kept = np.flatnonzero((rows != columns) & (together.data > 0))
        kept = kept[np.lexsort((columns[kept], rows[kept]))]
        chance = together.data[kept] / carried[rows[kept]]
        return cls(rows[kept], columns[kept], chance, carried, sets.label_count)

    def at(self, given: np.ndarray, other: np.ndarray) -> np.ndarray:
        """(Q,): p(b | a) of the pairs `given`, `other` (Q,); 0 where they do not occur together."""
        keys, wanted = (a * self.label_count + b for a, b in ((self.given, self.other), (given, other)))
        if not len(keys):
            return np.zeros(len(wanted))
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, self.chance[place], 0.0)


def terms(truth: Conditionals, answers: Conditionals) -> np.ndarray:
    """(P,) of the pairs of `truth`: p(b | a) log(p(b | a) / q(b | a)), where q is that of `answers`, at least `FLOOR`.

    Pairs that never occur have no term. A row of p(b | a) does not sum to 1, so that the sum may be negative.
    """
    return truth.chance * np.log(truth.chance / np.maximum(answers.at(truth.given, truth.other), FLOOR))


def conditional_kl(outcome: Outcome) -> float:
    """Sum over pairs of labels of p(b | a) log(p(b | a) / q(b | a)): p as the truth has it, q as the answers do."""
    truth, answers = (Conditionals.of(sets, outcome.weights) for sets in (outcome.truth, outcome.predicted))
    return float(terms(truth, answers).sum())
