"""The three ways to many labels with classifiers of two classes: BR, CC and LP of the papers' tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import scipy.sparse as sp
from scipy.special import expit

from labelloom.data.label_sets import LabelSets
from labelloom.linear.bank import Bank, Setting, Told, fit_bank
from labelloom.spec.baseline import Family

Arrays = Mapping[str, np.ndarray]


class Fitted(Protocol):
    """A fitted method over F features, for L labels."""

    bank: Bank

    @classmethod
    def fit(cls, features: sp.csr_matrix, truth: LabelSets, setting: Setting, told: Told) -> Self:
        """From the features (N, F) of the training documents and their labels."""

    def scores(self, features: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
        """(N, L) float64, how much each label fits, and (N, L) bool, the method's own answer."""

    def arrays(self) -> Arrays:
        """What `from_arrays` makes the same method of."""

    @classmethod
    def from_arrays(cls, arrays: Arrays, family: Family) -> Self:
        """What `arrays` gave."""


@dataclass(frozen=True)
class Relevance:
    """Binary relevance (Boutell et al. 2004): a classifier for each label, on its own."""

    bank: Bank
    family: Family

    @classmethod
    def fit(cls, features: sp.csr_matrix, truth: LabelSets, setting: Setting, told: Told) -> Self:
        targets = truth.to_sparse().tocsc()
        return cls(fit_bank(features, targets, setting, told), setting.family)

    def scores(self, features: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
        margins = self.bank.margins(features)
        return _scores(margins, self.family), margins > 0

    def arrays(self) -> Arrays:
        return bank_arrays(self.bank)

    @classmethod
    def from_arrays(cls, arrays: Arrays, family: Family) -> Self:
        return cls(bank_of(arrays), family)


@dataclass(frozen=True)
class Chain:
    """A classifier chain (Read et al. 2011): each label's classifier also sees the labels before it in the chain.

    While training it sees the true ones, afterwards the chain's own answers. `order` (L,) is a random order. `bank`
    has F + L features, the last of them the labels.
    """

    bank: Bank
    order: np.ndarray
    family: Family

    @classmethod
    def fit(cls, features: sp.csr_matrix, truth: LabelSets, setting: Setting, told: Told) -> Self:
        order = np.random.default_rng(setting.seed).permutation(truth.label_count)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        targets, rows = truth.to_sparse(), truth.rows

        def own(label: int) -> sp.csr_matrix:
            before = place[truth.values] < place[label]
            entries = (np.ones(before.sum()), (rows[before], truth.values[before]))
            labels = sp.csr_matrix(entries, shape=targets.shape)
            joined = sp.hstack([features, labels], format="csr")
            joined.sort_indices()
            return joined

        bank = fit_bank(features, targets.tocsc(), setting, told, own)
        return cls(bank, order, setting.family)

    def scores(self, features: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
        width = features.shape[1]
        margins = Bank(self.bank.weights[:, :width], self.bank.intercepts).margins(features)
        links = self.bank.weights[:, width:].tocsr()
        answers = np.zeros(margins.shape, dtype=bool)
        for label in self.order.tolist():
            start, end = links.indptr[label], links.indptr[label + 1]
            margins[:, label] += answers[:, links.indices[start:end]] @ links.data[start:end].astype(np.float64)
            answers[:, label] = margins[:, label] > 0
        return _scores(margins, self.family), answers

    def arrays(self) -> Arrays:
        return {**bank_arrays(self.bank), "order": self.order}

    @classmethod
    def from_arrays(cls, arrays: Arrays, family: Family) -> Self:
        return cls(bank_of(arrays), arrays["order"], family)


@dataclass(frozen=True)
class Powerset:
    """Label powerset (Tsoumakas and Katakis 2007): each label set of the training documents is a class.

    Its own answer is the likeliest set. With logistic regression a label's score is its probability: that of the sets
    that hold it, each set's divided by the sum of all. With an SVM it is the margin of the best set that holds it less
    that of the best one that does not, so that the labels above 0 are the own answer.
    """

    bank: Bank
    sets: LabelSets
    family: Family

    @classmethod
    def fit(cls, features: sp.csr_matrix, truth: LabelSets, setting: Setting, told: Told) -> Self:
        first: dict[bytes, int] = {}
        classes = [first.setdefault(truth[row].tobytes(), len(first)) for row in range(len(truth))]
        rows = np.unique(classes, return_index=True)[1]
        ones = np.ones(len(truth), dtype=np.int64)
        targets = sp.csc_array((ones, (np.arange(len(truth)), classes)), shape=(len(truth), len(first)))
        bank = fit_bank(features, targets, setting, told)
        return cls(bank, truth.take(rows), setting.family)

    def scores(self, features: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
        margins = self.bank.margins(features)
        members = self.sets.to_sparse()
        own = members[margins.argmax(axis=1)].toarray().astype(bool)
        if self.family == "svm":
            return _set_margins(margins, self.sets, own), own
        shares = expit(margins)
        shares /= shares.sum(axis=1, keepdims=True)
        return np.minimum(shares @ members, 1.0), own  # rounding may take a sum above 1

    def arrays(self) -> Arrays:
        sets = self.sets
        count = np.array([sets.label_count])
        return {
            **bank_arrays(self.bank),
            "sets.offsets": sets.offsets,
            "sets.values": sets.values,
            "sets.labels": count,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, family: Family) -> Self:
        sets = LabelSets(arrays["sets.offsets"], arrays["sets.values"], int(arrays["sets.labels"][0]))
        return cls(bank_of(arrays), sets, family)


METHODS: dict[str, type[Any]] = {"br": Relevance, "cc": Chain, "lp": Powerset}


def _set_margins(margins: np.ndarray, sets: LabelSets, own: np.ndarray) -> np.ndarray:
    """(N, L): the best margin (N, S) of a set with the label less the best of one without; `own` (N, L) is in the best.

    Minus infinity for a label in no set; a label in every set is judged against one below the document's lowest margin.
    """
    with_label = np.full(own.shape, -np.inf)
    without = np.repeat(margins.max(axis=1)[:, None], own.shape[1], axis=1)
    lowest = margins.min(axis=1) - 1  # of the document alone: its scores depend on no other one
    for label in range(sets.label_count):
        holding = sets.documents_of(label)
        if len(holding):
            with_label[:, label] = margins[:, holding].max(axis=1)
        rows = np.flatnonzero(own[:, label])
        if len(rows):  # elsewhere the best set of all is one without the label
            others = np.delete(margins[rows], holding, axis=1)
            without[rows, label] = np.maximum(others.max(axis=1, initial=-np.inf), lowest[rows])
    return with_label - without


def _scores(margins: np.ndarray, family: Family) -> np.ndarray:
    """Probabilities from logistic regression; the margins of an SVM only rank."""
    return expit(margins) if family == "logistic" else margins


def bank_arrays(bank: Bank) -> dict[str, np.ndarray]:
    """A bank as arrays."""
    weights = bank.weights
    return {
        "weights.values": weights.data,
        "weights.columns": weights.indices.astype(np.int64),
        "weights.rows": weights.indptr.astype(np.int64),
        "weights.shape": np.array(weights.shape, dtype=np.int64),
        "intercepts": bank.intercepts,
    }


def bank_of(arrays: Arrays) -> Bank:
    """The bank that `bank_arrays` gave."""
    entries = (arrays["weights.values"], arrays["weights.columns"], arrays["weights.rows"])
    return Bank(sp.csr_matrix(entries, shape=tuple(arrays["weights.shape"])), arrays["intercepts"])
