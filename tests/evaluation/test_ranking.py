from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation import membership, ranking
from labelloom.evaluation.ranking import Ranking

from .cases import distinct_scores, naive_ranking, problems, random_sets


@given(problems(), st.integers(1, 7))
def test_from_dense_sorts_by_score_then_label(problem, depth):
    _, scores = problem
    result = Ranking.from_dense(scores, depth)
    expected = naive_ranking(scores, depth)
    assert result.labels.tolist() == expected
    assert result.scores.tolist() == [
        [row[label] for label in best] for row, best in zip(scores, expected, strict=True)
    ]
    assert result.complete == (depth >= scores.shape[1])
    assert (result.labels.dtype, result.scores.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("depth", [None, 3])
def test_blocks_do_not_show(monkeypatch, depth):
    scores = distinct_scores(np.random.default_rng(0), 11, 5)
    whole = Ranking.from_dense(scores, depth)
    monkeypatch.setattr(ranking, "_ENTRIES_AT_ONCE", 15)
    parts = Ranking.from_dense(scores, depth)
    assert np.array_equal(parts.labels, whole.labels)
    assert np.array_equal(parts.scores, whole.scores)


def test_scores_that_are_equal_as_float32_are_tied():
    assert Ranking.from_dense(np.array([[0.1, 0.1 + 1e-12]])).labels.tolist() == [[0, 1]]


@given(problems())
def test_to_dense_gives_the_scores_back(problem):
    _, scores = problem
    assert np.array_equal(Ranking.from_dense(scores).to_dense(), scores)


def test_to_dense_of_a_cut_off_ranking():
    with pytest.raises(ValueError, match=r"^only a complete ranking has every score; this one holds 2 of 4 labels$"):
        Ranking.from_dense(np.zeros((3, 4)), 2).to_dense()


def test_take():
    scores = distinct_scores(np.random.default_rng(1), 5, 3)
    rows = np.array([4, 0, 4])
    taken = Ranking.from_dense(scores, 2).take(rows)
    expected = Ranking.from_dense(scores[rows], 2)
    assert np.array_equal(taken.labels, expected.labels)
    assert np.array_equal(taken.scores, expected.scores)
    assert (len(taken), taken.depth, taken.label_count) == (3, 2, 3)


def test_no_documents():
    empty = Ranking.from_dense(np.zeros((0, 4)), 2)
    assert (len(empty), empty.depth, empty.label_count) == (0, 2, 4)
    assert empty.take(np.zeros(0, dtype=np.int64)).labels.shape == (0, 2)


@pytest.mark.parametrize("depth", [None, 1])
def test_nan_is_refused(monkeypatch, depth):
    scores = np.zeros((3, 2))
    scores[2, 1] = np.nan
    monkeypatch.setattr(ranking, "_ENTRIES_AT_ONCE", 2)  # the document's number counts from the first block
    with pytest.raises(ValueError, match=r"^scores must be numbers below infinity; document 2 has nan for label 1$"):
        Ranking.from_dense(scores, depth)


def test_plus_infinity_is_refused_and_minus_infinity_comes_last():
    with pytest.raises(ValueError, match=r"document 0 has inf for label 1$"):
        Ranking.from_dense(np.array([[0.0, np.inf]]))
    assert Ranking.from_dense(np.array([[-np.inf, -5.0, -np.inf]])).labels.tolist() == [[1, 0, 2]]


LABELS, SCORES = np.array([[1, 0]]), np.array([[2, 1]], dtype=np.float32)


@pytest.mark.parametrize(
    ("labels", "scores", "count", "message"),
    [
        (LABELS, SCORES[:, :1], 2, r"labels and scores must have one shape \(N, K\), found \(1, 2\) and \(1, 1\)"),
        (LABELS.astype(np.int32), SCORES, 2, "labels must be int64 and scores float32, found int32 and float32"),
        (LABELS, SCORES, 1, "a ranking of 1 labels must hold 1 to 1 a document, found 2"),
        (LABELS[:, :0], SCORES[:, :0], 2, "a ranking of 2 labels must hold 1 to 2 a document, found 0"),
        (LABELS + 1, SCORES, 2, r"label ids must lie in \[0, 2\), found 1 to 2"),
        (
            LABELS,
            SCORES * np.float32(np.nan),
            2,
            "scores must be numbers below infinity; document 0 has nan for label 1",
        ),
        (LABELS, -SCORES, 2, "scores must descend in each row; those of document 0 do not"),
    ],
)
def test_what_is_no_ranking(labels, scores, count, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Ranking(labels, scores, count)


@pytest.mark.parametrize(
    ("scores", "depth", "message"),
    [
        (np.zeros(3), None, r"scores must have the shape \(N, L\) with at least one label, found \(3,\)"),
        (np.zeros((3, 0)), None, r"scores must have the shape \(N, L\) with at least one label, found \(3, 0\)"),
        (np.zeros((3, 2)), 0, "depth must be at least 1, found 0"),
    ],
)
def test_what_cannot_be_ranked(scores, depth, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Ranking.from_dense(scores, depth)


@given(problems())
def test_ranked_hits_are_the_truth_at_the_ranked_labels(problem):
    truth, scores = problem
    labels = Ranking.from_dense(scores).labels
    assert np.array_equal(membership.ranked_hits(truth, labels), np.take_along_axis(truth.to_dense(), labels, axis=1))


def test_ranked_hits_in_blocks(monkeypatch):
    rng = np.random.default_rng(2)
    truth, labels = random_sets(rng, 13, 6), Ranking.from_dense(rng.random((13, 6)), 4).labels
    monkeypatch.setattr(membership, "_CELLS_AT_ONCE", 10)
    assert np.array_equal(membership.ranked_hits(truth, labels), np.take_along_axis(truth.to_dense(), labels, axis=1))


def test_keys_of_many_documents_with_many_labels_do_not_overflow():
    far = LabelSets(np.concatenate([np.zeros(10**6), [1]]).astype(np.int64), np.array([499_999]), 500_000)
    rows, labels = np.array([10**6 - 1, 10**6 - 1, 0]), np.array([499_999, 499_998, 499_999])
    assert membership.contains(far, rows, labels).tolist() == [True, False, False]
