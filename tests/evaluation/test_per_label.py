"""A threshold for each label: against naive loops over every cut, with floors and shrinkage, and on little data."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from labelloom.data.label_sets import LabelSets
from labelloom.errors import DataError
from labelloom.evaluation import facts, membership, per_label
from labelloom.evaluation.decision import Decision, fit_decision, fitting_notes
from labelloom.evaluation.per_label import fit_per_label
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rules import PerLabel
from labelloom.spec.decision import DecisionSettings

from .cases import complete, naive_f1, problems, random_sets, same

FREE = {"rule": "per-label", "shrinkage": 0.0}


def thresholds_of(rule: PerLabel) -> np.ndarray:
    thresholds = np.full(rule.label_count, rule.threshold)
    thresholds[list(rule.labels)] = rule.thresholds
    return thresholds


def candidates(scores: np.ndarray) -> list[float]:
    """A threshold at, between and above all scores of a label."""
    levels = np.unique(scores[scores > -np.inf]).astype(np.float64)
    return [*levels, *((levels[1:] + levels[:-1]) / 2), levels[-1] + 1] if len(levels) else [0.0]


@settings(deadline=None)  # naive loops
@given(problems(), st.integers(1, 6))
def test_no_threshold_of_a_label_does_better_for_its_f1(problem, depth):
    truth, scores = problem
    assume(len(truth.values))
    ranking = Ranking.from_dense(scores, min(depth, scores.shape[1]))
    decision = fit_decision(DecisionSettings(**FREE), ranking, truth)
    ranked = np.full(scores.shape, -np.inf)
    np.put_along_axis(ranked, ranking.labels, ranking.scores, axis=1)
    y, thresholds = truth.to_dense(), thresholds_of(decision.rule)
    answer = decision.decide(ranking).to_dense()
    assert np.array_equal(answer, ranked >= thresholds)
    for label in range(scores.shape[1]):
        column, true = ranked[:, label], y[:, label]
        best = max(naive_f1(true, column >= threshold) for threshold in candidates(column))
        if (true & (column > -np.inf)).any():
            assert label in decision.rule.labels
            assert naive_f1(true, answer[:, label]) == pytest.approx(best)
            equal = [t for t in candidates(column) if naive_f1(true, column >= t) == pytest.approx(best)]
            assert answer[:, label].sum() == (column >= max(equal)).sum(), "of equal thresholds the highest is taken"
        else:
            assert label not in decision.rule.labels


@settings(deadline=None)
@given(problems())
def test_no_thresholds_together_do_better_for_micro_f1(problem):
    truth, scores = problem
    truth, scores = LabelSets.from_dense(truth.to_dense()[:4, :3]), scores[:4, :3]
    assume(len(truth.values))
    decision = fit_decision(DecisionSettings(**FREE, metric="micro_f1"), complete(scores), truth)
    y = truth.to_dense()
    reached = naive_f1(y, decision.decide(complete(scores)).to_dense())
    # A label that nobody has keeps the common threshold; others may be answered from any cut on.
    tried = [
        candidates(scores[:, label]) if y[:, label].any() else [decision.rule.threshold]
        for label in range(scores.shape[1])
    ]
    best = max(naive_f1(y, scores >= np.array(thresholds)) for thresholds in itertools.product(*tried))
    assert reached == pytest.approx(best)


def test_the_common_threshold_counts_less_the_more_documents_a_label_has():
    rng = np.random.default_rng(0)
    truth, scores = random_sets(rng, 50, 5), rng.normal(size=(50, 5)).astype(np.float32)
    common = fit_decision(DecisionSettings(), complete(scores), truth).rule.threshold
    free = fit_decision(DecisionSettings(**FREE), complete(scores), truth).rule
    drawn = fit_decision(DecisionSettings(rule="per-label", shrinkage=4.0), complete(scores), truth).rule
    support = truth.to_dense().sum(axis=0)
    assert free.threshold == drawn.threshold == common
    assert drawn.thresholds == pytest.approx(
        [(n * own + 4 * common) / (n + 4) for n, own in zip(support, free.thresholds, strict=True)]
    )


@given(problems(), st.integers(1, 8))
def test_labels_below_the_floor_get_the_common_threshold(problem, floor):
    truth, scores = problem
    assume(len(truth.values))
    rule = fit_decision(DecisionSettings(**FREE, min_support=floor), complete(scores), truth).rule
    support = truth.to_dense().sum(axis=0)
    assert rule.labels == tuple(np.flatnonzero(support >= floor).tolist())
    everyone = fit_decision(DecisionSettings(**FREE), complete(scores), truth).rule
    assert rule.thresholds == tuple(thresholds_of(everyone)[list(rule.labels)].tolist())


def test_a_threshold_midway_between_two_scores_of_its_label():
    truth = LabelSets.from_lists([[0], [0], [1], []], 2)
    scores = np.array([[0.9, 0.8], [0.7, 0.6], [0.3, 0.55], [0.1, 0.2]])
    rule = fit_decision(DecisionSettings(**FREE), complete(scores), truth).rule
    # Of label 1 the third document alone is true: all above it must come along.
    assert rule.thresholds == pytest.approx((0.5, (0.55 + 0.2) / 2))


def test_a_lone_document_far_down_does_not_open_the_gates():
    """One noisy positive among a thousand: left free its threshold answers the label everywhere."""
    rng = np.random.default_rng(0)
    scores = rng.random((1000, 2)).astype(np.float32) * 0.1
    dense = np.zeros((1000, 2), dtype=bool)
    dense[:300, 0], scores[:300, 0] = True, 0.9
    dense[np.argsort(scores[:, 1])[500], 1] = True
    truth, ranking = LabelSets.from_dense(dense), complete(scores)
    free = fit_decision(DecisionSettings(**FREE), ranking, truth).decide(ranking)
    guarded = fit_decision(DecisionSettings(rule="per-label"), ranking, truth).decide(ranking)
    assert free.to_dense()[:, 1].sum() == 500
    assert guarded.to_dense()[:, 1].sum() == 0
    assert np.array_equal(guarded.to_dense()[:, 0], dense[:, 0])


@pytest.mark.parametrize("metric", ["micro_f1", "macro_f1"])
@pytest.mark.parametrize(
    ("truth", "scores", "expected"),
    [
        pytest.param([[0], []], [[0.5, 0.5], [0.5, 0.5]], [[0, 1], [0, 1]], id="all scores equal"),
        pytest.param([[1]], [[0.2, 0.7, 0.1]], [[1]], id="one document"),
        pytest.param([[0, 1]], [[-np.inf, 0.7]], [[1]], id="a true label that nothing reaches"),
        pytest.param([[0], [1]], [[-np.inf, -np.inf], [-np.inf, -np.inf]], [[], []], id="nothing reaches any label"),
    ],
)
def test_where_little_is_known(metric, truth, scores, expected):
    ranking = complete(np.array(scores))
    truth = LabelSets.from_lists(truth, ranking.label_count)
    decision = fit_decision(DecisionSettings(**FREE, metric=metric), ranking, truth)
    assert same(decision.decide(ranking), LabelSets.from_lists(expected, ranking.label_count))
    assert Decision.from_json(decision.to_json()) == decision


def test_labels_whose_documents_are_ranked_below_the_cut_have_no_threshold_of_their_own():
    ranking = Ranking.from_dense(np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]), 2)
    rule = fit_decision(DecisionSettings(**FREE), ranking, LabelSets.from_lists([[0, 2], [2]], 3)).rule
    assert rule.labels == (0,)


def test_no_label_above_the_floor():
    ranking, truth = complete(np.array([[0.9, 0.1]])), LabelSets.from_lists([[0]], 2)
    for metric in ("micro_f1", "macro_f1"):
        settings = DecisionSettings(rule="per-label", min_support=2, metric=metric)
        decision = fit_decision(settings, ranking, truth)
        assert same(decision.decide(ranking), truth)
        assert decision.describe() == (
            f"one threshold, 0.5, fitted on validation for {metric.replace('_', '-').replace('f', 'F')}: "
            "no label could have its own"
        )


def test_a_validation_split_without_labels():
    with pytest.raises(DataError, match="none of its 2 documents has a label, so no threshold can be fitted"):
        fit_decision(DecisionSettings(rule="per-label"), complete(np.zeros((2, 3))), LabelSets.from_lists([[], []], 3))


def test_at_least_one_gives_the_first_label():
    decision = Decision(PerLabel(0.5, (0,), (0.9,), 3, "macro_f1", 1, 3.0), at_least_one=True)
    ranking = complete(np.array([[0.8, 0.6, 0.1], [0.8, 0.4, 0.1]]))
    assert same(decision.decide(ranking), LabelSets.from_lists([[1], [0]], 3))


def test_in_words_and_as_json():
    rule = PerLabel(0.25, (0, 7), (0.5, -1 / 3), 1987, "macro_f1", 2, 3.0)
    assert Decision(rule).describe() == (
        "thresholds for 2 of 1,987 labels, fitted on validation for macro-F1; 0.25 for the others"
    )
    assert Decision.from_json(Decision(rule).to_json()) == Decision(rule)
    whole = PerLabel(0.25, (0, 1), (0.5, 0.6), 2, "micro_f1", 1, 0.0)
    assert Decision(whole).describe() == "a threshold for each of 2 labels, fitted on validation for micro-F1"
    assert DecisionSettings(**Decision(rule, True).settings()) == DecisionSettings(
        rule="per-label", metric="macro_f1", min_support=2, shrinkage=3.0, at_least_one=True
    )


@pytest.mark.parametrize("metric", ["micro_f1", "macro_f1"])
def test_a_hundred_thousand_labels_of_which_each_document_ranks_ten(metric):
    """The same thresholds as with the labels that occur alone: nothing depends on L but the length of a table."""
    rng = np.random.default_rng(5)
    few = rng.choice(100_000, 40, replace=False)
    few.sort()
    dense = Ranking.from_dense(rng.normal(size=(300, 40)), 10)
    truth = random_sets(rng, 300, 40, 0.1)
    many = Ranking(few[dense.labels], dense.scores, 100_000)
    sparse = LabelSets(truth.offsets, few[truth.values], 100_000)
    labels, thresholds = fit_per_label(metric, many, sparse, 0.5, 2, 3.0)
    expected = fit_per_label(metric, dense, truth, 0.5, 2, 3.0)
    assert labels.tolist() == few[expected[0]].tolist()
    assert thresholds.tolist() == expected[1].tolist()


def test_notes_on_what_is_fitted_on_little():
    few, enough = LabelSets.from_lists([[0]] * 49, 3), LabelSets.from_lists([[0]] * 50, 3)
    note = "the decision rule is fitted on 49 documents: with fewer than 50 it may be far off"
    unseen = "2 of 3 labels have no document on validation, so no threshold is fitted to them"
    assert fitting_notes(DecisionSettings(), few) == [note]
    assert fitting_notes(DecisionSettings(), enough) == []
    assert fitting_notes(DecisionSettings(rule="per-label"), few) == [note, unseen]
    assert fitting_notes(DecisionSettings(metric="macro_f1"), enough) == [unseen]
    assert fitting_notes(DecisionSettings(rule="fixed"), few) == []
    assert fitting_notes(DecisionSettings(rule="top-k", k=1, calibration="platt"), few) == [
        "the calibration is fitted on 49 documents: with fewer than 50 it may be far off"
    ]


@pytest.mark.parametrize("metric", ["macro_f1", "micro_f1"])
def test_blocks_of_documents_and_of_labels_do_not_show(metric, monkeypatch):
    rng = np.random.default_rng(3)
    truth = random_sets(rng, 60, 9, 0.3)
    ranking = Ranking.from_dense(np.round(rng.normal(size=(60, 9)) + truth.to_dense(), 1), 7)
    whole = fit_per_label(metric, ranking, truth, 0.4, 1, 2.0)
    monkeypatch.setattr(facts, "_ENTRIES_AT_ONCE", 13)
    monkeypatch.setattr(per_label, "_ENTRIES_AT_ONCE", 25)
    parts = fit_per_label(metric, ranking, truth, 0.4, 1, 2.0)
    assert np.array_equal(whole[0], parts[0])
    assert np.array_equal(whole[1], parts[1])


def test_memory_is_bounded_where_truth_is_dense_and_scores_tell_nothing(monkeypatch):
    """Every place of such a ranking could be a threshold. Little more than which are true is kept of all of them."""
    rng = np.random.default_rng(4)
    truth = random_sets(rng, 4000, 100, 0.02)
    ranking = complete(rng.random((4000, 100), dtype=np.float32))
    monkeypatch.setattr(facts, "_ENTRIES_AT_ONCE", 1 << 14)
    monkeypatch.setattr(per_label, "_ENTRIES_AT_ONCE", 1 << 14)
    monkeypatch.setattr(membership, "_CELLS_AT_ONCE", 1 << 14)
    tracemalloc.start()
    fit_per_label("macro_f1", ranking, truth, 0.5, 1, 3.0)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 12 * ranking.scores.size
