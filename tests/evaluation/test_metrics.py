from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from labelloom.data.label_sets import LabelSets
from labelloom.errors import SpecError
from labelloom.evaluation.metrics import METRICS, evaluate, find_metric, higher_is_better
from labelloom.evaluation.outcome import Outcome
from labelloom.evaluation.ranking import Ranking

from .cases import complete, distinct_scores, naive_f1, naive_macro_f1, naive_ranking, problems, random_sets

KS = (1, 3, 5, 9)


def sklearn_metrics(truth: np.ndarray, answer: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """By scikit-learn, for L > 1 and scores without ties; it leaves P@k, one-error and PSP@k to naive loops."""
    y, p = truth.astype(np.int64), answer.astype(np.int64)
    values = {}
    for average in ("micro", "macro"):
        found = sk.precision_recall_fscore_support(y, p, average=average, zero_division=0)
        values |= {f"{average}_{name}": x for name, x in zip(("precision", "recall", "f1"), found[:3], strict=True)}
    supported = np.flatnonzero(y.any(axis=0))
    values["macro_f1_supported"] = (
        sk.f1_score(y, p, labels=supported, average="macro", zero_division=0) if len(supported) else 0.0
    )
    values["instance_f1"] = sk.f1_score(y, p, average="samples", zero_division=0)
    values["macro_auc"] = sklearn_macro_auc(truth, scores)
    values["hamming_loss"] = sk.hamming_loss(y, p)
    values["subset_accuracy"] = sk.accuracy_score(y, p)
    values["micro_jaccard"] = sk.jaccard_score(y, p, average="micro", zero_division=0)
    labelled = truth.any(axis=1)
    values["documents_without_labels"] = float((~labelled).sum())
    truth, scores = truth[labelled], scores[labelled]
    values |= sklearn_rank_metrics(truth, scores)
    for k in KS:
        values[f"ndcg@{k}"] = sk.ndcg_score(truth, scores, k=k) if len(truth) else 0.0
        found = [row[best].sum() / k for row, best in zip(truth, naive_ranking(scores, k), strict=True)]
        values[f"precision@{k}"] = float(np.mean(found)) if found else 0.0
    wrong = [not row[best[0]] for row, best in zip(truth, naive_ranking(scores, 1), strict=True)]
    values["one_error"] = float(np.mean(wrong)) if wrong else 1.0
    return values


def sklearn_rank_metrics(truth: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Over the given documents, each of which has a label; 0 if there are none."""
    y = truth.astype(np.int64)
    return {
        "coverage_error": sk.coverage_error(y, scores) if len(y) else 0.0,
        "ranking_loss": sk.label_ranking_loss(y, scores) if len(y) else 0.0,
        "lrap": sk.label_ranking_average_precision_score(y, scores) if len(y) else 0.0,
    }


def sklearn_macro_auc(truth: np.ndarray, scores: np.ndarray) -> float:
    both = [label for label in range(truth.shape[1]) if 0 < truth[:, label].sum() < len(truth)]
    return float(np.mean([sk.roc_auc_score(truth[:, label], scores[:, label]) for label in both])) if both else 0.0


def assert_equal_to_sklearn(truth: np.ndarray, answer: np.ndarray, scores: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of what is undefined
        expected = sklearn_metrics(truth, answer, scores)
    found = evaluate(LabelSets.from_dense(truth), LabelSets.from_dense(answer), complete(scores), KS)
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, abs=1e-12)
    assert all(type(value) is float for value in found.values())


@pytest.mark.parametrize("seed", range(20))
def test_random_answers_equal_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    documents, labels = int(rng.integers(1, 40)), int(rng.integers(2, 15))
    truth = rng.random((documents, labels)) < rng.uniform(0, 0.5)
    answer = truth ^ (rng.random((documents, labels)) < rng.uniform(0, 0.5))
    assert_equal_to_sklearn(truth, answer, distinct_scores(rng, documents, labels))


NOTHING, EVERYTHING = np.zeros((4, 3), dtype=bool), np.ones((4, 3), dtype=bool)
SOME = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)


@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        pytest.param(SOME, NOTHING, id="no predictions"),
        pytest.param(NOTHING, SOME, id="no truth"),
        pytest.param(NOTHING, NOTHING, id="neither"),
        pytest.param(SOME, SOME, id="perfect, with an empty document and a label without support"),
        pytest.param(SOME, ~SOME, id="all wrong"),
        pytest.param(SOME, EVERYTHING, id="all labels predicted"),
        pytest.param(EVERYTHING, SOME, id="all labels true"),
        pytest.param(EVERYTHING, EVERYTHING, id="all labels both"),
        pytest.param(SOME[:1], SOME[2:3], id="one document"),
        pytest.param(NOTHING[:1], NOTHING[:1], id="one empty document"),
    ],
)
def test_degenerate_answers_equal_scikit_learn(truth, answer):
    assert_equal_to_sklearn(truth, answer, distinct_scores(np.random.default_rng(3), *truth.shape))


@pytest.mark.parametrize("answer", [[0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 1, 0]])
@pytest.mark.parametrize("truth", [[0, 0, 0, 0], [1, 1, 1, 1], [1, 0, 0, 1]])
def test_one_label_equals_scikit_learns_binary_scores(truth, answer):
    y, p = np.array(truth), np.array(answer)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(y, p, average="binary", zero_division=0)
    found = evaluate(
        LabelSets.from_dense(y[:, None]), LabelSets.from_dense(p[:, None]), complete(np.zeros((4, 1))), ks=(1, 2)
    )
    any_label = float(y.any())
    assert found == pytest.approx(
        {
            "micro_precision": precision, "micro_recall": recall, "micro_f1": f1,
            "macro_precision": precision, "macro_recall": recall, "macro_f1": f1,
            "macro_f1_supported": f1, "instance_f1": (y & p).mean(),
            "hamming_loss": sk.zero_one_loss(y, p), "subset_accuracy": sk.accuracy_score(y, p),
            "coverage_error": any_label, "ranking_loss": 0.0, "lrap": any_label,
            "macro_auc": 0.5 if 0 < y.sum() < 4 else 0.0,
            "micro_jaccard": sk.jaccard_score(y, p, zero_division=0),
            "one_error": 1 - any_label, "precision@1": any_label, "precision@2": any_label / 2,
            "ndcg@1": any_label, "ndcg@2": any_label,
            "documents_without_labels": float((y == 0).sum()),
        }
    )  # fmt: skip


def test_a_case_worked_by_hand():
    truth = LabelSets.from_lists([[0, 2], [1], []], 4)
    answer = LabelSets.from_lists([[0, 1], [1], [3]], 4)
    ranking = Ranking.from_dense(np.array([[9, 8, 7, 0], [9, 8, 7, 0], [0, 7, 8, 9]]), 3)
    found = evaluate(truth, answer, ranking, ks=(1, 3))
    dcg = 1 + 1 / np.log2(4)
    assert found == pytest.approx(
        {
            "micro_precision": 2 / 4, "micro_recall": 2 / 3, "micro_f1": 4 / 7,
            "macro_precision": (1 + 1 / 2) / 4, "macro_recall": 2 / 4, "macro_f1": (1 + 2 / 3) / 4,
            "macro_f1_supported": (1 + 2 / 3) / 3, "instance_f1": (2 / 4 + 1) / 3,
            "hamming_loss": 3 / 12, "subset_accuracy": 1 / 3, "micro_jaccard": 2 / 5,
            "one_error": 1 / 2, "precision@1": 1 / 2, "precision@3": (2 / 3 + 1 / 3) / 2,
            "ndcg@1": 1 / 2, "ndcg@3": (dcg / (1 + 1 / np.log2(3)) + 1 / np.log2(3)) / 2,
            "documents_without_labels": 1.0,
        }
    )  # fmt: skip


def test_without_a_ranking_there_are_no_ranking_metrics():
    found = evaluate(LabelSets.from_dense(SOME), LabelSets.from_dense(SOME))
    assert list(found) == [*list(METRICS)[: list(METRICS).index("one_error")], "documents_without_labels"]


@settings(deadline=None)  # all metrics twice
@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_documents_and_labels_does_not_matter(problem, random):
    truth, scores = problem
    dense, answer = truth.to_dense(), scores > 0
    documents, labels = scores.shape
    scores = (
        scores + np.arange(scores.size, dtype=np.float32).reshape(scores.shape) / 1e4
    )  # ties are broken by label id
    rows, columns = np.array(random.sample(range(documents), documents)), random.sample(range(labels), labels)

    def measure(rows, columns):
        part = [LabelSets.from_dense(matrix[rows][:, columns]) for matrix in (dense, answer)]
        return evaluate(part[0], part[1], complete(scores[rows][:, columns]))

    assert measure(rows, columns) == pytest.approx(measure(np.arange(documents), np.arange(labels)), abs=1e-12)


@given(problems())
def test_how_metrics_relate(problem):
    truth, scores = problem
    found = evaluate(truth, LabelSets.from_dense(scores > 0), complete(scores))
    assert found["micro_jaccard"] == pytest.approx(found["micro_f1"] / (2 - found["micro_f1"]))
    assert found["one_error"] == pytest.approx(1 - found["precision@1"])
    assert found["ndcg@1"] == pytest.approx(found["precision@1"])
    assert found["macro_f1"] <= found["macro_f1_supported"] + 1e-12
    shares = found.keys() - {"documents_without_labels", "coverage_error"}
    assert all(-1e-12 <= found[key] <= 1 + 1e-12 for key in shares)
    assert found["coverage_error"] <= scores.shape[1]


@given(problems())
def test_micro_and_macro_f1_equal_naive_loops(problem):
    truth, scores = problem
    found = evaluate(truth, LabelSets.from_dense(scores > 0))
    assert found["micro_f1"] == pytest.approx(naive_f1(truth.to_dense(), scores > 0))
    assert found["macro_f1"] == pytest.approx(naive_macro_f1(truth.to_dense(), scores > 0))


@given(problems())
def test_a_cut_off_ranking_gives_the_same_metrics_as_the_complete_one(problem):
    truth, scores = problem
    depth = min(3, scores.shape[1])
    answer = LabelSets.from_dense(scores > 0)
    cut = evaluate(truth, answer, Ranking.from_dense(scores, depth), ks=(1, depth))
    whole = evaluate(truth, answer, complete(scores), ks=(1, depth))
    assert cut == {key: whole[key] for key in cut}
    of_every_label = {"coverage_error", "ranking_loss", "lrap", "macro_auc"}
    assert whole.keys() - cut.keys() == (of_every_label if depth < scores.shape[1] else set())


def test_no_order_of_asking_changes_the_hits():
    rng = np.random.default_rng(4)
    truth, ranking = random_sets(rng, 9, 7), complete(rng.random((9, 7)))
    growing, direct = Outcome(truth, truth, ranking), Outcome(truth, truth, ranking)
    direct.facts.hits(20)
    for k in (1, 4, 2, 7, 20):
        assert np.array_equal(growing.facts.hits(k), direct.facts.hits(k))
    assert direct.facts.hits(20).shape == (9, 7)


ONE = LabelSets.from_lists([[0]], 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (LabelSets.from_lists([], 3), LabelSets.from_lists([], 3)),
            "nothing can be measured on 0 documents with 3 labels; at least one of each is needed",
        ),
        (
            (LabelSets.from_lists([[]], 0), LabelSets.from_lists([[]], 0)),
            "nothing can be measured on 1 document with 0 labels; at least one of each is needed",
        ),
        (
            (ONE, LabelSets.from_lists([[0], [0]], 3)),
            "predicted is about 2 documents and 3 labels, the truth about 1 and 3",
        ),
        ((ONE, LabelSets.from_lists([[0]], 2)), "predicted is about 1 document and 2 labels, the truth about 1 and 3"),
        ((ONE, ONE, complete(np.zeros((2, 3)))), "ranking is about 2 documents and 3 labels, the truth about 1 and 3"),
        (
            (ONE, ONE, Ranking.from_dense(np.zeros((1, 3)), 2), (1, 3)),
            "a metric at 3 needs the best 3 labels of each document; the ranking holds 2 of 3",
        ),
        ((ONE, ONE, complete(np.zeros((1, 3))), (0,)), "k must be at least 1, found 0"),
    ],
)
def test_what_cannot_be_evaluated(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        evaluate(*arguments)


def test_a_ranking_metric_without_a_ranking():
    with pytest.raises(ValueError, match=r"^a ranking metric needs a ranking$"):
        find_metric("ndcg@3").compute(Outcome(ONE, ONE))


def test_a_metric_by_key_is_what_evaluate_says():
    rng = np.random.default_rng(5)
    truth, answer, ranking = random_sets(rng, 9, 7), random_sets(rng, 9, 7), complete(rng.random((9, 7)))
    found = evaluate(truth, answer, ranking, ks=(2,))
    del found["documents_without_labels"]
    assert {key: find_metric(key).compute(Outcome(truth, answer, ranking)) for key in found} == found


def test_losses_and_errors_are_better_when_lower():
    lower = {key for key in METRICS if not higher_is_better(key)}
    assert lower == {
        "hamming_loss", "one_error", "coverage_error", "ranking_loss", "brier_score", "calibration_error"
    }  # fmt: skip
    assert higher_is_better("precision@17")
    assert higher_is_better("ndcg@5")


KNOWN = (
    "micro_f1, macro_f1, macro_f1_supported, instance_f1, micro_precision, micro_recall, macro_precision, "
    "macro_recall, micro_jaccard, subset_accuracy, hamming_loss, one_error, coverage_error, ranking_loss, lrap, "
    "macro_auc, brier_score, calibration_error, precision@k, ndcg@k, psp@k, rarest_precision@k, "
    "rarest_r_precision@k (k: a whole number from 1)"
)


@pytest.mark.parametrize(
    ("key", "first"),
    [
        ("micro-F1", "micro_f1"),
        ("mirco_f1", "micro_f1"),
        ("Macro_F1", "macro_f1"),
        ("hamming", "hamming_loss"),
        ("P@7", "precision@7"),
        ("nDCG@3", "ndcg@3"),
        ("precision@", "precision@5"),
    ],
)
def test_a_misspelt_metric_names_the_right_one(key, first):
    with pytest.raises(SpecError) as caught:
        higher_is_better(key)
    (problem,) = caught.value.problems
    assert (problem.where, problem.message) == (
        "training.metric",
        f'no metric is called "{key}"; expected one of {KNOWN}',
    )
    assert problem.suggestions[0] == first
    assert len(problem.suggestions) <= 3


@pytest.mark.parametrize("key", ["precision@0", "precision@x", "recall@5", "documents_without_labels", "zzz"])
def test_what_is_no_metric(key):
    with pytest.raises(SpecError, match=re.escape(f'evaluation: no metric is called "{key}"')):
        find_metric(key, where="evaluation")
