"""The pieces of the contract by themselves: batches, targets, losses, states, readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labelloom.compose.batches import make_targets, plain_draw
from labelloom.data.label_sets import LabelSets
from labelloom.interfaces import (
    Batch,
    Loss,
    Reader,
    SharedReader,
    States,
    Targets,
    masked_mean,
    masked_softmax,
    pad,
)

from .strategies import L, batch_of, indicators, label_ids

# Targets.


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_dense_targets_equal_the_indicator_matrix(data: st.DataObject) -> None:
    truth = data.draw(indicators())
    ids = data.draw(label_ids(len(truth)))
    targets = make_targets(plain_draw(len(truth)), LabelSets.from_dense(truth))
    expected = np.take_along_axis(truth, np.broadcast_to(ids.numpy(), (len(truth), ids.shape[1])), 1)
    assert targets.dense(ids).tolist() == expected.tolist()


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_targets_leave_out_what_the_input_tells(data: st.DataObject) -> None:
    truth = data.draw(indicators())
    shown = data.draw(indicators(rows=len(truth)))
    told = np.where(shown, truth, -1).astype(np.int8)
    draw = plain_draw(len(truth)).with_given(told)
    targets = make_targets(draw, LabelSets.from_dense(truth))
    batch = batch_of(draw)
    assert targets.dense(batch.label_ids).tolist() == (truth & ~shown).tolist()
    assert batch.visible.tolist() == shown.tolist()
    assert batch.countable.tolist() == (~shown).tolist()


def test_targets_follow_rows_that_come_again() -> None:
    sets = LabelSets.from_lists([[0], [1, 3], []], L)
    targets = make_targets(plain_draw(2).with_rows(np.array([1, 2, 1])), sets)
    assert targets.offsets.tolist() == [0, 1, 3, 5, 5, 7]
    assert targets.values.tolist() == [0, 1, 3, 1, 3, 1, 3]
    assert targets.rows.tolist() == [0, 1, 1, 2, 2, 4, 4]
    assert targets.to(torch.device("cpu")).dense(torch.arange(L)[None])[4].tolist() == [False, True, False, True, False]


# Batch.


def test_a_batch_has_no_place_for_targets() -> None:
    assert {field.name for field in fields(Batch)} == {
        "inputs",
        "rows",
        "copies",
        "label_ids",
        "label_mask",
        "label_count",
        "is_anchor",
        "every_label",
        "roles",
        "role_names",
        "relation",
        "given",
        "key",
        "kept",
        "kept_of_labels",
    }
    assert not {field.name for field in fields(Batch)} & {field.name for field in fields(Targets)} - {"label_count"}


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_pick_takes_the_labels_under_consideration(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 4))
    batch = batch_of(plain_draw(count)).with_labels(data.draw(label_ids(count)))
    ids = batch.label_ids.expand(count, -1)
    own = torch.randn(count, L, 2)
    assert torch.equal(batch.pick(own), torch.stack([own[row, ids[row]] for row in range(count)]))
    common = torch.randn(1, L)
    assert torch.equal(batch.pick(common).expand(count, -1), torch.stack([common[0, ids[row]] for row in range(count)]))


def test_every_label_is_a_statement_and_no_guess() -> None:
    assert batch_of(plain_draw(3)).every_label
    drawn = batch_of(plain_draw(1).with_candidates([np.array([4, 3, 2, 1, 0])]))
    assert drawn.label_ids.shape == (1, L)
    assert not drawn.every_label
    assert drawn.pick(torch.arange(L)[None]).tolist() == [[4, 3, 2, 1, 0]]
    assert (
        not batch_of(plain_draw(2).with_candidates([np.arange(L), np.arange(2)])).subset(torch.tensor([1])).every_label
    )
    back = drawn.with_every_label()
    assert back.every_label
    assert back.label_ids.tolist() == [[0, 1, 2, 3, 4]]
    assert back.label_mask.all()
    assert not back.with_labels(torch.tensor([[1]])).every_label


def test_countable_is_real_hidden_and_of_an_anchor() -> None:
    draw = plain_draw(2).with_rows(np.array([0]))
    draw = draw.with_candidates([np.array([0, 2]), np.array([1]), np.array([0, 2])])
    given_ = np.full((3, L), -1, dtype=np.int8)
    given_[0, 2] = 1
    batch = batch_of(draw.with_given(given_))
    assert batch.label_mask.tolist() == [[True, True], [True, False], [True, True]]
    assert batch.visible.tolist() == [[False, True], [False, False], [False, False]]
    assert batch.countable.tolist() == [[True, False], [True, False], [False, False]]


def test_where_finds_roles() -> None:
    batch = batch_of(plain_draw(3).with_roles(["target", "", "target"]))
    assert batch.where("target").tolist() == [0, 2]
    assert batch.where("").tolist() == [1]
    assert batch.where("candidate").tolist() == []
    assert batch_of(plain_draw(3)).where("target").tolist() == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=6))
def test_a_subset_keeps_of_everything_the_same_rows(places: list[int]) -> None:
    draw = plain_draw(3).with_rows(np.array([1]))
    draw = draw.with_roles(["a", "b", "a", ""]).with_relation(np.arange(16).reshape(4, 4) % 3 - 1)
    draw = draw.with_given(np.arange(4 * L).reshape(4, L) % 3 - 1)
    draw = draw.with_candidates([np.arange(2), np.arange(3), np.arange(1), np.arange(3)])
    batch = batch_of(draw, nested={"words": torch.arange(8).view(4, 2)})
    part = batch.subset(torch.tensor(places, dtype=torch.int64))
    assert len(part) == len(places)
    assert part.inputs["ids"].tolist() == places
    assert part.inputs["nested"]["words"].tolist() == [[2 * place, 2 * place + 1] for place in places]
    for name in ("rows", "copies", "label_ids", "label_mask", "is_anchor", "roles", "given", "countable"):
        assert torch.equal(getattr(part, name), getattr(batch, name)[places]), name
    assert part.relation is not None
    assert part.relation.tolist() == [[(4 * one + other) % 3 - 1 for other in places] for one in places]
    assert torch.equal(part.noise(3, "stream"), batch.noise(3, "stream")[places])


def test_a_subset_of_shared_labels_shares_them() -> None:
    part = batch_of(plain_draw(3)).subset(torch.tensor([2, 0]))
    assert part.label_ids.shape == (1, L)
    assert part.every_label
    assert part.with_inputs({"other": torch.zeros(2)}).inputs.keys() == {"other"}


# Losses.


def test_a_loss_counts_what_the_mask_holds_and_ignores_the_rest() -> None:
    values = torch.tensor([[1.0, float("nan")], [float("inf"), 4.0]], requires_grad=True)
    mask = torch.tensor([[True, False], [False, True]])
    loss = Loss.over(values, mask)
    assert loss.total.item() == 5.0
    assert loss.count.item() == 2.0
    loss.total.backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_a_loss_without_anything_to_count_is_zero_and_still_connected() -> None:
    values = torch.randn(3, 2, requires_grad=True)
    loss = Loss.over(values, torch.zeros(3, 1, dtype=torch.bool))
    assert (loss.total.item(), loss.count.item()) == (0.0, 0.0)
    loss.total.backward()
    assert values.grad is not None
    assert not values.grad.any()


def test_a_mask_is_spread_over_the_values() -> None:
    loss = Loss.over(torch.ones(3, 4, dtype=torch.bfloat16), torch.tensor([[True], [False], [True]]))
    assert (loss.total.item(), loss.count.item()) == (8.0, 8.0)
    assert loss.total.dtype == torch.float32


# Readers and what parts compute with.


class Counting(Reader):
    """Splits into letters, and counts how often it was asked."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.asked = 0

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        self.asked += 1
        return {"ids": [[ord(letter) for letter in text] for text in texts], "length": [len(text) for text in texts]}

    def collate(self, rows: Sequence[Any]) -> dict[str, Any]:
        ids, mask = pad([row["ids"] for row in rows])
        return {"ids": ids, "mask": mask}


class Doubling(Counting):
    """Twice as long."""

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        return super().tokenize([text * 2 for text in texts])


def test_readers_of_one_key_read_once_and_share_tensors() -> None:
    one, same, other = Counting("letters"), Counting("letters"), Doubling("doubled")
    shared = SharedReader({"encoders.1": one, "encoders.10": same, "other": other})
    columns = shared.tokenize(["ab", "c"])
    assert (one.asked, same.asked, other.asked) == (1, 0, 1)
    assert columns["length"] == [4, 2]
    rows = [{name: values[row] for name, values in columns.items()} for row in range(2)]
    inputs = shared.collate(rows)
    assert inputs["encoders.1"]["ids"] is inputs["encoders.10"]["ids"]
    assert inputs["encoders.1"]["ids"].tolist() == [[97, 98], [99, 0]]
    assert inputs["other"]["mask"].tolist() == [[True] * 4, [True, True, False, False]]


def test_the_key_of_a_shared_reader_tells_its_readers_and_their_names() -> None:
    def key(**readers: str) -> str:
        return SharedReader({name: Counting(of) for name, of in readers.items()}).key

    assert key(a="x", b="y") == key(a="x", b="y")
    assert len({key(a="x", b="y"), key(a="y", b="x"), key(a="x", c="y"), key(a="x")}) == 4


def test_padding_and_masked_means() -> None:
    ids, mask = pad([[5, 6, 7], [], [8]], value=9)
    assert ids.tolist() == [[5, 6, 7], [9, 9, 9], [8, 9, 9]]
    assert mask.tolist() == [[True, True, True], [False] * 3, [True, False, False]]
    assert pad([[], []])[0].shape == (2, 1)
    values = ids[..., None].double()
    assert masked_mean(values, mask)[:, 0].tolist() == [6.0, 0.0, 8.0]
    weights = masked_softmax(
        torch.tensor([[0.0, 1.0, 100.0], [1.0, 2.0, 3.0]]), torch.tensor([[1, 1, 0], [0, 0, 0]]) > 0
    )
    assert weights[0].tolist() == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e), 0.0])
    assert weights[1].tolist() == [0.0, 0.0, 0.0]


def test_states_are_added_to_and_never_changed() -> None:
    start = States(document=torch.zeros(1, 2))
    more = start.add({"maacf.text": torch.ones(1)}, labels=torch.ones(1, 3, 2))
    assert start.labels is None
    assert start.extra == {}
    assert more.document is start.document
    assert more.get("maacf.text").tolist() == [1.0]
    assert more.get("lmmtc.slots") is None
    assert more.add({"lmmtc.slots": 1}).extra.keys() == {"maacf.text", "lmmtc.slots"}
    assert more.first("label_table", "labels") is more.labels
