from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.bootstrap import bootstrapped, intervals, resamples
from labelloom.evaluation.metrics import METRICS, computable, evaluate, measure
from labelloom.evaluation.outcome import Outcome
from labelloom.evaluation.propensity import propensities
from labelloom.evaluation.ranking import Ranking

from .cases import complete, problems, random_sets


def outcome_of(truth: LabelSets, scores: np.ndarray) -> Outcome:
    p = 1 / (1 + np.exp(-scores.astype(np.float64)))
    seen = propensities(np.arange(scores.shape[1]), 50)
    return Outcome(truth, LabelSets.from_dense(p > 0.5), complete(p), probabilities=True, propensities=seen)


@settings(deadline=None)
@given(problems(), st.integers(0, 2**32 - 1))
def test_a_weight_counts_like_as_many_copies_of_the_document(problem, seed):
    truth, scores = problem
    rows = np.random.default_rng(seed).integers(0, len(truth), len(truth))
    outcome = outcome_of(truth, scores)
    weighted = measure(outcome.weighted(np.bincount(rows, minlength=len(truth)).astype(np.float64)))
    copies = evaluate(
        truth.take(rows),
        outcome.predicted.take(rows),
        outcome.ranking.take(rows),
        probabilities=True,
        propensities=outcome.facts.propensities,
    )
    del weighted["documents_without_labels"], copies["documents_without_labels"]
    assert set(METRICS) <= copies.keys()
    assert weighted == pytest.approx(copies, abs=1e-12)


def test_intervals_are_percentiles_of_the_metrics_of_resampled_documents():
    rng = np.random.default_rng(0)
    truth = random_sets(rng, 40, 6)
    outcome = outcome_of(truth, rng.normal(size=(40, 6)) + truth.to_dense())
    drawn = [
        evaluate(truth.take(rows), outcome.predicted.take(rows), outcome.ranking.take(rows))["macro_f1"]
        for rows in (np.repeat(np.arange(40), weights.astype(int)) for weights in resamples(40, 60, seed=3))
    ]
    low, high = intervals(outcome, 60, confidence=0.8, seed=3)["macro_f1"]
    assert (low, high) == pytest.approx((np.percentile(drawn, 10), np.percentile(drawn, 90)))


def test_the_interval_of_a_share_is_nearly_that_of_the_normal_distribution():
    correct = np.arange(400) % 4 != 0
    truth = LabelSets.from_dense(np.ones((400, 1), dtype=bool))
    outcome = Outcome(truth, LabelSets.from_dense(correct[:, None]))
    low, high = intervals(outcome, 2000)["subset_accuracy"]
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert (low, high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.006)


def test_every_computable_metric_has_an_interval_around_its_value():
    rng = np.random.default_rng(1)
    truth = random_sets(rng, 60, 5)
    outcome = outcome_of(truth, rng.normal(size=(60, 5)) + 2 * truth.to_dense())
    values, found = measure(outcome, (1, 2)), intervals(outcome, 200, ks=(1, 2))
    assert found.keys() == computable(outcome, (1, 2)).keys()
    # Gaps do not cancel out in small resamples, so the calibration error is biased upwards.
    assert all(low <= values[key] <= high for key, (low, high) in found.items() if key != "calibration_error")


def test_the_seed_decides_and_nothing_else():
    outcome = outcome_of(random_sets(np.random.default_rng(2), 9, 3), np.random.default_rng(3).normal(size=(9, 3)))
    first, again, other = (bootstrapped(outcome, 5, seed) for seed in (7, 7, 8))
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert not np.array_equal(first["micro_f1"], other["micro_f1"])
    # A longer series begins like a shorter one, and the outcome's own weights are as before.
    assert np.array_equal(bootstrapped(outcome, 3, 7)["lrap"], first["lrap"][:3])
    assert outcome.weights.tolist() == [1.0] * 9


def test_one_document_says_nothing_of_others():
    outcome = outcome_of(LabelSets.from_lists([[0]], 2), np.array([[1.0, -1.0]]))
    values = measure(outcome)
    assert all(bounds == (values[key], values[key]) for key, bounds in intervals(outcome, 3).items())


def test_a_cut_ranking_has_intervals_of_what_it_can_measure():
    ranking = Ranking.from_dense(np.random.default_rng(0).random((5, 4)), 3)
    truth = random_sets(np.random.default_rng(1), 5, 4)
    assert "lrap" not in intervals(Outcome(truth, truth, ranking), 2, ks=(1, 3))


def test_what_cannot_be_drawn():
    outcome = Outcome(LabelSets.from_lists([[0]], 1), LabelSets.from_lists([[0]], 1))
    with pytest.raises(ValueError, match=r"^at least one sample must be drawn, not 0$"):
        intervals(outcome, 0)
    with pytest.raises(ValueError, match=r"^confidence must lie between 0 and 1, found 95$"):
        intervals(outcome, 10, confidence=95)
