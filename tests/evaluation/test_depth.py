"""What a cut ranking cannot measure or decide, said before anything is trained for it."""

from __future__ import annotations

import pytest

from labelloom.errors import SpecError
from labelloom.evaluation.depth import depth_for, metric_problems, top_k_problems

MANY = (1_000_000, 100_000)
"""Documents and labels of which the best 100 are ranked."""


@pytest.mark.parametrize(
    ("documents", "labels", "depth"),
    [
        *((1, 7, 7), (0, 5, 5), (500_000, 100, 100), (500_000, 101, 100), (100_000, 1000, 500), (*MANY, 100)),
        # Up to 50,000 labels are all ranked where that is short enough; else 1,000, or what many documents leave of it.
        *(
            (1000, 50_000, 50_000),
            (1001, 50_000, 1000),
            (1, 50_001, 1000),
            (50_000, 50_001, 1000),
            (62_500, 10**6, 800),
        ),
    ],
)
def test_how_many_labels_are_kept(documents, labels, depth):
    assert depth_for(documents, labels) == depth


@pytest.mark.parametrize(
    ("metric", "scale", "message"),
    [
        (
            "lrap",
            "ranks",
            "training.metric: lrap needs a ranking of every label; the ranking of 1,000,000 documents keeps "
            "the best 100 of 100,000 labels\n    try: micro_f1\n    try: ndcg@5",
        ),
        (
            "precision@101",
            "probabilities",
            "training.metric: precision@101 needs the best 101 labels; the ranking of 1,000,000 documents "
            "keeps the best 100 of 100,000 labels\n    try: precision@100",
        ),
        (
            "brier_score",
            "ranks",
            "training.metric: brier_score needs probabilities, but the scores of this model only rank labels\n"
            '    try: micro_f1\n    try: decision.calibration = "platt"',
        ),
        (
            "brier_score",
            "distribution",
            "training.metric: brier_score needs probabilities, but the scores of this model share 1 among all labels\n"
            '    try: micro_f1\n    try: decision.calibration = "platt"',
        ),
        (
            "rarest_precision@10",
            "ranks",
            "training.metric: rarest_precision@10 ranks documents by the scores of rare labels, which is only for a "
            "trained model\n    try: psp@5\n    try: labelloom evaluate --rarest 10, when training has ended",
        ),
    ],
)
def test_metrics_that_cannot_be_computed(metric, scale, message):
    problems = list(metric_problems(metric, "training.metric", MANY, scale))
    assert str(SpecError.from_problems(problems)) == message


@pytest.mark.parametrize("metric", ["micro_f1", "precision@100", "psp@5", "one_error", "calibration_error"])
def test_metrics_that_a_cut_ranking_can_tell(metric):
    assert list(metric_problems(metric, "training.metric", MANY, "probabilities")) == []


@pytest.mark.parametrize("metric", ["lrap", "macro_auc", "precision@7"])
def test_a_complete_ranking_can_tell_everything(metric):
    assert list(metric_problems(metric, "training.metric", (100, 6), "ranks")) == []


@pytest.mark.parametrize(
    ("k", "size", "message"),
    [
        (101, MANY, "of 100,000 the best 100 are ranked\n    try: k = 100 or less"),
        (7, (10, 6), "there are 6\n    try: k = 6 or less"),
    ],
)
def test_more_labels_than_can_be_given(k, size, message):
    problems = list(top_k_problems(k, "decision.k", *size))
    assert str(problems[0]) == f"decision.k: {k} labels cannot be given to every document: {message}"
    assert list(top_k_problems(k - 1, "decision.k", *size)) == []
