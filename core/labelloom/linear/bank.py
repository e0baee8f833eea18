"""`Bank`: many linear classifiers of two classes over the same features."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from labelloom.linear.library import sklearn
from labelloom.spec.baseline import ClassWeight, Family

_ALONE = 20_000_000
"""Entries of all problems together up to which starting more processes costs more than it saves."""
_AT_ONCE = 64
_PASSES = 5_000

Told = Callable[[int, int], None]
"""Called with how many classifiers are ready, and of how many."""


@dataclass(frozen=True)
class Setting:
    """What classifiers are fitted with.

    `seed` decides the order of a chain and the solver's random numbers. Weights below `prune` times a classifier's
    largest are dropped, which makes it sparse (Babbar and Schölkopf 2017 drop those below 0.01 itself).
    """

    family: Family
    weight: ClassWeight
    c: float
    seed: int
    prune: float = 0.0


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
    does. `own` gives the features of column k where they are not the same for all. Warns of classifiers whose solver
    was stopped before it converged.
    """
    count = truth.shape[1]
    joblib = _joblib()
    jobs = 1 if own is not None or features.nnz * count <= _ALONE else joblib.cpu_count()
    # Not mapped into memory: each part takes the features along, and there are few parts.
    parallel = joblib.Parallel(n_jobs=jobs, max_nbytes=None)
    fitted: list[_Fitted] = []
    step = min(_AT_ONCE, -(-count // jobs))
    for start in range(0, count, jobs * step):
        firsts = range(start, min(start + jobs * step, count), step)
        parts = [range(first, min(first + step, count)) for first in firsts]
        tasks = (joblib.delayed(_fit_part)(features, truth[:, part], setting, part, own) for part in parts)
        fitted += [one for part in parallel(tasks) for one in part]
        told(len(fitted), count)
    if unfinished := sum(not one.converged for one in fitted):
        warnings.warn(
            f"{unfinished:,} of {count:,} classifiers did not converge in {_PASSES:,} passes over the documents; a "
            "smaller C helps",
            stacklevel=2,
        )
    return Bank(sp.vstack([one.weights for one in fitted], format="csr"), np.array([one.intercept for one in fitted]))


@contextmanager
def workers() -> Iterator[None]:
    """Fits inside share their processes, which end with it: left alone they would wait for minutes, and whoever reads
    what this program prints would wait with them."""
    try:
        yield
    finally:
        if "joblib" in sys.modules:
            from joblib.externals.loky import get_reusable_executor

            get_reusable_executor(reuse=True).shutdown(wait=True)


def _joblib() -> Any:
    sklearn("svm")
    import joblib  # scikit-learn brings it

    return joblib


class _Fitted(NamedTuple):
    weights: sp.csr_matrix  # (1, F) float32
    intercept: float
    converged: bool


def _fit_part(
    features: sp.csr_matrix,
    truth: sp.csc_array,
    setting: Setting,
    part: range,
    own: Callable[[int], sp.csr_matrix] | None,
) -> list[_Fitted]:
    """The classifiers of the columns `part`, whose truth (N, len(part)) is."""
    made = []
    for place, k in enumerate(part):
        target = np.zeros(truth.shape[0], dtype=np.int64)
        target[truth.indices[truth.indptr[place] : truth.indptr[place + 1]]] = 1
        made.append(_fit(features if own is None else own(k), target, setting))
    return made


def _fit(features: sp.csr_matrix, target: np.ndarray, setting: Setting) -> _Fitted:
    positives = int(target.sum())
    if positives in (0, len(target)):
        # The log odds of a count that is half a document short of certain.
        always = float(np.log((positives + 0.5) / 0.5))
        nothing = sp.csr_matrix((1, features.shape[1]), dtype=np.float32)
        return _Fitted(nothing, always if positives else -np.inf, True)
    weight = None if setting.weight == "none" else setting.weight
    options = {"C": setting.c, "class_weight": weight, "random_state": setting.seed, "max_iter": _PASSES}
    if setting.family == "svm":
        # The dual is solved many times faster where classes are balanced.
        model = sklearn("svm").LinearSVC(dual=True, **options)
    else:
        model = sklearn("linear_model").LogisticRegression(solver="liblinear", **options)
    with warnings.catch_warnings():
        # Said once for all classifiers.
        warnings.simplefilter("ignore", sklearn("exceptions").ConvergenceWarning)
        model.fit(features, target)
    weights = model.coef_[0].astype(np.float32)
    sizes = np.abs(weights)
    kept = np.flatnonzero((sizes > 0) & (sizes >= setting.prune * sizes.max()))
    row = sp.csr_matrix((weights[kept], kept, [0, len(kept)]), shape=(1, len(weights)))
    return _Fitted(row, float(model.intercept_[0]), int(np.max(model.n_iter_)) < _PASSES)
