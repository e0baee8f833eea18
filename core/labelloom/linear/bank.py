"""`Bank`: many linear classifiers of two classes over the same features."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from labelloom.linear.library import sklearn
from labelloom.spec.baseline import ClassWeight, Family

PRUNED = 0.01
"""Weights below this share of a classifier's largest are dropped, which makes a bank sparse (Babbar and Schölkopf 2017
drop below 0.01 itself)."""

_ALONE = 20_000_000
"""Entries of all problems together up to which starting more processes costs more than it saves."""
_AT_ONCE = 64

Told = Callable[[int, int], None]
"""Called with how many classifiers are ready, and of how many."""


@dataclass(frozen=True)
class Setting:
    """What classifiers are fitted with; `seed` decides the order of a chain and the solver's random numbers."""

    family: Family
    weight: ClassWeight
    c: float
    seed: int


@dataclass(frozen=True)
class Bank:
    """K classifiers: `weights` (K, F) float32 and `intercepts` (K,) float64, minus infinity where none was positive."""

    weights: sp.csr_matrix
    intercepts: np.ndarray

    def margins(self, features: sp.csr_matrix) -> np.ndarray:
        """(N, K) float64: above 0 for yes."""
        return (features @ self.weights.T).toarray() + self.intercepts


def fit_bank(
    features: sp.csr_matrix,
    truth: sp.csc_array,
    setting: Setting,
    told: Told,
    own: Callable[[int], sp.csr_matrix] | None = None,
) -> Bank:
    """A classifier for each of the K columns of `truth` (N, K), over `features` (N, F).

    A column without a positive example gives a classifier that never says yes, one without a negative one that always
    does. `own` gives the features of column k where they are not the same for all.
    """
    count = truth.shape[1]

    def problem(k: int) -> tuple[sp.csr_matrix, np.ndarray]:
        target = np.zeros(truth.shape[0], dtype=np.int64)
        target[truth.indices[truth.indptr[k] : truth.indptr[k + 1]]] = 1
        return (features if own is None else own(k)), target

    jobs = 1 if features.nnz * count <= _ALONE else os.cpu_count() or 1
    joblib = _joblib()
    parallel = joblib.Parallel(n_jobs=jobs, max_nbytes="1M")
    rows: list[sp.csr_matrix] = []
    intercepts: list[float] = []
    for start in range(0, count, _AT_ONCE):
        columns = range(start, min(start + _AT_ONCE, count))
        for row, intercept in parallel(joblib.delayed(_fitted)(*problem(k), setting) for k in columns):
            rows.append(row)
            intercepts.append(intercept)
        told(columns.stop, count)
    return Bank(sp.vstack(rows, format="csr"), np.array(intercepts))


def _joblib() -> Any:
    """joblib, which scikit-learn brings."""
    sklearn("svm")
    import joblib

    return joblib


def _fitted(features: sp.csr_matrix, target: np.ndarray, setting: Setting) -> tuple[sp.csr_matrix, float]:
    """The weights (1, F) of one classifier, small ones dropped, and its intercept."""
    positives = int(target.sum())
    if positives in (0, len(target)):
        # The log odds of a count that is half a document short of certain.
        always = float(np.log((positives + 0.5) / 0.5))
        return sp.csr_matrix((1, features.shape[1]), dtype=np.float32), always if positives else -np.inf
    weight = None if setting.weight == "none" else setting.weight
    options = {"C": setting.c, "class_weight": weight, "random_state": setting.seed}
    if setting.family == "svm":
        model = sklearn("svm").LinearSVC(dual=True, max_iter=5000, **options)
    else:
        model = sklearn("linear_model").LogisticRegression(solver="liblinear", max_iter=1000, **options)
    model.fit(features, target)
    weights = model.coef_[0].astype(np.float32)
    kept = np.flatnonzero(np.abs(weights) >= PRUNED * np.abs(weights).max())
    row = sp.csr_matrix((weights[kept], kept, [0, len(kept)]), shape=(1, len(weights)))
    return row, float(model.intercept_[0])
