"""`labelloom evaluate RUN --section laco/label-correlation` (Zhang et al. 2021 tables 5 and 6)."""

from __future__ import annotations

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.metrics import subset_accuracy
from labelloom.report.sections import Content, Rows, Scored
from labelloom_laco.correlation.combinations import keys_of
from labelloom_laco.correlation.conditionals import Conditionals, terms

_PAIRS = 10


def label_correlation(scored: Scored) -> Content:
    """How far the answers' co-occurrence is from the truth's, how many label sets they have, which pairs are worst."""
    assert scored.training is not None, "it needs the training corpus"
    outcome, trained = scored.outcome, scored.training.train.label_sets
    truth, answers, training = map(_conditionals, (outcome.truth, outcome.predicted, trained))
    return Content(
        paragraphs=[
            "p(b | a) is the share of the documents with label a that have label b, too. The divergence sums "
            "p log(p / q) over pairs of labels, p of the truth and q of the answers, or of the training documents for "
            "comparison; it is low where q gives each pair its due, and says nothing of which documents have it."
        ],
        tables=[
            Rows(
                "Divergence of label co-occurrence from the truth (eq. 8)",
                ["of", "sum over pairs", "mean over labels"],
                [_divergence("answers", truth, answers), _divergence("training", truth, training)],
            ),
            _combinations(outcome.truth, outcome.predicted, trained, subset_accuracy(outcome)),
            _worst(scored, truth, answers),
        ],
    )


def _conditionals(sets: LabelSets) -> Conditionals:
    return Conditionals.of(sets, np.ones(len(sets)))


def _divergence(name: str, truth: Conditionals, other: Conditionals) -> tuple[str, float, float]:
    total = float(terms(truth, other).sum())
    return name, total, total / max(1, int((truth.carried > 0).sum()))


def _combinations(truth: LabelSets, predicted: LabelSets, trained: LabelSets, accuracy: float) -> Rows:
    seen = set(keys_of(trained))
    rows = [
        (name, len(found), sum(key not in seen for key in found), right)
        for name, sets, right in (("truth", truth, 1.0), ("answers", predicted, accuracy))
        for found in [set(keys_of(sets))]
    ]
    return Rows("Label sets (table 6)", ["of", "different ones", "not in training", "subset accuracy"], rows)


def _worst(scored: Scored, truth: Conditionals, answers: Conditionals) -> Rows:
    """The pairs with the largest terms, those of equal ones in the order of the labels."""
    codes, sizes = scored.classifier.labels.codes, terms(truth, answers)
    chosen = np.argsort(-sizes, kind="stable")[:_PAIRS]
    given, other = truth.given[chosen], truth.other[chosen]
    rows = [
        (codes[a], codes[b], float(p), float(q), float(size))
        for a, b, p, q, size in zip(
            given.tolist(), other.tolist(), truth.chance[chosen], answers.at(given, other), sizes[chosen], strict=True
        )
    ]
    return Rows("Pairs that add most", ["a", "b", "p(b | a) in truth", "in answers", "adds"], rows)
