"""What is measured of a whole ranking and of probabilities: ties, full and empty documents, propensities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation import facts
from labelloom.evaluation.metrics import evaluate
from labelloom.evaluation.outcome import Outcome
from labelloom.evaluation.propensity import AMAZON, WIKIPEDIA, propensities
from labelloom.evaluation.ranking import Ranking

from .cases import complete, naive_ranking, problems, random_sets


def measured(truth: LabelSets, ranking: Ranking, **more: object) -> dict[str, float]:
    return evaluate(truth, LabelSets.from_lists([[]] * len(truth), truth.label_count), ranking, **more)  # type: ignore[arg-type]


@settings(deadline=None)
@given(problems())
def test_ties_count_as_scikit_learn_counts_them(problem):
    truth, scores = problem
    found, y = measured(truth, complete(scores)), truth.to_dense().astype(np.int64)
    labelled = y.any(axis=1)
    y, scores = y[labelled], scores[labelled]
    if len(y):
        assert found["coverage_error"] == pytest.approx(np.mean(naive_coverage(y, scores)))
    if len(y) and y.shape[1] > 1:  # scikit-learn takes one column for a list of classes
        assert found["coverage_error"] == pytest.approx(sk.coverage_error(y, scores))
        assert found["ranking_loss"] == pytest.approx(sk.label_ranking_loss(y, scores))
        assert found["lrap"] == pytest.approx(sk.label_ranking_average_precision_score(y, scores))


def naive_coverage(y: np.ndarray, scores: np.ndarray) -> list[int]:
    return [sum(s >= min(row[true == 1]) for s in row) for true, row in zip(y, scores, strict=True)]


@settings(deadline=None)
@given(problems())
def test_areas_under_curves_with_ties_are_those_of_scikit_learn(problem):
    truth, scores = problem
    y = truth.to_dense()
    both = [label for label in range(y.shape[1]) if 0 < y[:, label].sum() < len(y)]
    expected = [sk.roc_auc_score(y[:, label], scores[:, label]) for label in both]
    assert measured(truth, complete(scores))["macro_auc"] == pytest.approx(np.mean(expected) if both else 0.0)


def test_documents_without_labels_are_left_out_where_scikit_learn_counts_them_as_perfect():
    truth = LabelSets.from_lists([[1], []], 3)
    scores = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])
    found, y = measured(truth, complete(scores)), truth.to_dense().astype(np.int64)
    assert (found["coverage_error"], found["ranking_loss"], found["lrap"]) == (2.0, 0.5, 0.5)
    assert sk.coverage_error(y, scores) == 1.0
    assert sk.label_ranking_loss(y, scores) == 0.25
    assert sk.label_ranking_average_precision_score(y, scores) == 0.75
    assert found["documents_without_labels"] == 1.0


def test_a_document_with_every_label_has_nothing_wrong():
    found = measured(LabelSets.from_lists([[0, 1, 2]], 3), complete(np.array([[3.0, 3.0, 1.0]])))
    assert (found["coverage_error"], found["ranking_loss"], found["lrap"]) == (3.0, 0.0, 1.0)


def test_minus_infinity_is_a_tie_at_the_end():
    found = measured(LabelSets.from_lists([[0, 1]], 4), complete(np.array([[1.0, -np.inf, -np.inf, -np.inf]])))
    assert (found["coverage_error"], found["ranking_loss"]) == (4.0, 2 / 4)
    assert found["lrap"] == pytest.approx((1 + 2 / 4) / 2)


def test_blocks_do_not_show(monkeypatch):
    rng = np.random.default_rng(0)
    truth, ranking = random_sets(rng, 23, 7), complete(np.round(rng.random((23, 7)), 1))
    more = {"probabilities": True, "propensities": propensities(rng.integers(0, 9, 7), 30)}
    whole = measured(truth, ranking, **more)
    monkeypatch.setattr(facts, "_ENTRIES_AT_ONCE", 15)
    assert measured(truth, ranking, **more) == pytest.approx(whole, abs=1e-14)


@settings(deadline=None)
@given(problems(), st.integers(1, 7))
def test_precision_and_gain_of_the_first_places_equal_naive_loops(problem, k):
    """hits / k and binary gains over 1 / log2(rank + 1), of documents with a label; equal scores by label id."""
    truth, scores = problem
    precisions, gains = [], []
    for row, order in enumerate(naive_ranking(scores, k)):
        true = set(truth[row].tolist())
        if true:
            precisions.append(sum(label in true for label in order) / k)
            gained = sum(1 / math.log2(place + 2) for place, label in enumerate(order) if label in true)
            gains.append(gained / sum(1 / math.log2(place + 2) for place in range(min(k, len(true)))))
    found = measured(truth, complete(scores), ks=(k,))
    assert found[f"precision@{k}"] == pytest.approx(np.mean(precisions) if precisions else 0.0)
    assert found[f"ndcg@{k}"] == pytest.approx(np.mean(gains) if gains else 0.0)


# Probabilities.


@given(problems(), st.integers(1, 6))
def test_errors_of_probabilities_equal_naive_loops(problem, depth):
    truth, scores = problem
    p = 1 / (1 + np.exp(-scores.astype(np.float64)))
    ranking = Ranking.from_dense(p, min(depth, p.shape[1]))
    found = measured(truth, ranking, ks=(1,), probabilities=True)
    dense = truth.to_dense()
    decisions = [
        (float(score), bool(dense[row, label]))
        for row in range(len(ranking))
        for score, label in zip(ranking.scores[row], ranking.labels[row], strict=True)
    ]
    assert found["brier_score"] == pytest.approx(np.mean([(score - true) ** 2 for score, true in decisions]))
    gap = 0.0
    for place in range(15):
        inside = [each for each in decisions if min(int(each[0] * 15), 14) == place]
        if inside:
            confidence, share = np.mean([score for score, _ in inside]), np.mean([true for _, true in inside])
            gap += len(inside) / len(decisions) * abs(confidence - share)
    assert found["calibration_error"] == pytest.approx(gap, abs=1e-12)


def test_certain_probabilities_and_labels_that_no_threshold_reaches():
    ranking = complete(np.array([[1.0, 0.0, -np.inf]]))
    found = measured(LabelSets.from_lists([[0]], 3), ranking, probabilities=True)
    assert (found["brier_score"], found["calibration_error"]) == (0.0, 0.0)
    found = measured(LabelSets.from_lists([[1, 2]], 3), ranking, probabilities=True)
    assert (found["brier_score"], found["calibration_error"]) == (1.0, 1.0)


def test_scores_that_only_rank_have_no_such_errors():
    assert not {"brier_score", "calibration_error"} & measured(random_sets(np.random.default_rng(0), 3, 4), complete(
        np.zeros((3, 4))
    )).keys()  # fmt: skip


def test_scores_that_are_no_probabilities():
    truth = LabelSets.from_lists([[0]], 2)
    with pytest.raises(ValueError, match=r"^probabilities must lie in \[0, 1\], found -0\.5 to 2$"):
        Outcome(truth, truth, complete(np.array([[2.0, -0.5]])), probabilities=True)


# Propensities.


def test_propensities_by_hand():
    found = propensities(np.array([0, 1, 100]), 1000)
    c = (math.log(1000) - 1) * 2.5**0.55
    assert found == pytest.approx([1 / (1 + c * (n + 1.5) ** -0.55) for n in (0, 1, 100)])
    wikipedia = (math.log(1000) - 1) * 1.4**0.5
    assert propensities(np.array([7]), 1000, *WIKIPEDIA) == pytest.approx([1 / (1 + wikipedia * 7.4**-0.5)])
    amazon = (math.log(1000) - 1) * 3.6**0.6
    assert propensities(np.array([7]), 1000, *AMAZON) == pytest.approx([1 / (1 + amazon * 9.6**-0.6)])


@pytest.mark.parametrize("documents", [1, 2])
def test_propensities_of_too_few_documents_are_1(documents):
    assert propensities(np.array([0, 1]), documents).tolist() == [1.0, 1.0]


@given(problems(), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_propensity_scored_precision_equals_naive_loops(problem, k, seed):
    truth, scores = problem
    p = propensities(np.random.default_rng(seed).integers(0, 50, scores.shape[1]), 60)
    ranking = complete(scores)
    gained = best = 0.0
    for row in range(len(truth)):
        true = set(truth[row].tolist())
        gained += sum(1 / p[label] for label in ranking.labels[row, :k].tolist() if label in true)
        best += sum(sorted((1 / p[label] for label in true), reverse=True)[:k])
    found = measured(truth, ranking, ks=(k,), propensities=p)[f"psp@{k}"]
    assert found == pytest.approx(gained / best if best else 0.0)


def test_with_equal_propensities_it_is_the_share_of_the_true_labels_that_could_be_found():
    truth = LabelSets.from_lists([[0], [0, 1, 2]], 4)
    ranking = complete(np.array([[4.0, 3.0, 2.0, 1.0], [4.0, 1.0, 2.0, 3.0]]))
    found = measured(truth, ranking, ks=(1, 2), propensities=np.full(4, 0.3))
    assert (found["psp@1"], found["psp@2"]) == (pytest.approx(2 / 2), pytest.approx(2 / 3))


def test_propensities_of_other_labels():
    truth = LabelSets.from_lists([[0]], 3)
    with pytest.raises(ValueError, match=r"^there are 2 propensities for 3 labels$"):
        Outcome(truth, truth, propensities=np.ones(2))
