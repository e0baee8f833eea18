"""Which labels are the rarest, and how their documents are found, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.bootstrap import intervals
from labelloom.evaluation.metrics import DOCUMENT_KS, computable, evaluate, find_metric, measure, rarest_precision_at
from labelloom.evaluation.outcome import Outcome
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rarest import LabelScores, rarest_labels

from .cases import complete, problems, random_sets


def measured(truth: LabelSets, scores: LabelScores) -> dict[str, float]:
    return evaluate(truth, truth, label_scores=scores)


def naive(truth: LabelSets, scores: LabelScores, k: int, capped: bool) -> float:
    """Label by label and document by document; of equal scores the documents without the label come first."""
    shares = []
    for column, label in enumerate(scores.labels.tolist()):
        carrying = [label in truth[row].tolist() for row in range(len(truth))]
        order = sorted(range(len(truth)), key=lambda row: (-scores.scores[row, column], carrying[row]))
        hits = sum(carrying[row] for row in order[:k])
        if any(carrying):
            shares.append(hits / (min(sum(carrying), k) if capped else k))
    return sum(shares) / len(shares) if shares else 0.0


@settings(deadline=None)
@given(problems(), st.integers(0, 2**32 - 1))
def test_the_share_of_documents_found_is_that_of_a_loop(problem, seed):
    truth, scores = problem
    labels = np.random.default_rng(seed).permutation(truth.label_count)
    few = LabelScores(labels, scores[:, labels])
    outcome = Outcome(truth, truth, label_scores=few)
    for k in (1, 2, 3, 10, 20):
        for key, capped in (("rarest_precision", False), ("rarest_r_precision", True)):
            found = find_metric(f"{key}@{k}").compute(outcome)
            assert found == pytest.approx(naive(truth, few, k, capped), abs=1e-12)


def test_by_hand():
    """Label 0 on two of five documents, found in places 1 and 4; label 1 on one, in place 2; label 2 on none."""
    truth = LabelSets.from_lists([[0], [1], [], [0], []], 3)
    scores = np.array([[9.0, 5.0, 0.0], [8.0, 4.0, 0.0], [7.0, 3.0, 0.0], [6.0, 2.0, 0.0], [5.0, 1.0, 0.0]])
    found = measured(truth, LabelScores(np.arange(3), scores.astype(np.float32)))
    assert found["rarest_precision@1"] == pytest.approx((1 / 1 + 0 / 1) / 2)
    assert found["rarest_precision@10"] == pytest.approx((2 / 10 + 1 / 10) / 2)
    assert found["rarest_r_precision@10"] == pytest.approx(1.0)
    assert [key for key in found if key.startswith("rarest")] == [
        f"{key}@{k}" for key in ("rarest_precision", "rarest_r_precision") for k in DOCUMENT_KS
    ]


def test_a_model_that_says_the_same_of_all_documents_finds_none():
    truth = LabelSets.from_lists([[0], [], []], 1)
    for value in (0.5, -np.inf):
        found = measured(truth, LabelScores(np.array([0]), np.full((3, 1), value, dtype=np.float32)))
        assert found["rarest_precision@1"] == 0.0
        assert found["rarest_precision@10"] == pytest.approx(1 / 10)


@settings(deadline=None)
@given(problems(), st.integers(0, 2**32 - 1))
def test_a_weight_counts_like_as_many_copies_of_the_document(problem, seed):
    truth, scores = problem
    rows = np.random.default_rng(seed).integers(0, len(truth), len(truth))
    labels = np.arange(truth.label_count)
    outcome = Outcome(truth, truth, label_scores=LabelScores(labels, scores))
    weighted = measure(outcome.weighted(np.bincount(rows, minlength=len(truth)).astype(np.float64)))
    copies = measured(truth.take(rows), LabelScores(labels, scores[rows]))
    for key in copies:
        if key.startswith("rarest"):
            assert weighted[key] == pytest.approx(copies[key], abs=1e-12), key


def test_weights_near_the_end_of_a_long_split_are_reached():
    """Only the last of 2,000 documents weigh something, so the first places stand far down the order."""
    truth = LabelSets.from_lists([[0]] * 2000, 1)
    few = LabelScores(np.array([0]), -np.arange(2000, dtype=np.float32)[:, None])
    weights = np.zeros(2000)
    weights[-7:] = 0.5
    outcome = Outcome(truth, truth, label_scores=few).weighted(weights)
    assert find_metric("rarest_precision@3").compute(outcome) == 1.0
    assert find_metric("rarest_precision@10").compute(outcome) == pytest.approx(0.35)
    assert find_metric("rarest_r_precision@10").compute(outcome) == 1.0


def test_intervals_hold_the_metric():
    rng = np.random.default_rng(0)
    truth = random_sets(rng, 60, 5)
    scores = (truth.to_dense() + rng.normal(size=(60, 5))).astype(np.float32)
    outcome = Outcome(truth, truth, label_scores=LabelScores(np.arange(5), scores))
    low, high = intervals(outcome, 200)["rarest_precision@10"]
    assert low < measure(outcome)["rarest_precision@10"] < high


@given(problems(), st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_the_rarest_are_those_of_a_sort(problem, seed, count):
    truth, _ = problem
    frequency = np.random.default_rng(seed).integers(0, 3, truth.label_count)
    here = {int(label) for row in range(len(truth)) for label in truth[row]}
    there = [label for label in range(truth.label_count) if frequency[label] and label in here]
    expected = sorted(there, key=lambda label: (frequency[label], label))[:count]
    found = rarest_labels(frequency, truth, count)
    assert found.tolist() == expected
    assert found.dtype == np.int64


def test_a_complete_ranking_has_the_scores_of_before_calibration():
    scores = np.array([[0.25, 0.5, 0.75], [3.0, 1.0, 2.0]], dtype=np.float32)
    ranking = complete(scores)
    calibrated = Ranking(ranking.labels, np.ones_like(ranking.scores), 3, ranking.scores)
    for each in (ranking, calibrated):
        assert LabelScores.from_ranking(each, np.array([2, 0])).scores.tolist() == [[0.75, 0.25], [2.0, 3.0]]
    with pytest.raises(ValueError, match=r"^only a complete ranking has every score; this one holds 2 of 3 labels$"):
        LabelScores.from_ranking(Ranking.from_dense(scores, 2), np.array([0]))


def test_without_scores_of_labels_there_are_no_such_metrics():
    truth = LabelSets.from_lists([[0]], 2)
    assert not any(key.startswith("rarest") for key in computable(Outcome(truth, truth, complete(np.ones((1, 2))))))
    with pytest.raises(ValueError, match=r"^a metric that ranks documents needs the scores of labels for all of them$"):
        find_metric("rarest_precision@1").compute(Outcome(truth, truth))


def test_what_cannot_be_scored():
    truth, one = LabelSets.from_lists([[0]], 2), np.array([1])
    with pytest.raises(ValueError, match=r"^label_scores is about 2 documents, the truth about 1$"):
        Outcome(truth, truth, label_scores=LabelScores(one, np.zeros((2, 1), dtype=np.float32)))
    message = r"^there must be a column of scores for each label, found \(1,\) labels and \(1, 2\) scores$"
    with pytest.raises(ValueError, match=message):
        LabelScores(one, np.zeros((1, 2), dtype=np.float32))
    message = r"^scores must be numbers below infinity; document 1 has nan for label 1$"
    with pytest.raises(ValueError, match=message):
        LabelScores(one, np.array([[0.0], [np.nan]], dtype=np.float32))
    outcome = Outcome(truth, truth, label_scores=LabelScores(one, np.zeros((1, 1), dtype=np.float32)))
    with pytest.raises(ValueError, match=r"^k must be at least 1, found 0$"):
        rarest_precision_at(outcome, 0)
