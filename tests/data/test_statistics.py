from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelloom.data.label_sets import LabelSets
from labelloom.data.statistics import CorpusStatistics

label_lists = st.integers(1, 7).flatmap(
    lambda count: st.tuples(
        st.lists(st.lists(st.integers(0, count - 1), max_size=5), min_size=1, max_size=40), st.just(count)
    )
)


def pair_counts(label_sets: LabelSets) -> np.ndarray:
    """Co-occurrence by a loop over documents and pairs."""
    counts = np.zeros((label_sets.label_count, label_sets.label_count), dtype=np.int64)
    for row in range(len(label_sets)):
        for first in label_sets[row]:
            for second in label_sets[row]:
                counts[first, second] += first != second
    return counts


@given(data=label_lists)
def test_counts_equal_those_of_a_loop(data: tuple[list[list[int]], int]) -> None:
    label_sets = LabelSets.from_lists(*data)
    dense = label_sets.to_dense()
    statistics = CorpusStatistics(label_sets)
    counts = pair_counts(label_sets)
    assert statistics.document_count == len(dense)
    assert statistics.frequency.tolist() == dense.sum(0).tolist()
    assert statistics.frequency.dtype == np.int64
    assert statistics.cardinality == pytest.approx(dense.sum(1).mean())
    assert statistics.cooccurrence.toarray().tolist() == counts.tolist()
    assert statistics.cooccurrence.dtype == np.int64
    assert statistics.cooccurrence.nnz == np.count_nonzero(counts)
    for label in range(label_sets.label_count):
        assert statistics.documents_of(label).tolist() == np.flatnonzero(dense[:, label]).tolist()
        others = [counts[label, other] for other in range(label_sets.label_count) if other != label]
        assert statistics.mean_cooccurrence[label] == pytest.approx(np.mean(others) if others else 0)


@given(data=label_lists, k=st.integers(0, 4))
def test_neighbours_equal_those_of_a_loop(data: tuple[list[list[int]], int], k: int) -> None:
    label_sets = LabelSets.from_lists(*data)
    counts, frequency, total = pair_counts(label_sets), label_sets.to_dense().sum(0), len(label_sets)
    ids, mask = CorpusStatistics(label_sets).neighbours(k)
    assert ids.shape == mask.shape == (label_sets.label_count, k)
    for label in range(label_sets.label_count):
        scores = {
            other: counts[label, other] / total * math.log(total / frequency[other])
            for other in range(label_sets.label_count)
            if counts[label, other] and frequency[other] < total
        }
        ranked = sorted(scores, key=lambda other: (-round(scores[other], 9), -counts[label, other], other))[:k]
        assert ids[label].tolist() == ranked + [-1] * (k - len(ranked))
        assert mask[label].tolist() == [True] * len(ranked) + [False] * (k - len(ranked))


def dense_neighbours(indicator: np.ndarray, k: int) -> np.ndarray:
    """(L, k) int64: the best of a dense (L, L) matrix of CF-IDF, row by row, padded with -1."""
    truth = indicator.astype(np.int64)
    counts, frequency = truth.T @ truth, truth.sum(0)
    np.fill_diagonal(counts, 0)
    total, labels = len(truth), truth.shape[1]
    ids = np.full((labels, k), -1, dtype=np.int64)
    for label in range(labels):
        score = np.zeros(labels)
        for other in np.flatnonzero(counts[label]):
            # count(i, j) log(N / count(j)) as log (N / count(j))^count(i, j), of whole numbers: equal ones tie exactly.
            score[other] = math.log(Fraction(total, int(frequency[other])) ** int(counts[label, other]))
        order = sorted(
            np.flatnonzero(score > 0), key=lambda other: (-round(score[other], 9), -counts[label, other], other)
        )
        ids[label, : len(order[:k])] = order[:k]
    return ids


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    documents=st.integers(1, 40),
    distinct=st.integers(1, 6),
    copies=st.integers(1, 3),
    k=st.integers(1, 8),
)
def test_neighbours_equal_those_of_a_dense_matrix_with_many_ties(
    seed: int, documents: int, distinct: int, copies: int, k: int
) -> None:
    """Each label has `copies` equal ones, in shuffled places, so every score occurs several times."""
    random = np.random.default_rng(seed)
    columns = random.random((documents, distinct)) < random.choice([0.1, 0.3, 0.6])
    indicator = np.tile(columns, (1, copies))[:, random.permutation(distinct * copies)]
    ids, mask = CorpusStatistics(LabelSets.from_dense(indicator)).neighbours(k)
    expected = dense_neighbours(indicator, k)
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(mask, expected >= 0)


def test_neighbours_by_hand() -> None:
    # N = 8; with label 0: label 1 twice (of 2), label 2 four times (of 4), label 3 never, label 4 always.
    sets = [[0, 1, 2, 4], [0, 1, 2, 4], [0, 2, 4], [0, 2, 4], [3, 4], [3, 4], [4], [4]]
    ids, mask = CorpusStatistics(LabelSets.from_lists(sets, 6)).neighbours(3)
    # 2/8 log 4 = 4/8 log 2: a tie, and label 2 occurs with 0 more often. Label 4 has IDF 0, label 5 never occurs.
    assert ids[0].tolist() == [2, 1, -1]
    assert ids[3].tolist() == [-1, -1, -1]
    assert ids[5].tolist() == [-1, -1, -1]
    assert mask[0].tolist() == [True, True, False]


def test_groups_by_share_and_by_number() -> None:
    frequencies = [3000, 2999, 1000, 999, 0]
    rows = np.concatenate([np.arange(count) for count in frequencies])
    labels = np.repeat(np.arange(5), frequencies)
    order = np.lexsort((labels, rows))
    offsets = np.zeros(53841, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=53840), out=offsets[1:])
    statistics = CorpusStatistics(LabelSets(offsets, labels[order], 5))
    assert statistics.frequency.tolist() == frequencies
    assert statistics.groups().tolist() == [0, 1, 1, 2, 2]
    assert statistics.groups(head=3000, mid=1000).tolist() == [0, 1, 1, 2, 2]
    assert statistics.groups(head=2999, mid=0).tolist() == [0, 0, 1, 1, 1]
    assert statistics.groups(head=0.5, mid=0.0).dtype == np.int8
    with pytest.raises(ValueError, match=r"mid \(10\) exceeds head \(5\), of 53840 documents"):
        statistics.groups(head=5, mid=10)


def test_there_must_be_a_document() -> None:
    with pytest.raises(ValueError, match="at least one document"):
        CorpusStatistics(LabelSets.from_lists([], 3))


def test_pairs_and_neighbours_are_kept_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label_sets = LabelSets.from_lists([[0, 1], [1, 2], [0, 1, 2], [3]], 4)
    first = CorpusStatistics(label_sets, tmp_path)
    pairs, neighbours = first.cooccurrence.toarray(), first.neighbours(2)[0]
    monkeypatch.setattr(CorpusStatistics, "_count_pairs", None)
    monkeypatch.setattr(CorpusStatistics, "_rank_neighbours", None)
    second = CorpusStatistics(label_sets, tmp_path)
    assert second.cooccurrence.toarray().tolist() == pairs.tolist()
    assert second.neighbours(2)[0].tolist() == neighbours.tolist()
    assert len(list(tmp_path.iterdir())) == 2
    other = CorpusStatistics(LabelSets(label_sets.offsets, label_sets.values, 5), tmp_path)
    with pytest.raises(TypeError):
        _ = other.cooccurrence


def test_a_hundred_thousand_labels_need_no_dense_matrix() -> None:
    # 100,000 x 100,000 int64 would be 80 GB.
    rng = np.random.default_rng(0)
    label_sets = LabelSets.from_lists(rng.integers(0, 100_000, (2000, 4)).tolist(), 100_000)
    statistics = CorpusStatistics(label_sets)
    ids, mask = statistics.neighbours(2)
    assert statistics.cooccurrence.nnz <= 2000 * 12
    assert mask.any(1).sum() == np.count_nonzero(np.diff(statistics.cooccurrence.indptr))
    assert ids.max() < 100_000
