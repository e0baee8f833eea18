from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labelloom.data.label_sets import LabelSets
from labelloom.errors import DataError, RunError, SpecError
from labelloom.evaluation import thresholds
from labelloom.evaluation.decision import Decision, fit_decision
from labelloom.evaluation.metrics import evaluate
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rules import Fitted, Fixed, TopK
from labelloom.spec.decision import DecisionSettings

from .cases import complete, naive_f1, naive_macro_f1, problems, random_sets, same

NAIVE = {"micro_f1": naive_f1, "macro_f1": naive_macro_f1}


def naive_answer(scores: np.ndarray, threshold: float, depth: int, at_least_one: bool) -> np.ndarray:
    """(N, L) bool, by loops over Python's own floats."""
    answer = np.zeros(scores.shape, dtype=bool)
    for document, row in enumerate(scores.tolist()):
        best = sorted(range(len(row)), key=lambda label: (-row[label], label))[:depth]
        for place, label in enumerate(best):
            answer[document, label] = row[label] >= threshold or (at_least_one and place == 0)
    return answer


@given(problems(), st.integers(1, 6), st.booleans(), st.sampled_from(["micro_f1", "macro_f1"]))
def test_no_threshold_does_better_than_the_fitted_one(problem, depth, at_least_one, metric):
    truth, scores = problem
    assume(len(truth.values))
    depth = min(depth, scores.shape[1])
    ranking = Ranking.from_dense(scores, depth)
    settings = DecisionSettings(metric=metric, at_least_one=at_least_one)
    decision = fit_decision(settings, ranking, truth)
    answer = decision.decide(ranking)

    dense = truth.to_dense()
    expected = naive_answer(scores, decision.rule.threshold, depth, at_least_one)
    assert np.array_equal(answer.to_dense(), expected)
    reached = NAIVE[metric](dense, expected)
    assert decision.rule.value == pytest.approx(reached)
    levels = np.unique(scores).astype(np.float64)
    tried = [*levels, *(levels[1:] + levels[:-1]) / 2, levels[-1] + 1]
    assert reached >= max(NAIVE[metric](dense, naive_answer(scores, t, depth, at_least_one)) for t in tried) - 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_thresholds_do_no_better_for_micro_f1(seed):
    rng = np.random.default_rng(seed)
    truth = random_sets(rng, 60, 12, 0.2)
    scores = (rng.normal(size=(60, 12)) + 2 * truth.to_dense()).astype(np.float32)
    ranking = complete(scores)
    decision = fit_decision(DecisionSettings(), ranking, truth)
    reached = evaluate(truth, decision.decide(ranking))["micro_f1"]
    assert reached == decision.rule.value
    tried = np.linspace(scores.min() - 1, scores.max() + 1, 1000)
    assert reached >= max(naive_f1(truth.to_dense(), scores >= threshold) for threshold in tried)


def test_macro_f1_on_a_grid_comes_close_to_the_exact_maximum():
    rng = np.random.default_rng(7)
    truth = random_sets(rng, 400, 8, 0.2)
    scores = (rng.normal(size=(400, 8)) + 1.5 * truth.to_dense()).astype(np.float32)
    assert len(truth.values) > 2 * thresholds.MACRO_CUTS
    decision = fit_decision(DecisionSettings(metric="macro_f1"), complete(scores), truth)
    dense = truth.to_dense()
    assert decision.rule.value == pytest.approx(naive_macro_f1(dense, scores >= decision.rule.threshold))
    exact = max(naive_macro_f1(dense, scores >= threshold) for threshold in scores[dense])
    assert exact - 0.005 < decision.rule.value <= exact + 1e-12


def test_the_threshold_lies_midway_and_never_splits_equal_scores():
    truth = LabelSets.from_lists([[0], [0], [0, 1]], 3)
    scores = np.array([[0.75, 0.25, 0.0], [0.75, 0.5, 0.0], [0.75, 0.75, 0.0]])
    decision = fit_decision(DecisionSettings(), complete(scores), truth)
    assert decision.rule == Fitted(0.625, "micro_f1", 1.0)


def test_a_threshold_between_neighbouring_float32_separates_them():
    high, low = np.float32(0.3), np.nextafter(np.float32(0.3), np.float32(0))
    ranking = complete(np.array([[high, low]], dtype=np.float32))
    decision = fit_decision(DecisionSettings(), ranking, LabelSets.from_lists([[0]], 2))
    assert float(low) < decision.rule.threshold < float(high)
    assert decision.decide(ranking).values.tolist() == [0]


def test_of_equal_thresholds_the_highest_is_taken():
    # The first cut finds 1 of 2 with 1 answer (F1 2/3), the last 2 of 2 with 4 answers (F1 4/6).
    ranking = complete(np.array([[4.0, 3.0, 2.0, 1.0]]))
    decision = fit_decision(DecisionSettings(), ranking, LabelSets.from_lists([[0, 3]], 4))
    assert decision.rule == Fitted(3.5, "micro_f1", pytest.approx(2 / 3))


def test_labels_with_minus_infinity_are_never_given():
    ranking = complete(np.array([[1.0, -np.inf], [-np.inf, -np.inf]]))
    truth = LabelSets.from_lists([[0, 1], [0, 1]], 2)
    decision = fit_decision(DecisionSettings(), ranking, truth)
    assert decision.rule.threshold == 1.0
    assert same(decision.decide(ranking), LabelSets.from_lists([[0], []], 2))


@pytest.mark.parametrize("metric", ["micro_f1", "macro_f1"])
def test_a_ranking_without_a_true_label_gives_no_answers_and_says_so(metric):
    ranking = Ranking.from_dense(np.array([[3.0, 2.0, 1.0]]), 2)
    decision = fit_decision(DecisionSettings(metric=metric), ranking, LabelSets.from_lists([[2]], 3))
    assert len(decision.decide(ranking).values) == 0
    name = metric.replace("_f1", "-F1")
    assert decision.describe() == (
        f"one threshold, 3, fitted on validation for {name} "
        "(which is 0 at every threshold: the ranking holds no true label)"
    )


def test_a_validation_split_without_labels():
    with pytest.raises(DataError) as caught:
        fit_decision(DecisionSettings(), complete(np.zeros((2, 3))), LabelSets.from_lists([[], []], 3))
    assert str(caught.value) == (
        "validation split: none of its 2 documents has a label, so no threshold can be fitted\n"
        "    try: give it documents with labels\n"
        '    try: decision.rule = "top-k" with decision.k, or "fixed"'
    )


@pytest.mark.parametrize(("scale", "do"), [("ranks", "only rank labels"), ("distribution", "share 1 among all labels")])
def test_a_fixed_threshold_needs_probabilities(scale, do):
    ranking, truth = complete(np.zeros((1, 3))), LabelSets.from_lists([[0]], 3)
    with pytest.raises(SpecError) as caught:
        fit_decision(DecisionSettings(rule="fixed"), ranking, truth, scale=scale)
    assert str(caught.value) == (
        f'decision.rule: "fixed" compares probabilities with 0.5, but the scores of this model {do}\n'
        '    try: rule = "fitted"\n'
        '    try: rule = "top-k" with k\n'
        '    try: calibration = "platt"'
    )


def test_a_fixed_threshold_is_taken_as_it_is():
    ranking = complete(np.array([[0.5, 0.49, 0.51], [0.1, 0.2, 0.3]]))
    truth = LabelSets.from_lists([[], []], 3)
    decision = fit_decision(DecisionSettings(rule="fixed"), ranking, truth, scale="probabilities")
    assert same(decision.decide(ranking), LabelSets.from_lists([[0, 2], []], 3))
    assert decision.describe() == "one threshold, 0.5, fixed"


@given(problems(), st.integers(1, 6))
def test_top_k_gives_k_labels_to_every_document(problem, k):
    truth, scores = problem
    ranking = complete(scores)
    assume(k <= ranking.depth)
    answer = fit_decision(DecisionSettings(rule="top-k", k=k), ranking, truth).decide(ranking)
    assert same(answer, LabelSets.from_lists(ranking.labels[:, :k].tolist(), ranking.label_count))


def test_top_k_of_too_few_labels():
    ranking, truth = complete(np.zeros((1, 3))), LabelSets.from_lists([[0]], 3)
    with pytest.raises(SpecError) as caught:
        fit_decision(DecisionSettings(rule="top-k", k=4), ranking, truth)
    assert str(caught.value) == (
        "decision.k: 4 labels cannot be given to every document: there are 3\n    try: k = 3 or less"
    )
    with pytest.raises(ValueError, match=r"^the 3 best labels were asked for; the ranking holds 2 of 3$"):
        Decision(TopK(3)).decide(Ranking.from_dense(np.zeros((1, 3)), 2))


@given(problems(), st.booleans())
def test_what_a_document_gets_depends_on_no_other_document(problem, at_least_one):
    _, scores = problem
    ranking = complete(scores)
    decision = Decision(Fixed(0.1), at_least_one)
    rows = np.arange(len(ranking))[::-1]
    assert same(decision.decide(ranking.take(rows)), decision.decide(ranking).take(rows))


@pytest.mark.parametrize("rule", [Fitted(0.3, "micro_f1", 0.5), Fixed(0.5), TopK(1)])
def test_no_documents_get_no_answers(rule):
    assert len(Decision(rule, True).decide(complete(np.zeros((0, 3))))) == 0


@pytest.mark.parametrize(
    ("decision", "text"),
    [
        (Decision(Fitted(0.31, "micro_f1", 0.7)), "one threshold, 0.31, fitted on validation for micro-F1"),
        (Decision(Fitted(-3.14159, "macro_f1", 0.7)), "one threshold, -3.142, fitted on validation for macro-F1"),
        (Decision(Fixed(0.5), True), "one threshold, 0.5, fixed; at least one label a document"),
        (Decision(TopK(5)), "the 5 best labels of every document"),
        (Decision(TopK(1)), "the best label of every document"),
    ],
)
def test_decisions_in_words_and_as_json(decision, text):
    assert decision.describe() == text
    assert Decision.from_json(decision.to_json()) == decision


@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_json_keeps_every_threshold_exactly(threshold, at_least_one):
    decision = Decision(Fitted(threshold, "micro_f1", 1 / 3), at_least_one)
    assert Decision.from_json(decision.to_json()) == decision


def test_the_json_of_a_decision():
    assert json.loads(Decision(Fitted(0.25, "micro_f1", 0.5)).to_json()) == {
        "rule": "fitted",
        "threshold": 0.25,
        "metric": "micro_f1",
        "value": 0.5,
        "at_least_one": False,
    }


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"rule": "fixed"}', '{"rule": "fixed", "k": 1, "at_least_one": true}']
)
def test_what_is_no_saved_decision(text):
    with pytest.raises(RunError, match=r"^runs/x/decision\.json: this is no saved decision \("):
        Decision.from_json(text, where="runs/x/decision.json")


def test_a_rule_of_another_version():
    message = (
        'decision: the saved decision rule "oracle" is not known here; known are fitted, fixed, top-k, per-label\n'
        "    try: use the version of labelloom that saved it"
    )
    with pytest.raises(RunError, match=f"^{re.escape(message)}$"):
        Decision.from_json('{"rule": "oracle", "at_least_one": false}')


def test_a_ranking_of_other_documents():
    message = "^the ranking is about 2 documents and 3 labels, the truth about 1 and 3$"
    with pytest.raises(ValueError, match=message):
        fit_decision(DecisionSettings(), complete(np.zeros((2, 3))), LabelSets.from_lists([[0]], 3))
