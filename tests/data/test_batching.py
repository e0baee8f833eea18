from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloom.data.batching import batch_rows, evaluation_batches, share

lengths_of = st.lists(st.integers(0, 300), max_size=400).map(lambda values: np.array(values, dtype=np.int64))


@given(lengths=lengths_of, batch_size=st.integers(1, 9), seed=st.integers(0, 5), group=st.booleans())
def test_every_row_is_in_one_batch_and_only_the_last_is_short(
    lengths: np.ndarray, batch_size: int, seed: int, group: bool
) -> None:
    batches = batch_rows(lengths, batch_size, seed, epoch=1, group=group)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    if batches:
        assert 1 <= len(batches[-1]) <= batch_size


@given(lengths=lengths_of, batch_size=st.integers(1, 9), seed=st.integers(0, 5))
def test_the_longest_batch_comes_first(lengths: np.ndarray, batch_size: int, seed: int) -> None:
    batches = batch_rows(lengths, batch_size, seed, epoch=0)
    if len(lengths) >= batch_size:
        assert lengths[batches[0]].max() == lengths.max()


@pytest.mark.parametrize("group", [True, False])
def test_the_order_follows_from_seed_and_epoch(group: bool) -> None:
    lengths = np.random.default_rng(0).integers(1, 200, 500)

    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(batch_rows(lengths, 8, seed, epoch, group)).tolist()

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


def test_rows_chooses_the_documents() -> None:
    lengths = np.arange(100)
    rows = np.array([3, 97, 50, 51, 8])
    batches = batch_rows(lengths, 2, seed=0, epoch=0, rows=rows)
    assert sorted(np.concatenate(batches).tolist()) == sorted(rows.tolist())
    assert 97 in batches[0]


def test_grouping_saves_most_of_the_padding() -> None:
    lengths = np.random.default_rng(0).lognormal(4, 0.8, 4000).astype(np.int64) + 1

    def padded(batches: list[np.ndarray]) -> int:
        return sum(int(lengths[batch].max()) * len(batch) for batch in batches)

    waste_plain = padded(batch_rows(lengths, 16, 0, 0, group=False)) - lengths.sum()
    waste_grouped = padded(batch_rows(lengths, 16, 0, 0)) - lengths.sum()
    assert waste_grouped < 0.2 * waste_plain


def test_batches_of_long_and_short_documents_are_mixed() -> None:
    lengths = np.arange(1, 2001)
    firsts = [lengths[batch[0]] for batch in batch_rows(lengths, 4, 0, 0)[1:]]
    assert abs(np.corrcoef(firsts, np.arange(len(firsts)))[0, 1]) < 0.2


@given(lengths=lengths_of, batch_size=st.integers(1, 9))
def test_evaluation_goes_from_long_to_short(lengths: np.ndarray, batch_size: int) -> None:
    batches = evaluation_batches(lengths, batch_size)
    order = [int(row) for batch in batches for row in batch]
    assert order == sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    assert all(len(batch) == batch_size for batch in batches[:-1])


@given(count=st.integers(0, 60), world=st.integers(1, 9))
def test_shares_join_to_the_rows_and_are_even(count: int, world: int) -> None:
    rows = np.arange(count) * 7
    shares = [share(rows, rank, world) for rank in range(world)]
    assert np.concatenate(shares).tolist() == rows.tolist()
    sizes = [len(part) for part in shares]
    assert max(sizes) - min(sizes) <= 1
    assert count < world or min(sizes) >= 1


def test_no_such_process() -> None:
    with pytest.raises(ValueError, match="no process 2 among 2"):
        share(np.arange(4), 2, 2)
