"""Random label sets and rankings, and the naive definitions that the tests compare with."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.ranking import Ranking


def random_sets(rng: np.random.Generator, documents: int, labels: int, share: float = 0.3) -> LabelSets:
    return LabelSets.from_dense(rng.random((documents, labels)) < share)


def distinct_scores(rng: np.random.Generator, documents: int, labels: int) -> np.ndarray:
    """(N, L) float32 without two equal scores, some of them negative."""
    return (rng.permutation(documents * labels).reshape(documents, labels) - documents).astype(np.float32)


@st.composite
def problems(draw: st.DrawFn) -> tuple[LabelSets, np.ndarray]:
    """A truth and (N, L) float32 scores with many ties, of any small size, empty and full documents among them."""
    documents, labels = draw(st.integers(1, 8)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = random_sets(rng, documents, labels, draw(st.sampled_from([0.0, 0.2, 0.5, 1.0])))
    levels = draw(st.sampled_from([2, 5, 1000]))
    return truth, (rng.integers(0, levels, (documents, labels)) - levels // 2).astype(np.float32) / 7


def same(first: LabelSets, second: LabelSets) -> bool:
    return (
        first.label_count == second.label_count
        and np.array_equal(first.offsets, second.offsets)
        and np.array_equal(first.values, second.values)
    )


def naive_ranking(scores: np.ndarray, depth: int) -> list[list[int]]:
    return [sorted(range(len(row)), key=lambda label: (-row[label], label))[:depth] for row in scores]


def naive_f1(truth: np.ndarray, answer: np.ndarray) -> float:
    whole = int(truth.sum()) + int(answer.sum())
    return 2 * int((truth & answer).sum()) / whole if whole else 0.0


def naive_macro_f1(truth: np.ndarray, answer: np.ndarray) -> float:
    return float(np.mean([naive_f1(truth[:, label], answer[:, label]) for label in range(truth.shape[1])]))


def complete(scores: np.ndarray) -> Ranking:
    return Ranking.from_dense(scores)
