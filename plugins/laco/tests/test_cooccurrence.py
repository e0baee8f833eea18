"""PLCP and CLCP: what is drawn, what is learnt of it, and documents with one label, all or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from labelloom.interfaces import Batch, Context, States, Targets
from labelloom_laco.clcp import ConditionalCooccurrence
from labelloom_laco.config import ConditionalConfig, PairwiseConfig
from labelloom_laco.plcp import PairwiseCooccurrence

DENSE = [[1, 1, 1, 0, 0], [0, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 1]]
ROWS = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=6)


def targets_of(dense: Any) -> Targets:
    """Targets from rows of booleans."""
    table = torch.as_tensor(dense, dtype=torch.bool)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), table.sum(1).cumsum(0)])
    return Targets(offsets, table.nonzero()[:, 1], table.shape[1])


def context(width: int = 6) -> Context:
    return Context("tasks.drawn", {"labels": width}, None, {})  # type: ignore[arg-type]


def plcp(**options: Any) -> PairwiseCooccurrence:
    torch.manual_seed(0)
    return PairwiseCooccurrence(PairwiseConfig(**{"dropout": 0.0, **options}), context()).double()


def clcp(**options: Any) -> ConditionalCooccurrence:
    torch.manual_seed(0)
    return ConditionalCooccurrence(ConditionalConfig(**{"dropout": 0.0, **options}), context()).double()


def vectors(rows: int, labels: int) -> torch.Tensor:
    torch.manual_seed(5)
    return torch.randn(rows, labels, 6, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("gamma", [0.25, 0.5, 2.0])
def test_the_share_of_pairs_that_co_occur(make_batch: Callable[..., Batch], gamma: float) -> None:
    task = plcp(gamma=gamma, pairs=4)
    batch = make_batch(2500)
    carried = torch.tensor([[1, 1, 1, 0, 0]], dtype=torch.bool).expand(2500, -1)
    first, second, valid = task.pairs(carried, batch)
    assert valid.all()
    truth = carried.gather(1, second)
    # 10,000 draws: four standard deviations of the share.
    share = gamma / (1 + gamma)
    assert truth.double().mean() == pytest.approx(share, abs=4 * (share * (1 - share) / 1e4) ** 0.5)
    # Every pair is as likely as the others of its kind.
    for kind, pairs in ((True, 6), (False, 6)):
        drawn = (first * 5 + second)[truth == kind]
        assert len(drawn.unique()) == pairs
        share = drawn.unique(return_counts=True)[1].double() / len(drawn)
        torch.testing.assert_close(share, torch.full_like(share, 1 / pairs), atol=0.03, rtol=0)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, hidden=ROWS, key=st.integers(0, 2**40), pairs=st.integers(1, 3))
def test_every_pair_is_valid(rows: list[list[bool]], hidden: list[list[bool]], key: int, pairs: int) -> None:
    count = min(len(rows), len(hidden))
    carried, shown = torch.tensor(rows[:count]), torch.tensor(hidden[:count])
    given_truth = torch.where(shown, carried.to(torch.int8), -torch.ones(1, dtype=torch.int8))
    batch = Batch(
        inputs={},
        rows=torch.arange(count),
        copies=torch.zeros(count, dtype=torch.int64),
        label_ids=torch.arange(4)[None],
        label_mask=torch.ones(1, 4, dtype=torch.bool),
        label_count=4,
        is_anchor=torch.ones(count, dtype=torch.bool),
        every_label=True,
        given=given_truth,
        key=key,
    )
    own = carried & ~shown
    first, second, valid = plcp(pairs=pairs).pairs(own, batch)
    for row in range(count):
        asked = [label for label in range(4) if not shown[row, label]]
        there = bool(own[row].any()) and len(asked) > 1
        assert valid[row].tolist() == [there] * pairs
        for one, other in zip(first[row][valid[row]], second[row][valid[row]], strict=True):
            assert one != other
            assert own[row, one]
            assert not shown[row, other]
    for sizes in ("one", "uniform"):
        told = clcp(given=sizes).given_labels(own, batch)
        assert not (told & ~own).any()
        for row in range(count):
            carries, size = int(own[row].sum()), int(told[row].sum())
            assert size == (carries > 0) if sizes == "one" or carries < 2 else 1 <= size < carries


def test_given_sets_are_as_likely_as_each_other(make_batch: Callable[..., Batch]) -> None:
    carried = torch.tensor([[1, 0, 1, 1, 0]], dtype=torch.bool).expand(10_000, -1)
    told = clcp(given="uniform").given_labels(carried, make_batch(10_000))
    sizes = told.sum(1)
    assert sizes.double().mean() == pytest.approx(1.5, abs=0.02)
    for size in (1, 2):
        sets, counts = told[sizes == size].unique(dim=0, return_counts=True)
        assert len(sets) == 3
        torch.testing.assert_close(counts / counts.sum(), torch.full((3,), 1 / 3), atol=0.03, rtol=0)


def test_plcp_against_a_loop(make_batch: Callable[..., Batch], agree: Callable[..., None]) -> None:
    task, batch, labels = plcp(pairs=3), make_batch(5), vectors(5, 5)
    loss = task(States(labels=labels), batch, targets_of(DENSE))

    first, second, valid = task.pairs(torch.tensor(DENSE, dtype=torch.bool), batch)
    assert valid.tolist() == [[True] * 3, [True] * 3, [True] * 3, [False] * 3, [True] * 3]
    total = torch.zeros((), dtype=torch.float64)
    for row in range(5):
        for place in range(3):
            if valid[row, place]:
                one, other = int(first[row, place]), int(second[row, place])
                logit = task.out(torch.cat([labels[row, one], labels[row, other]]))[0]
                probability = 1 / (1 + torch.exp(-logit))
                total = total - (torch.log(probability) if DENSE[row][other] else torch.log(1 - probability))
    assert loss.count == 12
    torch.testing.assert_close(loss.total, total.float())
    options = {"retain_graph": True}
    for one, other in zip(
        torch.autograd.grad(loss.total, [labels, *task.parameters()], **options),
        torch.autograd.grad(total, [labels, *task.parameters()], **options),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("sizes", ["one", "uniform"])
@pytest.mark.parametrize("project", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_clcp_against_a_loop(make_batch: Callable[..., Batch], sizes: str, project: bool, reduction: str) -> None:
    task, batch, labels = clcp(given=sizes, project=project, reduction=reduction), make_batch(5), vectors(5, 5)
    loss = task(States(labels=labels), batch, targets_of(DENSE))

    told = task.given_labels(torch.tensor(DENSE, dtype=torch.bool), batch)
    total, asked, documents = torch.zeros((), dtype=torch.float64), 0, 0
    for row in range(5):
        inside = [label for label in range(5) if told[row, label]]
        outside = [label for label in range(5) if not told[row, label]]
        if not inside or not outside:
            continue
        documents += 1
        mean = sum(labels[row, label] for label in inside) / len(inside)
        for label in outside:
            logit = task.out(torch.cat([task.label(labels[row, label]), task.given(mean)]))
            truth = torch.tensor([float(DENSE[row][label])], dtype=torch.float64)
            total = total + F.binary_cross_entropy_with_logits(logit, truth)
            asked += 1
    assert documents == 4
    assert loss.count == (asked if reduction == "mean" else documents)
    torch.testing.assert_close(loss.total, total.float())
    for one, other in zip(
        torch.autograd.grad(loss.total, [labels, *task.parameters()], retain_graph=True),
        torch.autograd.grad(total, [labels, *task.parameters()]),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("make", [plcp, clcp])
def test_documents_with_one_label_all_or_none(make: Callable[..., Any], make_batch: Callable[..., Batch]) -> None:
    for dense, count in (([[0, 0, 0]], 0), ([[0, 1, 0]], 1), ([[1, 1, 1]], 1)):
        labels = vectors(1, 3)
        loss = make()(States(labels=labels), make_batch(1, 3), targets_of(dense))
        assert (loss.count > 0) == count
        loss.total.backward()
        assert labels.grad is not None
        assert bool(labels.grad.any()) == bool(count)


@pytest.mark.parametrize("make", [plcp, clcp])
def test_one_label_in_all(make: Callable[..., Any], make_batch: Callable[..., Batch]) -> None:
    loss = make()(States(labels=vectors(2, 1)), make_batch(2, 1), targets_of([[1], [0]]))
    assert loss.count == 0
    assert loss.total == 0


@pytest.mark.parametrize("make", [plcp, clcp])
def test_what_does_not_count_changes_nothing(make: Callable[..., Any], make_batch: Callable[..., Batch]) -> None:
    shown = torch.full((5, 5), -1, dtype=torch.int8)
    shown[:, 2] = torch.tensor([row[2] for row in DENSE])
    anchors = torch.tensor([True, True, True, True, False])
    batch = make_batch(5, given=shown, is_anchor=anchors)
    dense = torch.tensor(DENSE, dtype=torch.bool)
    dense[:, 2] = False
    labels = vectors(5, 5).detach()
    before = make()(States(labels=labels), batch, targets_of(dense))
    labels = labels.clone()
    labels[:, 2] = torch.nan
    labels[4] = torch.nan
    lied = dense.clone()
    lied[4] = ~lied[4]
    labels.requires_grad_()
    after = make()(States(labels=labels), batch, targets_of(lied))
    assert torch.equal(before.total, after.total)
    assert torch.equal(before.count, after.count)
    after.total.backward()
    assert not labels.grad.isnan().any()


@pytest.mark.parametrize("make", [plcp, clcp])
def test_another_order_of_labels_draws_from_the_same_pools(
    make: Callable[..., Any], make_batch: Callable[..., Batch]
) -> None:
    # With one label carried and another one asked for there is nothing to draw, so permuting changes nothing.
    labels = vectors(1, 2)
    one = make()(States(labels=labels), make_batch(1, 2), targets_of([[1, 0]]))
    two = make()(States(labels=labels[:, [1, 0]]), make_batch(1, 2), targets_of([[0, 1]]))
    torch.testing.assert_close(one.total, two.total)


def test_swapped_pairs_ask_the_same(make_batch: Callable[..., Batch]) -> None:
    batch, dense = make_batch(400), targets_of([[1, 1, 0, 0, 0]] * 400)
    labels = vectors(1, 5).expand(400, -1, -1)
    kept, swapped = plcp(), plcp(swap=True)
    kept.out.weight.data[:, 6:] = kept.out.weight.data[:, :6]  # a symmetric classifier does not notice
    swapped.out.weight.data[:, 6:] = swapped.out.weight.data[:, :6]
    torch.testing.assert_close(
        kept(States(labels=labels), batch, dense).total, swapped(States(labels=labels), batch, dense).total
    )
    swapped.out.weight.data[:, 6:] *= -1
    kept.out.weight.data[:, 6:] *= -1
    assert kept(States(labels=labels), batch, dense).total != swapped(States(labels=labels), batch, dense).total


def test_steps_draw_anew(make_batch: Callable[..., Batch]) -> None:
    carried = torch.tensor([[1, 1, 1, 0, 0]] * 50, dtype=torch.bool)
    draws = [plcp().pairs(carried, make_batch(50, key=key))[1].tolist() for key in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
