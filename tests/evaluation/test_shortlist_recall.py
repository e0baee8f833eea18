"""The share of the exact best labels that shortlists hold, against a hand computation and a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.shortlist_recall import ShortlistRecall, share_held


def ranking(rows: list[list[int]], label_count: int) -> Ranking:
    labels = np.array(rows, dtype=np.int64)
    scores = np.tile(-np.arange(labels.shape[1], dtype=np.float32), (len(rows), 1))
    return Ranking(labels, scores, label_count)


def test_by_hand() -> None:
    exact = ranking([[3, 1, 4, 0, 2, 5], [5, 0, 2, 1, 3, 4], [2, 3, 1, 0, 4, 5]], 6)
    listed = ranking([[4, 3], [1, 3], [3, 2]], 6)
    # The best label: held, not, held. The best two: 1 of 2, none, both. The best three: 2, none, 2 of 3.
    assert share_held(exact, listed, 1) == pytest.approx(2 / 3)
    assert share_held(exact, listed, 2) == pytest.approx(3 / 6)
    assert share_held(exact, listed, 3) == pytest.approx(4 / 9)
    assert share_held(exact, listed, 6) == pytest.approx(2 / 6)
    assert share_held(exact, exact, 6) == 1


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_any_rankings_against_sets(documents: int, label_count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth, count = rng.integers(1, label_count + 1, size=2)
    rows = [[rng.permutation(label_count).tolist() for _ in range(documents)] for _ in range(2)]
    exact, listed = [row[:depth] for row in rows[0]], [row[:count] for row in rows[1]]
    k = int(rng.integers(1, depth + 1))
    expected = np.mean([len(set(one[:k]) & set(other)) / k for one, other in zip(exact, listed, strict=True)])
    assert share_held(ranking(exact, label_count), ranking(listed, label_count), k) == pytest.approx(expected)


@pytest.mark.parametrize("k", [0, 3])
def test_more_labels_than_are_ranked_are_refused(k: int) -> None:
    one = ranking([[0, 1]], 4)
    with pytest.raises(ValueError, match=f"k must lie between 1 and 2, the labels that are ranked, not {k}"):
        share_held(one, one, k)


def test_rankings_of_other_documents_are_refused() -> None:
    with pytest.raises(
        ValueError,
        match="two rankings of the same documents are compared, found 1 documents with 4 labels and 2 with 4",
    ):
        share_held(ranking([[0]], 4), ranking([[0], [1]], 4), 1)


def test_the_share_that_is_scored() -> None:
    assert ShortlistRecall(500, 500_000, "torch", 200, 1000, {1: 1.0}).share == 0.001
