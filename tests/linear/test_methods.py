"""Each method against scikit-learn's own and against plain loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.svm import LinearSVC

from labelloom.data.label_sets import LabelSets
from labelloom.linear import bank as bank_module
from labelloom.linear.bank import Bank, Setting, fit_bank
from labelloom.linear.methods import METHODS, Chain, Powerset, Relevance

SVM = Setting("svm", "none", 1.0, 0)
LOGISTIC = Setting("logistic", "balanced", 10.0, 0)


def quiet(ready: int, count: int) -> None:
    pass


@pytest.fixture(scope="module")
def features() -> sp.csr_matrix:
    rng = np.random.default_rng(0)
    return sp.csr_matrix(rng.random((80, 12)) * (rng.random((80, 12)) < 0.4))


@pytest.fixture(scope="module")
def dense(features: sp.csr_matrix) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (features @ rng.normal(size=(12, 5)) + 0.3 * rng.normal(size=(80, 5))) > 0.2


@pytest.fixture
def truth(dense: np.ndarray) -> LabelSets:
    return LabelSets.from_dense(dense)


def test_relevance_is_one_versus_rest(features: sp.csr_matrix, dense: np.ndarray, truth: LabelSets) -> None:
    scores, own = Relevance.fit(features, truth, SVM, quiet).scores(features)

    theirs = OneVsRestClassifier(LinearSVC(C=1.0, dual=True, max_iter=5000, random_state=0)).fit(
        features, dense.astype(np.int64)
    )
    np.testing.assert_allclose(scores, theirs.decision_function(features), atol=1e-5)
    np.testing.assert_array_equal(own, theirs.predict(features).astype(bool))


def test_relevance_with_logistic_regression_gives_probabilities(
    features: sp.csr_matrix, dense: np.ndarray, truth: LabelSets
) -> None:
    scores, own = Relevance.fit(features, truth, LOGISTIC, quiet).scores(features)

    one = LogisticRegression(C=10.0, class_weight="balanced", solver="liblinear", max_iter=1000, random_state=0)
    theirs = OneVsRestClassifier(one).fit(features, dense.astype(np.int64))
    np.testing.assert_allclose(scores, theirs.predict_proba(features), atol=1e-5)
    np.testing.assert_array_equal(own, scores > 0.5)


def test_chain_is_a_classifier_chain(features: sp.csr_matrix, dense: np.ndarray, truth: LabelSets) -> None:
    chain = Chain.fit(features, truth, SVM, quiet)

    scores, own = chain.scores(features)

    one = LinearSVC(C=1.0, dual=True, max_iter=5000, random_state=0)
    theirs = ClassifierChain(one, order=chain.order.tolist()).fit(features, dense.astype(np.int64))
    np.testing.assert_allclose(scores, theirs.decision_function(features), atol=1e-4)
    np.testing.assert_array_equal(own, theirs.predict(features).astype(bool))


def test_the_order_of_a_chain_follows_from_the_seed(features: sp.csr_matrix, truth: LabelSets) -> None:
    orders = [Chain.fit(features, truth, Setting("svm", "none", 1.0, seed), quiet).order.tolist() for seed in (0, 0, 1)]

    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == list(range(5))


def test_powerset_chooses_among_the_sets_of_train(features: sp.csr_matrix, dense: np.ndarray, truth: LabelSets) -> None:
    powerset = Powerset.fit(features, truth, SVM, quiet)

    _, own = powerset.scores(features)

    names = ["".join(map(str, row.astype(int))) for row in dense]
    theirs = LinearSVC(C=1.0, dual=True, max_iter=5000, random_state=0).fit(features, names).predict(features)
    np.testing.assert_array_equal(own, [[sign == "1" for sign in name] for name in theirs])


def test_margins_of_a_powerset_against_a_loop(features: sp.csr_matrix, truth: LabelSets) -> None:
    powerset = Powerset.fit(features, truth, SVM, quiet)

    scores, own = powerset.scores(features)

    margins = powerset.bank.margins(features)
    sets = [set(powerset.sets[place].tolist()) for place in range(len(powerset.sets))]
    for row in range(len(margins)):
        for label in range(5):
            with_it = max(margin for margin, each in zip(margins[row], sets, strict=True) if label in each)
            without = max(margin for margin, each in zip(margins[row], sets, strict=True) if label not in each)
            assert scores[row, label] == pytest.approx(with_it - without)
    np.testing.assert_array_equal(scores > 0, own)


def test_probabilities_of_a_powerset_against_a_loop(features: sp.csr_matrix, truth: LabelSets) -> None:
    powerset = Powerset.fit(features, truth, LOGISTIC, quiet)

    scores, _ = powerset.scores(features)

    shares = expit(powerset.bank.margins(features))
    shares /= shares.sum(1, keepdims=True)
    for label in range(5):
        members = [label in powerset.sets[place] for place in range(len(powerset.sets))]
        np.testing.assert_allclose(scores[:, label], shares[:, members].sum(1))
    assert scores.max() <= 1


@pytest.mark.parametrize("family", ["svm", "logistic"])
@pytest.mark.parametrize("method", METHODS)
def test_scores_of_a_document_depend_on_no_other(features: sp.csr_matrix, method: str, family: str) -> None:
    dense = np.zeros((80, 4), dtype=bool)
    dense[:, 1] = True  # every document, so that no label set is without it
    dense[:, 2:] = features[:, :2].toarray() > 0.1
    fitted = METHODS[method].fit(features, LabelSets.from_dense(dense), Setting(family, "none", 1.0, 0), quiet)

    together = fitted.scores(features)

    alone = [fitted.scores(features[row : row + 1]) for row in range(80)]
    np.testing.assert_allclose(np.concatenate([scores for scores, _ in alone]), together[0], rtol=1e-12)
    np.testing.assert_array_equal(np.concatenate([own for _, own in alone]), together[1])


@pytest.mark.parametrize("family", ["svm", "logistic"])
@pytest.mark.parametrize("method", METHODS)
def test_labels_that_all_or_no_documents_carry(features: sp.csr_matrix, method: str, family: str) -> None:
    dense = np.zeros((80, 4), dtype=bool)
    dense[:, 1] = True  # every document
    dense[:, 2] = features[:, 0].toarray()[:, 0] > 0.1  # label 0 and 3: none
    fitted = METHODS[method].fit(features, LabelSets.from_dense(dense), Setting(family, "balanced", 1.0, 0), quiet)

    scores, own = fitted.scores(features)

    assert own[:, 1].all()
    assert not own[:, [0, 3]].any()
    assert (scores[:, [0, 3]].max(1) <= scores[:, 1:3].min(1)).all()  # unseen labels rank last
    assert not np.isnan(scores).any()
    assert scores.max() < np.inf


def test_one_label_set_for_all_documents(features: sp.csr_matrix) -> None:
    truth = LabelSets.from_lists([[0, 2]] * 80, 3)

    scores, own = Powerset.fit(features, truth, SVM, quiet).scores(features)

    np.testing.assert_array_equal(own, [[True, False, True]] * 80)
    assert (scores[:, [0, 2]] > 0).all()
    assert (scores[:, 1] == -np.inf).all()


@pytest.mark.parametrize("family", ["svm", "logistic"])
@pytest.mark.parametrize("method", METHODS)
def test_arrays_hold_all_of_a_method(features: sp.csr_matrix, truth: LabelSets, method: str, family: str) -> None:
    fitted = METHODS[method].fit(features, truth, Setting(family, "none", 1.0, 3), quiet)

    again = METHODS[method].from_arrays(fitted.arrays(), family)

    for one, other in zip(fitted.scores(features), again.scores(features), strict=True):
        np.testing.assert_array_equal(one, other)


def test_small_weights_are_dropped(features: sp.csr_matrix, truth: LabelSets) -> None:
    targets = truth.to_sparse().tocsc()
    before = fit_bank(features, targets, SVM, quiet).weights.toarray()

    pruned = fit_bank(features, targets, replace(SVM, prune=0.5), quiet).weights

    kept = np.abs(before) >= 0.5 * np.abs(before).max(1, keepdims=True)
    np.testing.assert_array_equal(pruned.toarray(), np.where(kept, before, 0))
    assert pruned.nnz == kept.sum() < before.size


def test_several_processes_fit_the_same(
    features: sp.csr_matrix, truth: LabelSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = fit_bank(features, truth.to_sparse().tocsc(), SVM, quiet)
    monkeypatch.setattr(bank_module, "_ALONE", 0)
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)

    shared = fit_bank(features, truth.to_sparse().tocsc(), SVM, quiet)

    np.testing.assert_array_equal(shared.weights.toarray(), alone.weights.toarray())
    np.testing.assert_array_equal(shared.intercepts, alone.intercepts)


def test_solvers_that_were_stopped_are_told(
    features: sp.csr_matrix, truth: LabelSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank_module, "_PASSES", 2)

    with pytest.warns(UserWarning, match="5 of 5 classifiers did not converge in 2 passes over the documents; a smal"):
        fit_bank(features, truth.to_sparse().tocsc(), SVM, quiet)


def test_margins_by_hand() -> None:
    bank = Bank(sp.csr_matrix(np.array([[1.0, 2.0], [0.0, -1.0]], dtype=np.float32)), np.array([0.5, 1.0]))

    np.testing.assert_allclose(bank.margins(sp.csr_matrix([[3.0, 4.0]])), [[11.5, -3.0]])
