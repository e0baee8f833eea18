"""Answers that are the same for all documents: the sign of a model that has learnt nothing."""

from __future__ import annotations

import numpy as np

from labelloom.data.corpus import Split
from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.ranking import Ranking

_NEARLY_ALL, _FEW = 0.95, 0.5


def told_sameness(split: Split, answers: LabelSets, ranking: Ranking) -> str | None:
    """A warning when nearly all documents of `split` get every ranked label, or none, though the truth is otherwise."""
    truth = split.label_sets.counts
    for what, count in (("every label", ranking.labels.shape[1]), ("no label", 0)):
        share = np.mean(answers.counts == count)
        if share >= _NEARLY_ALL and np.mean(truth == count) < _FEW:
            return (
                f"warning: the decision rule gives {what} to {share:.0%} of the {split.name} documents, so the model "
                "does not tell them apart; look at the losses in history.jsonl: a rising one needs a lower "
                "training.learning_rate, a falling one more epochs"
            )
    return None
