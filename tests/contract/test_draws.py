"""What samplers decide and the random numbers that they and parts draw with."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from labelloom.compose.batches import plain_draw
from labelloom.data.label_sets import LabelSets
from labelloom.interfaces import (
    Draw,
    LabelledRows,
    Rng,
)
from labelloom.interfaces.noise import stable_key, uniform

from .strategies import L, batch_of, indicators

# Random numbers.


def test_noise_is_uniform_and_its_columns_are_independent() -> None:
    rows = torch.arange(2000)
    noise = uniform(stable_key(0, "x"), rows, torch.zeros_like(rows), 4).numpy()
    assert noise.dtype == np.float32
    assert noise.min() >= 0
    assert noise.max() < 1
    for column in range(4):
        assert stats.kstest(noise[:, column], "uniform").pvalue > 1e-3
        other = noise[:, (column + 1) % 4]
        assert abs(np.corrcoef(noise[:, column], other)[0, 1]) < 0.08
        # Rows in sequence are as independent as columns.
        assert abs(np.corrcoef(noise[:-1, column], noise[1:, column])[0, 1]) < 0.08


def test_noise_of_many_keys_is_uniform_for_one_row() -> None:
    row = torch.tensor([3])
    draws = np.array([uniform(stable_key(0, "stage", step), row, row * 0, 1).item() for step in range(1000)])
    assert stats.kstest(draws, "uniform").pvalue > 1e-3


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=8, unique=True),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**32),
)
def test_noise_of_a_row_does_not_depend_on_its_company(rows: list[int], key: int, copy: int) -> None:
    ids = torch.tensor(rows)
    copies = torch.full_like(ids, copy)
    together = uniform(key, ids, copies, 5)
    backwards = uniform(key, ids.flip(0), copies, 5).flip(0)
    alone = torch.cat([uniform(key, ids[place : place + 1], copies[:1], 5) for place in range(len(rows))])
    assert torch.equal(together, backwards)
    assert torch.equal(together, alone)
    assert torch.equal(uniform(key, ids, copies, 3), together[:, :3])


def test_noise_differs_by_stream_step_and_copy() -> None:
    draw = plain_draw(2).with_rows(np.array([0]))
    batch = batch_of(draw, key=stable_key(0, "stage", 5))
    assert batch.copies.tolist() == [0, 0, 1]
    noise = batch.noise(2, "model.encoder")
    assert not torch.equal(noise[0], noise[1])
    assert not torch.equal(noise[0], noise[2])
    assert not torch.equal(noise, batch.noise(2, "model.predictor"))
    assert not torch.equal(noise, batch.noise(2, "model.encoder", "second"))
    assert not torch.equal(noise, batch_of(draw, key=stable_key(0, "stage", 6)).noise(2, "model.encoder"))
    assert torch.equal(noise, batch_of(draw, key=stable_key(0, "stage", 5)).noise(2, "model.encoder"))


def test_keys_are_the_same_in_every_process_and_on_every_machine() -> None:
    # Written out, for another number would make saved seeds mean other runs.
    assert stable_key(0, "weights") == 5421806286578840949
    assert stable_key("a", "b") != stable_key("ab")
    assert 0 <= stable_key("x") < 2**63


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**40), st.integers(0, 100))
def test_noise_is_the_hash_that_it_says_it_is(key: int, row: int, copy: int) -> None:
    def mix(bits: int) -> int:
        bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) % 2**64
        return bits ^ (bits >> 31)

    state = (mix((row + key) % 2**64) + copy * 0x9E3779B97F4A7C15) % 2**64
    naive = [(mix((mix(state) + n * 0xD1B54A32D192ED03) % 2**64) >> 40) / 2**24 for n in range(3)]
    assert uniform(key, torch.tensor([row]), torch.tensor([copy]), 3)[0].tolist() == naive


def test_a_sampler_draws_the_same_for_a_row_in_any_step_of_one_key() -> None:
    one = Rng(11, plain_draw(5))
    other = Rng(11, Draw(rows=np.array([3, 0, 3]), anchors=3), process=1)
    assert one(3).integers(1000, size=4).tolist() == other(0).integers(1000, size=4).tolist()
    assert one(3).integers(1000, size=4).tolist() == one(3).integers(1000, size=4).tolist()
    assert other(0).integers(1000, size=4).tolist() != other(2).integers(1000, size=4).tolist()  # another copy
    assert one(3).integers(1000, size=4).tolist() != Rng(12, plain_draw(5))(3).integers(1000, size=4).tolist()
    assert one().integers(1000, size=4).tolist() != other().integers(1000, size=4).tolist()  # another process
    assert one().integers(1000, size=4).tolist() == Rng(11, plain_draw(2))().integers(1000, size=4).tolist()
    np.testing.assert_array_equal(one.noise(3)[[3, 0]], other.noise(3)[:2])


# Draws.


def test_copies_count_the_repetitions_of_a_row() -> None:
    draw = Draw(rows=np.array([4, 2, 4, 4, 2, 7]), anchors=2)
    assert draw.copies.tolist() == [0, 0, 1, 2, 1, 0]
    assert Draw(rows=np.zeros(0, dtype=np.int64), anchors=0).copies.tolist() == []


def test_added_rows_change_nothing_that_is_there() -> None:
    draw = Draw(rows=np.array([4, 2]), anchors=2).with_roles(["target", ""])
    draw = draw.with_relation(np.array([[0, 1], [-1, 0]])).with_given(np.array([[1, -1], [0, 0]]))
    draw = draw.with_candidates([np.array([3]), np.array([0, 1])])
    more = draw.with_rows(np.array([9, 4]))
    assert more.rows.tolist() == [4, 2, 9, 4]
    assert more.anchors == 2
    assert more.roles is not None
    assert more.roles.tolist() == ["target", "", "", ""]
    assert more.relation is not None
    assert more.relation.tolist() == [[0, 1, 0, 0], [-1, 0, 0, 0], [0] * 4, [0] * 4]
    assert more.given is not None
    assert more.given.tolist() == [[1, -1], [0, 0], [-1, -1], [-1, -1]]
    assert more.candidates is not None
    assert more.candidate_mask is not None
    assert more.candidates.tolist() == [[3, 0], [0, 1], [3, 0], [3, 0]]
    assert more.candidate_mask.tolist() == [[True, False], [True, True], [True, False], [True, False]]
    assert draw.rows.tolist() == [4, 2]


def test_two_samplers_add_to_each_other() -> None:
    first = plain_draw(3).with_roles(["a", "", ""]).with_relation(np.array([[0, 1, 0], [0] * 3, [0] * 3]))
    first = first.with_given(np.array([[1, -1], [-1, -1], [0, 0]]))
    both = first.with_roles(["", "b", ""]).with_relation(np.array([[0, 0, -1], [1, 0, 0], [0] * 3]))
    both = both.with_given(np.array([[-1, 0], [-1, -1], [1, -1]]))
    assert both.roles is not None
    assert both.roles.tolist() == ["a", "b", ""]
    assert both.relation is not None
    assert both.relation.tolist() == [[0, 1, -1], [1, 0, 0], [0, 0, 0]]
    assert both.given is not None
    assert both.given.tolist() == [[1, 0], [-1, -1], [1, 0]]


def test_candidates_are_padded_and_never_empty() -> None:
    draw = plain_draw(2).with_candidates([np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)])
    assert draw.candidates is not None
    assert draw.candidate_mask is not None
    assert draw.candidates.shape == (2, 1)
    assert not draw.candidate_mask.any()


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_labelled_rows_find_the_documents_of_a_label(data: st.DataObject) -> None:
    truth = data.draw(indicators())
    rows = LabelledRows(LabelSets.from_dense(truth))
    assert len(rows) == len(truth)
    for label in range(L):
        assert rows.documents_of(label).tolist() == truth[:, label].nonzero()[0].tolist()
