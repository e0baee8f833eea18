from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.metrics import evaluate
from labelloom.evaluation.summary import groups, per_label, table

from .cases import complete, naive_f1, naive_macro_f1, problems, random_sets


def test_the_table_of_an_evaluation():
    truth = LabelSets.from_lists([[0, 1], [2], []], 3)
    ranking = complete(np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]))
    metrics = evaluate(truth, LabelSets.from_lists([[0], [2], [0]], 3), ranking, ks=(10, 2))
    assert table(metrics) == [
        ("micro-F1", "0.6667"),
        ("macro-F1 (all labels)", "0.5556"),
        ("macro-F1 (labels with support)", "0.5556"),
        ("instance-F1", "0.5556"),
        ("micro-precision", "0.6667"),
        ("micro-recall", "0.6667"),
        ("macro-precision", "0.5000"),
        ("macro-recall", "0.6667"),
        ("micro-Jaccard", "0.5000"),
        ("subset accuracy", "0.3333"),
        ("Hamming loss", "0.2222"),
        ("one-error", "0.5000"),
        ("coverage error", "2.5000"),
        ("ranking loss", "0.5000"),
        ("LRAP", "0.6667"),
        ("macro-AUC", "0.5000"),
        ("P@2", "0.5000"),
        ("P@10", "0.1500"),
        ("nDCG@2", "0.5000"),
        ("nDCG@10", "0.7500"),
        ("documents without labels", "1"),
    ]


def test_small_values_and_unknown_keys_are_shown():
    metrics = {"coherence": 0.25, "hamming_loss": 0.0000312, "micro_f1": 0.0, "documents_without_labels": 0.0}
    assert table(metrics) == [("micro-F1", "0.0000"), ("Hamming loss", "3.1e-05"), ("coherence", "0.2500")]


@given(problems(), st.integers(0, 2**32 - 1))
def test_groups_equal_naive_loops_over_their_labels(problem, seed):
    truth, scores = problem
    codes = np.random.default_rng(seed).integers(0, 3, scores.shape[1]).astype(np.int8)
    dense, answer = truth.to_dense(), scores > 0
    found = groups(truth, LabelSets.from_dense(answer), codes)
    assert list(found) == ["head", "mid", "tail"]
    for code, values in enumerate(found.values()):
        chosen = codes == code
        expected = naive_macro_f1(dense[:, chosen], answer[:, chosen]) if chosen.any() else 0.0
        assert values["macro_f1"] == pytest.approx(expected)
        assert values["micro_f1"] == pytest.approx(naive_f1(dense[:, chosen], answer[:, chosen]))
        assert values["labels"] == chosen.sum()


@pytest.mark.parametrize("codes", [np.zeros(2, dtype=np.int8), np.array([0, 1, 3], dtype=np.int8)])
def test_groups_of_other_labels(codes):
    truth = LabelSets.from_lists([[0]], 3)
    with pytest.raises(ValueError, match=r"^groups must hold 0, 1 or 2 for each of the 3 labels$"):
        groups(truth, truth, codes)


@pytest.mark.parametrize("seed", range(5))
def test_per_label_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    truth, answer = random_sets(rng, 12, 6, 0.15), random_sets(rng, 12, 6, 0.15)
    found = per_label(truth, answer)
    expected = precision_recall_fscore_support(
        truth.to_dense().astype(int), answer.to_dense().astype(int), average=None, zero_division=0
    )
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert found[name] == pytest.approx(values)


@given(problems(), st.randoms(use_true_random=False))
def test_permuting_labels_permutes_per_label(problem, random):
    truth, scores = problem
    columns = random.sample(range(scores.shape[1]), scores.shape[1])
    answer = scores > 0
    permuted = per_label(LabelSets.from_dense(truth.to_dense()[:, columns]), LabelSets.from_dense(answer[:, columns]))
    assert np.array_equal(permuted, per_label(truth, LabelSets.from_dense(answer))[columns])
