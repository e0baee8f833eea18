"""Temperature and Platt scaling: the loss that they minimise, the order that they keep, and scores at the edges."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from labelloom.data.label_sets import LabelSets
from labelloom.errors import DataError, RunError, SpecError
from labelloom.evaluation import facts
from labelloom.evaluation.calibration import Platt, Temperature, fit_calibration
from labelloom.evaluation.decision import Decision, fit_decision
from labelloom.evaluation.metrics import evaluate
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rules import Fixed, TopK
from labelloom.spec.decision import DecisionSettings

from .cases import complete, problems, random_sets, same

TEMPERATURE, PLATT = DecisionSettings(calibration="temperature"), DecisionSettings(calibration="platt")


def logits_of_truth(seed: int, documents: int = 3000, labels: int = 5) -> tuple[np.ndarray, LabelSets]:
    """(N, L) logits, and a truth in which each label is true with the probability that its logit says."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 2, size=(documents, labels))
    return logits, LabelSets.from_dense(rng.random(logits.shape) < expit(logits))


def cross_entropy(p: np.ndarray, targets: np.ndarray) -> float:
    return float(-(targets * np.log(p) + (1 - targets) * np.log1p(-p)).mean())


def platt_targets(true: np.ndarray) -> np.ndarray:
    return np.where(true, (true.sum() + 1) / (true.sum() + 2), 1 / ((~true).sum() + 2))


def test_a_temperature_is_found_again():
    logits, truth = logits_of_truth(0)
    for heat in (0.5, 1.0, 3.0):
        found = fit_calibration(TEMPERATURE, complete(expit(logits * heat)), truth, "probabilities")
        assert found.temperature == pytest.approx(heat, rel=0.06)


def test_no_other_temperature_has_a_lower_cross_entropy():
    logits, truth = logits_of_truth(1, 200)
    found = fit_calibration(TEMPERATURE, complete(expit(2 * logits)), truth, "probabilities").temperature
    dense = truth.to_dense()
    reached = cross_entropy(expit(2 * logits / found), dense)
    assert reached <= min(cross_entropy(expit(2 * logits / (found * by)), dense) for by in (0.5, 0.9, 0.99, 1.01, 2))


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_platt_is_a_logistic_regression_on_smoothed_targets(scale):
    logits, truth = logits_of_truth(2, 150)
    scores = complete((scale * (3 * logits + 10)).astype(np.float32))
    found = fit_calibration(PLATT, scores, truth, "ranks")
    # Soft targets are both answers, weighted.
    x, targets = scores.to_dense().astype(np.float64).reshape(-1, 1) / scale, platt_targets(truth.to_dense()).ravel()
    regression = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    regression.fit(np.vstack([x, x]), np.repeat([1, 0], len(x)), np.concatenate([targets, 1 - targets]))
    assert found.of == "score"
    assert found.slope * scale == pytest.approx(regression.coef_[0, 0], rel=1e-3)
    assert found.intercept == pytest.approx(regression.intercept_[0], rel=1e-3)


def test_platt_works_on_the_logits_of_probabilities():
    logits, truth = logits_of_truth(3)
    found = fit_calibration(PLATT, complete(expit(2 * logits + 1)), truth, "probabilities")
    assert (found.of, found.slope, found.intercept) == (
        "logit",
        pytest.approx(0.5, abs=0.03),
        pytest.approx(-0.5, abs=0.1),
    )


@settings(deadline=None)  # the first example imports an optimiser
@given(problems(), st.integers(1, 6), st.sampled_from(["temperature", "platt"]), st.booleans())
def test_the_order_never_changes(problem, depth, name, probabilities):
    truth, scores = problem
    assume(len(truth.values) and (probabilities or name == "platt"))
    values = expit(scores.astype(np.float64)) if probabilities else scores
    ranking = Ranking.from_dense(values, min(depth, scores.shape[1]))
    decision = fit_decision(
        DecisionSettings(calibration=name), ranking, truth, scale="probabilities" if probabilities else "ranks"
    )
    shown = decision.calibrated(ranking)
    assert np.array_equal(shown.labels, ranking.labels)
    assert shown.scores.min() >= 0
    assert shown.scores.max() <= 1
    order = np.argsort(ranking.scores, axis=None, kind="stable")
    assert (np.diff(shown.scores.ravel()[order]) >= -1e-7).all(), "across documents too"


@settings(deadline=None)
@given(problems(), st.booleans())
def test_of_scores_that_tell_nothing_platt_makes_the_share_of_true_labels(problem, falling):
    truth, _ = problem
    assume(len(truth.values))
    dense = truth.to_dense()
    scores = -dense.astype(np.float32) if falling else np.full(dense.shape, 0.25, dtype=np.float32)
    found = fit_calibration(PLATT, complete(scores), truth, "ranks")
    assert found.slope == 0
    assert expit(found.intercept) == pytest.approx(platt_targets(dense).mean())
    assert "(where the scores tell nothing)" in found.describe()


def shares_of(seed: int) -> tuple[Ranking, LabelSets]:
    """Peaked distributions over many labels, most of which have a share close to 0, and one true label a document."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 8, size=(40, 300))
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    true = [[int(rng.choice(300, p=np.exp(row / 3) / np.exp(row / 3).sum()))] for row in logits]
    return complete(np.exp(logits).astype(np.float32)), LabelSets.from_lists(true, 300)


def test_platt_works_on_the_logarithms_of_shares():
    """A regression of the logarithms, of which no share is too small."""
    ranking, truth = shares_of(0)
    found = fit_calibration(PLATT, ranking, truth, "distribution")
    assert found.of == "log"
    x, targets = np.log(ranking.to_dense().astype(np.float64)).reshape(-1, 1), platt_targets(truth.to_dense()).ravel()
    regression = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    regression.fit(np.vstack([x, x]), np.repeat([1, 0], len(x)), np.concatenate([targets, 1 - targets]))
    assert found.slope == pytest.approx(regression.coef_[0, 0], rel=1e-3)
    assert found.intercept == pytest.approx(regression.intercept_[0], rel=1e-3)
    assert "sigmoid(" in found.describe()
    assert " · log share " in found.describe()
    shown = Decision(TopK(1), calibration=found).calibrated(ranking).scores
    assert len(np.unique(shown)) > 0.99 * len(np.unique(ranking.scores))


@pytest.mark.parametrize(
    ("calibration", "spread"),
    [(Platt(3.0, 0.0, "score"), 8.0), (Platt(0.2, 0.0, "logit"), 0.001), (Platt(6.0, 0.0, "log"), 8.0)],
)
def test_what_is_measured_of_an_order_stays_as_it_was(calibration, spread):
    """Also where float32 cannot tell the calibrated scores apart: high or low ones, or ones that lie close together."""
    rng = np.random.default_rng(1)
    truth = random_sets(rng, 30, 200, 0.1)
    logits = spread * rng.normal(size=(30, 200))
    made = {"score": logits, "logit": expit(logits), "log": np.exp(logits - logits.max() - 10)}
    ranking = complete(made[calibration.of].astype(np.float32))
    shown = Decision(TopK(1), calibration=calibration).calibrated(ranking)
    assert len(np.unique(shown.scores)) < 0.95 * len(np.unique(ranking.scores))
    before, after = (evaluate(truth, truth, each) for each in (ranking, shown))
    for metric in ("coverage_error", "ranking_loss", "lrap", "macro_auc", "ndcg@5"):
        assert after[metric] == before[metric]
    rows = np.array([3, 1, 1])
    part = shown.take(rows)
    assert np.array_equal(part.by_model.scores, ranking.scores[rows])
    assert np.array_equal(part.scores, shown.scores[rows])


def test_perfect_scores_keep_a_finite_calibration():
    truth = LabelSets.from_lists([[0], [1], [0, 1]], 3)
    perfect = complete(np.where(truth.to_dense(), 1.0, 0.0))
    temperature = fit_calibration(TEMPERATURE, perfect, truth, "probabilities")
    assert 0.05 <= temperature.temperature <= 20
    platt = fit_calibration(PLATT, perfect, truth, "probabilities")
    assert np.isfinite([platt.slope, platt.intercept]).all()
    # Smoothed targets: four of five at most, never certain.
    shown = Decision(Fixed(0.5), calibration=platt).calibrated(perfect)
    assert shown.scores.max() == pytest.approx(5 / 6, abs=1e-3)
    assert shown.scores.min() == pytest.approx(1 / 7, abs=1e-3)


def test_probabilities_of_0_and_1_and_the_smallest_float32():
    values = np.array([[1.0, np.float32(1 - 2**-24), 0.5, np.finfo(np.float32).tiny, 1e-45, 0.0]], dtype=np.float32)
    for temperature, middle in ((2.0, 0.5), (0.5, 0.5)):
        shown = Decision(TopK(1), calibration=Temperature(temperature)).calibrated(complete(values)).scores[0]
        assert np.isfinite(shown).all()
        assert shown[2] == middle
        assert shown[0] == shown[1]
        assert shown[3] == shown[4] == shown[5]
    hot = Temperature(2.0).apply(values[0])
    assert hot[0] == pytest.approx(1 / (1 + np.sqrt(2**-24)))


def test_minus_infinity_stays_and_counts_for_nothing():
    scores = np.array([[2.0, -np.inf, -1.0], [-np.inf, 0.5, -np.inf]])
    truth = LabelSets.from_lists([[0, 1], [1]], 3)
    with_it = fit_calibration(PLATT, complete(scores), truth, "ranks")
    x, targets = np.array([2.0, -1.0, 0.5]), platt_targets(np.array([True, False, True]))
    reached = cross_entropy(expit(with_it.slope * x + with_it.intercept), targets)
    for slope, intercept in ((1.01, 0), (0.99, 0), (1, 0.01), (1, -0.01)):
        other = expit(with_it.slope * slope * x + with_it.intercept + intercept)
        assert reached <= cross_entropy(other, targets)
    shown = Decision(Fixed(0.5), calibration=with_it).calibrated(complete(scores))
    assert np.array_equal(np.isinf(shown.scores), np.isinf(complete(scores).scores))


def test_labels_below_the_cut_count_for_nothing():
    logits, truth = logits_of_truth(4, 60, 6)
    cut = Ranking.from_dense(logits, 2)
    found = fit_calibration(PLATT, cut, truth, "ranks")
    kept = np.full(logits.shape, -np.inf)
    np.put_along_axis(kept, cut.labels, cut.scores.astype(np.float64), axis=1)
    same_as = fit_calibration(PLATT, complete(kept), truth, "ranks")
    assert (found.slope, found.intercept) == pytest.approx((same_as.slope, same_as.intercept), rel=1e-6)


def test_blocks_do_not_show(monkeypatch):
    logits, truth = logits_of_truth(5, 50)
    whole = [fit_calibration(each, complete(expit(logits)), truth, "probabilities") for each in (TEMPERATURE, PLATT)]
    monkeypatch.setattr(facts, "_ENTRIES_AT_ONCE", 11)
    parts = [fit_calibration(each, complete(expit(logits)), truth, "probabilities") for each in (TEMPERATURE, PLATT)]
    assert parts[0].temperature == pytest.approx(whole[0].temperature, rel=1e-5)
    assert parts[1].slope == pytest.approx(whole[1].slope, rel=1e-5)


def test_calibrated_probabilities_are_closer_to_the_truth():
    logits, truth = logits_of_truth(6)
    ranking = complete(expit(3 * logits + 1))
    values = {}
    for name in ("none", "temperature", "platt"):
        asked = DecisionSettings(rule="fixed", calibration=name)
        decision = fit_decision(asked, ranking, truth, scale="probabilities")
        values[name] = evaluate(truth, decision.decide(ranking), decision.calibrated(ranking), probabilities=True)
    brier, gap = ([values[name][key] for name in values] for key in ("brier_score", "calibration_error"))
    assert brier[0] > brier[1] > brier[2]
    assert gap[0] > 5 * gap[2]
    # What was said of the order is said again.
    assert values["none"]["lrap"] == values["platt"]["lrap"]


def test_platt_makes_a_fixed_threshold_possible():
    logits, truth = logits_of_truth(7, 300)
    ranking = complete(1000 * logits)
    decision = fit_decision(DecisionSettings(rule="fixed", calibration="platt"), ranking, truth)
    assert decision.gives_probabilities("ranks")
    assert np.array_equal(decision.decide(ranking).to_dense(), decision.calibrated(ranking).to_dense() >= 0.5)


@pytest.mark.parametrize("seed", range(5))
def test_a_fitted_threshold_gives_the_same_labels_before_and_after(seed):
    logits, truth = logits_of_truth(seed, 40, 4)
    ranking = complete(np.round(logits, 1))  # with ties
    before, after = (fit_decision(each, ranking, truth) for each in (DecisionSettings(), PLATT))
    assert after.calibration.slope > 0
    assert same(before.decide(ranking), after.decide(ranking))


@pytest.mark.parametrize(("scale", "do"), [("ranks", "only rank labels"), ("distribution", "share 1 among all labels")])
def test_a_temperature_of_scores_that_are_no_probabilities(scale, do):
    with pytest.raises(SpecError) as caught:
        fit_calibration(TEMPERATURE, complete(np.zeros((1, 2))), LabelSets.from_lists([[0]], 2), scale)
    assert str(caught.value) == (
        f"decision.calibration: a temperature divides the logits of probabilities, but the scores of this model {do}\n"
        '    try: calibration = "platt"'
    )


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        (
            [[0.1, 0.2]],
            [[]],
            "validation split: none of its 1 documents has a label, so no scores can be calibrated\n"
            "    try: give it documents with labels\n"
            '    try: decision.calibration = "none"',
        ),
        (
            [[-np.inf, -np.inf]],
            [[0]],
            "validation split: every score on it is minus infinity, so none can be calibrated\n"
            '    try: decision.calibration = "none"',
        ),
    ],
)
def test_what_cannot_be_calibrated(scores, truth, message):
    asked = DecisionSettings(rule="top-k", k=1, calibration="platt")
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        fit_decision(asked, complete(np.array(scores)), LabelSets.from_lists(truth, 2))


def test_in_words_and_as_json():
    warm = Decision(Fixed(0.5), True, Temperature(1.7))
    assert warm.describe() == (
        "one threshold, 0.5, fixed; at least one label a document; "
        "probabilities with the temperature 1.7, fitted on validation"
    )
    made = Decision(TopK(2), False, Platt(2.5, -0.75, "score"))
    assert made.describe() == (
        "the 2 best labels of every document; probabilities made by sigmoid(2.5 · score - 0.75), fitted on validation"
    )
    for decision in (warm, made, Decision(TopK(2), calibration=Platt(0.1, 1 / 3, "logit"))):
        assert Decision.from_json(decision.to_json()) == decision
    assert json.loads(made.to_json())["calibration"] == {
        "name": "platt", "slope": 2.5, "intercept": -0.75, "of": "score"
    }  # fmt: skip
    assert made.settings() == {"rule": "top-k", "k": 2, "at_least_one": False, "calibration": "platt"}


def test_a_calibration_of_another_version():
    text = '{"rule": "top-k", "k": 1, "at_least_one": false, "calibration": {"name": "isotonic"}}'
    message = 'decision: the saved decision calibration "isotonic" is not known here; known are temperature, platt'
    with pytest.raises(RunError, match=f"^{re.escape(message)}"):
        Decision.from_json(text)


def test_a_random_model_is_calibrated_to_the_frequency():
    rng = np.random.default_rng(8)
    truth = random_sets(rng, 500, 4, 0.1)
    shown = fit_decision(PLATT, ranking := complete(rng.random((500, 4))), truth, scale="probabilities")
    assert shown.calibrated(ranking).scores.mean() == pytest.approx(0.1, abs=0.02)
