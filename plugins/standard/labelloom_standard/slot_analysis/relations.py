"""Matrices between labels: their correlation in documents, and how another matrix agrees with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import pearsonr, spearmanr

from labelloom.data.statistics import CorpusStatistics
from labelloom.errors import DataError
from labelloom.wording import counted


def label_correlation(statistics: CorpusStatistics) -> np.ndarray:
    """(L, L) float64: Pearson's correlation of two labels' indicators over N documents, known as phi.

    (N n_ij - n_i n_j) / sqrt(n_i (N - n_i) n_j (N - n_j)); NaN where a label stands in no document or in each.
    """
    count = statistics.document_count
    own = statistics.frequency.astype(np.float64)
    both = statistics.cooccurrence.toarray().astype(np.float64)
    np.fill_diagonal(both, own)
    spread = np.sqrt(own * (count - own))
    scale = np.outer(spread, spread)
    return np.where(scale > 0, count * both - np.outer(own, own), np.nan) / np.where(scale > 0, scale, 1)


@dataclass(frozen=True)
class Agreement:
    """How far a matrix between labels goes with their correlation, over pairs of two different labels.

    pearson, spearman  of both matrices' entries; None where one of them is the same everywhere
    pairs              how many were compared, each in both directions: those whose correlation is known
    """

    pearson: float | None
    spearman: float | None
    pairs: int


def agreement(values: np.ndarray, correlation: np.ndarray) -> Agreement:
    """That of `values` (L, L), which need not be symmetric, with `correlation` (L, L).

    Raises DataError when there are fewer than two pairs to compare.
    """
    there = ~np.eye(len(values), dtype=bool) & np.isfinite(correlation)
    one, other = values[there], correlation[there]
    if len(one) < 2:
        raise DataError(
            f"{counted(len(values), 'label')}, of which some stand in no training document or in each, have no "
            "correlations to compare with; two that vary have"
        )
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return Agreement(None, None, len(one))
    return Agreement(float(pearsonr(one, other).statistic), float(spearmanr(one, other).statistic), len(one))


def figure(value: float | None) -> str:
    """A coefficient for people; a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def strongest(values: np.ndarray, count: int) -> list[tuple[int, int]]:
    """The `count` pairs (i, j) of two labels with the highest values, highest first; of a symmetric matrix i < j."""
    apart = ~np.eye(len(values), dtype=bool) & np.isfinite(values)
    if np.array_equal(values, values.T, equal_nan=True):
        apart &= np.triu(apart)
    ranked = np.where(apart, values, -np.inf).ravel()
    order = np.argsort(-ranked, kind="stable")[: min(count, int(apart.sum()))]
    return [(int(place) // len(values), int(place) % len(values)) for place in order]
