"""CLRL: which pairs are drawn, what is learnt of them, and documents with no, one or all labels."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from labelloom.interfaces import Batch, Context, States, Targets
from labelloom_clmil.clrl import INDIRECT, IRRELEVANT, RELATED, ConstraintLabelRelations
from labelloom_clmil.config import LabelRelationsConfig

DENSE = [[1, 1, 0, 0, 0], [0, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 1]]
FREQUENT = [(0, 1), (1, 2), (1, 0), (2, 3), (4, 1)]
"""Label 2 comes often with 1, and so on."""
WIDTH = 6
DRAWS: list[Any] = ["uniform", "balanced"]
SCOPES: list[Any] = ["document", "anchor"]
WAYS = pytest.mark.parametrize(("draw", "scope"), list(itertools.product(DRAWS, SCOPES)))


@pytest.fixture(scope="session")
def clrl(make_context: Callable[..., Context]) -> Callable[..., ConstraintLabelRelations]:
    """The task over `count` labels of which these come often with which, in float64."""

    def make(frequent: Any = FREQUENT, count: int = 5, **options: Any) -> ConstraintLabelRelations:
        torch.manual_seed(0)
        assets = {"frequent": np.array(sorted(one * count + other for one, other in frequent), dtype=np.int64)}
        return ConstraintLabelRelations(
            LabelRelationsConfig(**options), make_context(assets, count, labels=WIDTH)
        ).double()

    return make


def vectors(rows: int, labels: int) -> Tensor:
    torch.manual_seed(5)
    return torch.randn(rows, labels, WIDTH, dtype=torch.float64, requires_grad=True)


def carried_of(batch: Batch, targets: Targets) -> Tensor:
    """(B, C) bool: the labels to count that each document carries."""
    return targets.dense(batch.label_ids) & batch.countable


def drawn_by(task: ConstraintLabelRelations, batch: Batch, targets: Targets) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Places of both labels of each pair, its class, and whether there is such a pair."""
    carried = carried_of(batch, targets)
    first, second, valid = task.pairs(carried, batch, targets)
    return first, second, task.classes(carried, first, second[..., None], batch, targets)[..., 0], valid


def kind_of(scope: str, one: int, other: int, carried: set[int], frequent: list[tuple[int, int]]) -> int:
    """The class of labels `one` and `other` of a document that carries `carried`."""
    if other in carried:
        return RELATED
    by = carried if scope == "document" else {one}
    return INDIRECT if any((k, other) in frequent for k in by) else IRRELEVANT


def by_loop(
    task: ConstraintLabelRelations, labels: Tensor, batch: Batch, targets: Targets, hidden: Tensor
) -> tuple[Tensor, int, int]:
    """Equations 11 and 12 of the pairs that the task draws; how many pairs these are, and how many come out right.

    `hidden` (B, L): the labels that each document carries and the input does not show.
    """
    total, count, right = labels.sum() * 0, 0, 0
    first, second, valid = task.pairs(carried_of(batch, targets), batch, targets)
    for row, place in zip(*valid.nonzero(as_tuple=True), strict=True):
        one, other = int(first[row, place]), int(second[row, place])
        ids = batch.label_ids[row if len(batch.label_ids) > 1 else 0]
        carried = set(hidden[row].nonzero()[:, 0].tolist())
        kind = kind_of(task.config.scope, int(ids[one]), int(ids[other]), carried, FREQUENT)
        a, b = labels[row, one], labels[row, other]
        exponents = torch.exp(task.out(torch.cat([a, b, torch.sqrt((a - b) ** 2)])))
        total = total - torch.log(exponents[kind] / exponents.sum())
        count += 1
        right += int(exponents.argmax()) == kind
    return total, count, right


def same_loss(loss: Tensor, total: Tensor, leaves: list[Tensor]) -> None:
    """Losses are computed in fp32, so values and gradients agree to its precision."""
    torch.testing.assert_close(loss, total.float())
    options: dict[str, Any] = {"allow_unused": True, "materialize_grads": True}
    for one, other in zip(
        torch.autograd.grad(loss, leaves, **options), torch.autograd.grad(total, leaves, **options), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@WAYS
def test_against_a_loop(clrl: Any, make_batch: Any, targets_of: Any, draw: Any, scope: Any) -> None:
    task, batch, labels, targets = (
        clrl(pairs=4, draw=draw, scope=scope),
        make_batch(5),
        vectors(5, 5),
        targets_of(DENSE),
    )
    loss = task(States(labels=labels), batch, targets)
    total, count, right = by_loop(task, labels, batch, targets, torch.tensor(DENSE))
    assert loss.count == count == 16
    assert loss.logs["accuracy"] == right
    assert 0 < right < 16
    same_loss(loss.total, total, [labels, *task.parameters()])


@st.composite
def drawn_batches(draw: st.DrawFn) -> tuple[dict[str, Any], Tensor]:
    """Documents with labels of their own under consideration, some told, some padding, some rows for others alone."""
    count, width, known = draw(st.integers(1, 4)), draw(st.integers(1, 5)), 5

    def table(*values: Any, rows: int, columns: int) -> list[list[Any]]:
        line = st.lists(st.sampled_from(values), min_size=columns, max_size=columns)
        return draw(st.lists(line, min_size=rows, max_size=rows))

    given_truth = table(-1, -1, -1, 0, 1, rows=count, columns=known)
    fields = {
        "label_ids": torch.stack([torch.tensor(draw(st.permutations(range(known))))[:width] for _ in range(count)]),
        "label_mask": torch.tensor(table(True, True, False, rows=count, columns=width)),
        "every_label": False,
        "is_anchor": torch.tensor(table(True, True, False, rows=1, columns=count)[0]),
        "given": draw(st.sampled_from([torch.tensor(given_truth, dtype=torch.int8), None])),
        "key": draw(st.integers(0, 2**40)),
    }
    return fields, torch.tensor(table(True, False, rows=count, columns=known))


@WAYS
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=drawn_batches(), pairs=st.integers(1, 3))
def test_on_any_batch_it_is_the_loop(
    clrl: Any, make_batch: Any, targets_of: Any, draw: Any, scope: Any, drawn: Any, pairs: int
) -> None:
    """What does not count is NaN, and the truth of what the input shows may be told or not."""
    fields, dense = drawn
    task, batch = clrl(draw=draw, scope=scope, pairs=pairs), make_batch(len(dense), **fields)
    hidden = dense if batch.given is None else dense & (batch.given < 0)
    labels = vectors(*batch.label_ids.shape)
    for told in (hidden, dense):
        states = States(labels=labels.masked_fill(~batch.countable[..., None], torch.nan))
        loss = task(states, batch, targets_of(told))
        total, count, right = by_loop(task, labels, batch, targets_of(told), hidden)
        assert loss.count == count
        assert loss.logs["accuracy"] == right
        same_loss(loss.total, total, [labels, *task.parameters()])


@WAYS
@settings(deadline=None, max_examples=40)
@given(drawn=drawn_batches(), pairs=st.integers(1, 3))
def test_every_pair_is_of_labels_that_count(
    clrl: Any, make_batch: Any, targets_of: Any, draw: Any, scope: Any, drawn: Any, pairs: int
) -> None:
    fields, dense = drawn
    batch = make_batch(len(dense), **fields)
    first, second, _, valid = drawn_by(clrl(draw=draw, scope=scope, pairs=pairs), batch, targets_of(dense))
    carried = dense.gather(1, batch.label_ids) & batch.countable
    for row in range(len(dense)):
        there = bool(carried[row].any()) and int(batch.countable[row].sum()) > 1
        assert valid[row].tolist() == [there] * pairs
        for one, other in zip(first[row][valid[row]], second[row][valid[row]], strict=True):
            assert one != other
            assert carried[row, one]
            assert batch.countable[row, other]


def shares_of(task: Any, batch: Batch, targets: Targets, labels: int) -> Tensor:
    """(L, L): how often each pair is drawn, of all."""
    first, second, _, valid = drawn_by(task, batch, targets)
    assert valid.all()
    return (first * labels + second).flatten().bincount(minlength=labels**2).view(labels, labels) / valid.numel()


def assert_shares(found: Tensor, expected: Tensor, draws: int) -> None:
    """Within four standard deviations; exactly where nothing or everything is expected."""
    assert ((found - expected).abs() <= 4 * (expected * (1 - expected) / draws).sqrt()).all(), found - expected


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("draw", DRAWS)
def test_ten_thousand_draws(clrl: Any, make_batch: Any, targets_of: Any, scope: Any, draw: Any) -> None:
    """By way of label 0: 3. By way of label 1: 3 and 4. In no way: 5, 6 and 7."""
    frequent, carried = [(0, 3), (1, 3), (1, 4), (3, 5), (6, 0)], {0, 1, 2}
    rows, pairs = 2500, 4
    task = clrl(frequent, 8, draw=draw, scope=scope, pairs=pairs)
    dense = [[label in carried for label in range(8)]] * rows
    found = shares_of(task, make_batch(rows, 8), targets_of(dense), 8)
    expected = torch.zeros(8, 8)
    for one in carried:
        kinds = {other: kind_of(scope, one, other, carried, frequent) for other in range(8) if other != one}
        for other, kind in kinds.items():
            of_kind = list(kinds.values()).count(kind)
            share = 1 / 7 if draw == "uniform" else 1 / (len(set(kinds.values())) * of_kind)
            expected[one, other] = share / 3
    assert_shares(found, expected, rows * pairs)


def test_a_document_without_indirect_labels_draws_from_the_other_two_classes(
    clrl: Any, make_batch: Any, targets_of: Any
) -> None:
    task = clrl([], 5, draw="balanced", pairs=4)
    _, _, kinds, valid = drawn_by(task, make_batch(2500), targets_of([[1, 1, 0, 0, 0]] * 2500))
    assert valid.all()
    shares = torch.bincount(kinds.flatten(), minlength=3) / kinds.numel()
    assert_shares(shares, torch.tensor([0.5, 0, 0.5]), 10_000)


@WAYS
@pytest.mark.parametrize(
    ("dense", "kinds"),
    [
        ([0] * 5, set()),
        ([0, 1, 0, 0, 0], {INDIRECT, IRRELEVANT}),
        ([0, 0, 0, 1, 0], {IRRELEVANT}),
        ([1] * 5, {RELATED}),
    ],
    ids=["none", "one", "one that comes with none", "all"],
)
def test_documents_with_no_one_or_all_labels(
    clrl: Any, make_batch: Any, targets_of: Any, draw: Any, scope: Any, dense: list[int], kinds: set[int]
) -> None:
    task, labels = clrl(draw=draw, scope=scope, pairs=40), vectors(1, 5)
    batch, targets = make_batch(1), targets_of([dense])
    *_, found, valid = drawn_by(task, batch, targets)
    assert set(found[valid].tolist()) == kinds
    loss = task(States(labels=labels), batch, targets)
    assert loss.count == (40 if kinds else 0)
    loss.total.backward()
    assert labels.grad is not None
    assert bool(labels.grad.any()) == bool(kinds)


@WAYS
def test_one_label_in_all(clrl: Any, make_batch: Any, targets_of: Any, draw: Any, scope: Any) -> None:
    task = clrl([], 1, draw=draw, scope=scope)
    loss = task(States(labels=vectors(2, 1)), make_batch(2, 1), targets_of([[1], [0]]))
    assert loss.count == loss.total == loss.logs["accuracy"] == 0


def test_labels_that_are_not_asked_about_still_relate_those_that_are(
    clrl: Any, make_batch: Any, targets_of: Any
) -> None:
    """The document carries 1, which 2 comes often with; only 0, which it carries too, 2 and 3 are asked about."""
    batch = make_batch(1, ids=[[0, 2, 3]])
    kinds = {}
    for scope in SCOPES:
        first, second, found, valid = drawn_by(clrl(scope=scope, pairs=40), batch, targets_of([[1, 1, 0, 0, 0]]))
        assert valid.all()
        assert (first == 0).all()
        kinds[scope] = set(zip(second[0].tolist(), found[0].tolist(), strict=True))
    assert kinds == {"document": {(1, INDIRECT), (2, IRRELEVANT)}, "anchor": {(1, IRRELEVANT), (2, IRRELEVANT)}}


@WAYS
def test_padding_changes_nothing(clrl: Any, make_batch: Any, targets_of: Any, draw: Any, scope: Any) -> None:
    """As when a longer document comes into the batch."""
    task, labels = clrl(draw=draw, scope=scope, pairs=3), vectors(5, 4)
    ids = torch.tensor([[0, 1, 2, 4]]).repeat(5, 1)
    before = task(States(labels=labels), make_batch(5, ids=ids), targets_of(DENSE))
    padded = torch.cat([ids, torch.zeros(5, 3, dtype=torch.int64)], 1)
    mask = torch.arange(7).expand(5, -1) < 4
    wider = torch.cat([labels, torch.full((5, 3, WIDTH), torch.nan, dtype=torch.float64)], 1)
    after = task(States(labels=wider), make_batch(5, ids=padded, label_mask=mask), targets_of(DENSE))
    assert before.count == after.count == 12
    assert torch.equal(before.total, after.total)


@WAYS
def test_another_order_of_labels_with_the_same_pairs_is_the_same_loss(
    clrl: Any, make_batch: Any, targets_of: Any, draw: Any, scope: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The places of labels change; their ids, and all that is known of these, stay."""
    order = torch.tensor([3, 1, 4, 0, 2])
    task, labels, targets = clrl(pairs=3, draw=draw, scope=scope), vectors(5, 5), targets_of(DENSE)
    before = task(States(labels=labels), make_batch(5), targets)
    first, second, valid = task.pairs(torch.tensor(DENSE, dtype=torch.bool), make_batch(5), targets)
    places = order.argsort()
    monkeypatch.setattr(task, "pairs", lambda *_: (places[first], places[second], valid))
    after = task(States(labels=labels[:, order]), make_batch(5, ids=order[None]), targets)
    assert after.count == before.count
    torch.testing.assert_close(after.total, before.total)


def test_steps_draw_anew(clrl: Any, make_batch: Any, targets_of: Any) -> None:
    targets = targets_of([[1, 1, 1, 0, 0]] * 50)
    draws = [[part.tolist() for part in drawn_by(clrl(), make_batch(50, key=key), targets)] for key in (1, 1, 2)]
    assert draws[0] == draws[1]
    assert all(one != other for one, other in zip(draws[0][:3], draws[2][:3], strict=True))


def test_dropout_is_for_training(clrl: Any, make_batch: Any, targets_of: Any) -> None:
    task, labels, targets = clrl(dropout=0.5), vectors(5, 5), targets_of(DENSE)
    states = States(labels=labels)
    whole = clrl()(states, make_batch(5), targets).total
    assert not torch.equal(task(states, make_batch(5), targets).total, whole)
    assert torch.equal(task.eval()(states, make_batch(5), targets).total, whole)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_losses_of_logits_in_half_precision_are_those_of_fp32(
    clrl: Any, make_batch: Any, targets_of: Any, precision: torch.dtype
) -> None:
    # Vectors of zeros leave the bias as every logit, so rounding it is all that half precision may do.
    half, whole, bias = clrl().float(), clrl(), torch.tensor([0.3, -0.1, 0.7])
    half.out.bias.data.copy_(bias)
    whole.out.bias.data.copy_(bias.to(precision))
    batch, targets = make_batch(5), targets_of(DENSE)
    with torch.autocast("cpu", precision):
        found = half(States(labels=torch.zeros(5, 5, WIDTH, dtype=precision)), batch, targets)
    expected = whole(States(labels=torch.zeros(5, 5, WIDTH, dtype=torch.float64)), batch, targets)
    assert found.count == expected.count
    torch.testing.assert_close(found.total, expected.total, rtol=1e-6, atol=0)


def test_the_weights_file_leaves_out_what_the_assets_keep(clrl: Any) -> None:
    task = clrl()
    assert set(task.state_dict()) == {"out.weight", "out.bias"}
    assert task.frequent.tolist() == sorted(one * 5 + other for one, other in FREQUENT)


@WAYS
def test_no_value_is_read_back_from_the_device(make_context: Any, make_batch: Any, draw: Any, scope: Any) -> None:
    """For which a GPU would have to wait: the meta device has no values."""

    class Told(Targets):
        """Targets that are a table already, since making one is not the task's doing."""

        def dense(self, label_ids: Tensor) -> Tensor:
            return torch.zeros(4, 5, dtype=torch.bool)

    config = LabelRelationsConfig(draw=draw, scope=scope, pairs=2)
    task = ConstraintLabelRelations(config, make_context({"frequent": np.arange(3)}, labels=WIDTH)).to("meta")
    with torch.device("meta"):
        batch = make_batch(4, given=torch.zeros(4, 5, dtype=torch.int8))
        targets = Told(torch.zeros(5, dtype=torch.int64), torch.zeros(7, dtype=torch.int64), 5)
        loss = task(States(labels=torch.randn(4, 5, WIDTH)), batch, targets)
    assert loss.total.is_meta
    assert loss.logs["accuracy"].is_meta
