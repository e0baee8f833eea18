"""PLCP and CLCP: what is drawn, what is learnt of it, and documents with one label, all or none."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
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


def test_the_highest_noise_still_leaves_a_label_to_find(
    make_batch: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Batch, "noise", lambda batch, n, *streams: torch.full((1, n), 1 - 2**-24))
    for carries in (2, 3, 4, 5, 6, 7, 10, 17, 100, 257, 1025):
        told = clcp(given="uniform").given_labels(torch.ones(1, carries, dtype=torch.bool), make_batch(1, carries))
        assert told.sum() == carries - 1


def plcp_by_loop(
    task: PairwiseCooccurrence, labels: torch.Tensor, carried: torch.Tensor, batch: Batch
) -> tuple[torch.Tensor, int]:
    """Equation 5 of the pairs that the task draws, and how many they are."""
    total, count = labels.sum() * 0, 0
    first, second, valid = task.pairs(carried, batch)
    for row, place in itertools.product(range(len(labels)), range(task.config.pairs)):
        if not valid[row, place]:
            continue
        one, other = int(first[row, place]), int(second[row, place])
        logit = task.out(torch.cat([labels[row, one], labels[row, other]]))[0]
        probability = 1 / (1 + torch.exp(-logit))
        total = total - (torch.log(probability) if carried[row, other] else torch.log(1 - probability))
        count += 1
    return total, count


def clcp_by_loop(
    task: ConditionalCooccurrence, labels: torch.Tensor, carried: torch.Tensor, batch: Batch
) -> tuple[torch.Tensor, int, int]:
    """Equation 6 with the labels that the task gives; how many labels and how many documents are asked for."""
    told, countable = task.given_labels(carried, batch), batch.countable.expand(carried.shape)
    total, asked, documents = labels.sum() * 0, 0, 0
    for row in range(len(labels)):
        inside = [label for label in range(labels.shape[1]) if told[row, label]]
        outside = [label for label in range(labels.shape[1]) if countable[row, label] and not told[row, label]]
        if not inside or not outside:
            continue
        documents += 1
        mean = sum(labels[row, label] for label in inside) / len(inside)
        for label in outside:
            logit = task.out(torch.cat([task.label(labels[row, label]), task.given(mean)]))[0]
            probability = 1 / (1 + torch.exp(-logit))
            total = total - (torch.log(probability) if carried[row, label] else torch.log(1 - probability))
            asked += 1
    return total, asked, documents


def same_loss(loss: torch.Tensor, total: torch.Tensor, leaves: list[torch.Tensor]) -> None:
    """Losses are added up in fp32, so values and gradients agree to its precision."""
    torch.testing.assert_close(loss, total.float())
    options: dict[str, Any] = {"allow_unused": True, "materialize_grads": True}
    for one, other in zip(
        torch.autograd.grad(loss, leaves, **options), torch.autograd.grad(total, leaves, **options), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_plcp_against_a_loop(make_batch: Callable[..., Batch]) -> None:
    task, batch, labels = plcp(pairs=3), make_batch(5), vectors(5, 5)
    loss = task(States(labels=labels), batch, targets_of(DENSE))

    carried = torch.tensor(DENSE, dtype=torch.bool)
    valid = task.pairs(carried, batch)[2]
    assert valid.tolist() == [[True] * 3, [True] * 3, [True] * 3, [False] * 3, [True] * 3]
    total, count = plcp_by_loop(task, labels, carried, batch)
    assert loss.count == count == 12
    same_loss(loss.total, total, [labels, *task.parameters()])


@pytest.mark.parametrize("sizes", ["one", "uniform"])
@pytest.mark.parametrize("project", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_clcp_against_a_loop(make_batch: Callable[..., Batch], sizes: str, project: bool, reduction: str) -> None:
    task, batch, labels = clcp(given=sizes, project=project, reduction=reduction), make_batch(5), vectors(5, 5)
    loss = task(States(labels=labels), batch, targets_of(DENSE))

    total, asked, documents = clcp_by_loop(task, labels, torch.tensor(DENSE, dtype=torch.bool), batch)
    # The document with all labels and one given has others to find; with all given but one it has that one.
    assert documents == 4
    assert loss.count == (asked if reduction == "mean" else documents)
    same_loss(loss.total, total, [labels, *task.parameters()])


@st.composite
def drawn_batches(draw: st.DrawFn) -> tuple[Batch, torch.Tensor]:
    """Documents with labels of their own under consideration, some told, some padding, some rows for others alone."""
    count, width, known = draw(st.integers(1, 4)), draw(st.integers(1, 5)), 6

    def table(*values: Any, rows: int, columns: int) -> list[list[Any]]:
        line = st.lists(st.sampled_from(values), min_size=columns, max_size=columns)
        return draw(st.lists(line, min_size=rows, max_size=rows))

    ids = torch.stack([torch.tensor(draw(st.permutations(range(known))))[:width] for _ in range(count)])
    batch = Batch(
        inputs={},
        rows=torch.arange(count),
        copies=torch.zeros(count, dtype=torch.int64),
        label_ids=ids,
        label_mask=torch.tensor(table(True, True, False, rows=count, columns=width)),
        label_count=known,
        is_anchor=torch.tensor(table(True, True, False, rows=1, columns=count)[0]),
        given=torch.tensor(table(-1, -1, -1, 0, 1, rows=count, columns=known), dtype=torch.int8),
        key=draw(st.integers(0, 2**40)),
    )
    return batch, torch.tensor(table(True, False, rows=count, columns=known))


def filled(batch: Batch, dense: torch.Tensor) -> tuple[torch.Tensor, States, torch.Tensor, Targets]:
    """Label vectors, states with NaN where nothing counts, which labels count and are carried, and the targets."""
    hidden = dense & (batch.given < 0)  # as the training loop hands them to tasks
    labels = vectors(*batch.label_ids.shape)
    states = States(labels=labels.masked_fill(~batch.countable[..., None], torch.nan))
    return labels, states, hidden.gather(1, batch.label_ids) & batch.countable, targets_of(hidden)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=drawn_batches(), pairs=st.integers(1, 3))
def test_plcp_on_any_batch_is_the_loop(drawn: tuple[Batch, torch.Tensor], pairs: int) -> None:
    task = plcp(pairs=pairs)
    labels, states, carried, targets = filled(*drawn)
    loss = task(states, drawn[0], targets)
    total, count = plcp_by_loop(task, labels, carried, drawn[0])
    assert loss.count == count
    same_loss(loss.total, total, [labels, *task.parameters()])


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=drawn_batches(), sizes=st.sampled_from(["one", "uniform"]))
def test_clcp_on_any_batch_is_the_loop(drawn: tuple[Batch, torch.Tensor], sizes: str) -> None:
    task = clcp(given=sizes)
    labels, states, carried, targets = filled(*drawn)
    loss = task(states, drawn[0], targets)
    total, count, _ = clcp_by_loop(task, labels, carried, drawn[0])
    assert loss.count == count
    same_loss(loss.total, total, [labels, *task.parameters()])


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


@pytest.mark.parametrize("swap", [False, True])
def test_another_order_of_labels_with_the_same_pairs_is_the_same_loss(
    make_batch: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch, swap: bool
) -> None:
    order = torch.tensor([3, 1, 4, 0, 2])
    task, labels, dense = plcp(pairs=3, swap=swap), vectors(5, 5), targets_of(DENSE)
    before = task(States(labels=labels), make_batch(5), dense)
    first, second, valid = task.pairs(torch.tensor(DENSE, dtype=torch.bool), make_batch(5))
    places = order.argsort()
    monkeypatch.setattr(task, "pairs", lambda carried, batch: (places[first], places[second], valid))
    after = task(States(labels=labels[:, order]), make_batch(5, ids=order[None]), dense)
    assert after.count == before.count
    torch.testing.assert_close(after.total, before.total)


@pytest.mark.parametrize("sizes", ["one", "uniform"])
def test_another_order_of_labels_with_the_same_ones_given_is_the_same_loss(
    make_batch: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch, sizes: str
) -> None:
    order = torch.tensor([3, 1, 4, 0, 2])
    task, labels, dense = clcp(given=sizes, project=True), vectors(5, 5), targets_of(DENSE)
    before = task(States(labels=labels), make_batch(5), dense)
    told = task.given_labels(torch.tensor(DENSE, dtype=torch.bool), make_batch(5))
    monkeypatch.setattr(task, "given_labels", lambda carried, batch: told[:, order])
    after = task(States(labels=labels[:, order]), make_batch(5, ids=order[None]), dense)
    assert after.count == before.count
    torch.testing.assert_close(after.total, before.total)


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


@pytest.mark.parametrize("make", [plcp, clcp])
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_losses_of_logits_in_half_precision_are_those_of_fp32(
    make: Callable[..., Any], make_batch: Callable[..., Batch], precision: torch.dtype
) -> None:
    # Vectors of zeros leave the bias as every logit, so rounding it is all that half precision may do.
    half, whole, bias = make().float(), make(), torch.tensor(0.3)
    half.out.bias.data.fill_(bias)
    whole.out.bias.data.fill_(bias.to(precision))
    batch, dense = make_batch(5), targets_of(DENSE)
    with torch.autocast("cpu", precision):
        found = half(States(labels=torch.zeros(5, 5, 6, dtype=precision)), batch, dense)
    expected = whole(States(labels=torch.zeros(5, 5, 6, dtype=torch.float64)), batch, dense)
    assert found.count == expected.count
    torch.testing.assert_close(found.total, expected.total, rtol=1e-6, atol=0)


def test_steps_draw_anew(make_batch: Callable[..., Batch]) -> None:
    carried = torch.tensor([[1, 1, 1, 0, 0]] * 50, dtype=torch.bool)
    draws = [plcp().pairs(carried, make_batch(50, key=key))[1].tolist() for key in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize("sizes", ["one", "uniform"])
def test_steps_give_other_labels(make_batch: Callable[..., Batch], sizes: str) -> None:
    carried = torch.tensor([[1, 1, 1, 0, 0]] * 50, dtype=torch.bool)
    told = [clcp(given=sizes).given_labels(carried, make_batch(50, key=key)).tolist() for key in (1, 1, 2)]
    assert told[0] == told[1] != told[2]
