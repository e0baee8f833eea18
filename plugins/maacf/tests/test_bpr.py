"""The loss against a loop over documents and pairs in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from labelloom.compose.batches import make_batch, make_targets, plain_draw
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.interfaces import Batch, Context, Draw, Loss, States, Targets
from labelloom_maacf.bpr import BayesianPersonalisedRanking
from labelloom_maacf.config import BPRConfig

L = 6
CONTEXT = Context("tasks.bpr", {"scores": 1}, LabelSpace(tuple("abcdef"), tuple("abcdef")))


def loss_of(scores: Tensor, batch: Batch, targets: Targets, reduction: str = "mean") -> Loss:
    task = BayesianPersonalisedRanking(BPRConfig(reduction=reduction), CONTEXT)
    return task(States(scores=scores), batch, targets)


def naive(scores: Tensor, batch: Batch, truth: np.ndarray) -> tuple[Tensor, int, int]:
    """The sum over pairs, how many they are, and how many documents have any; `truth` (B, L)."""
    total, pairs, documents = scores.sum() * 0, 0, 0
    ids = batch.label_ids.expand(len(scores), -1).tolist()
    for row in range(len(scores)):
        counts = [place for place in range(len(ids[row])) if batch.countable[row, place]]
        own = [place for place in counts if truth[row, ids[row][place]]]
        others = [place for place in counts if not truth[row, ids[row][place]]]
        for p in own:
            for n in others:
                total = total - torch.log(1 / (1 + torch.exp(scores[row, n] - scores[row, p])))
        pairs += len(own) * len(others)
        documents += bool(own and others)
    return total, pairs, documents


@st.composite
def steps(draw: st.DrawFn) -> tuple[Batch, Targets, np.ndarray]:
    """Documents with all labels, some or none; every label, a shared few or each document's own, padded; some told."""
    rows = draw(st.integers(1, 5))
    truth = np.array(draw(st.lists(st.lists(st.booleans(), min_size=L, max_size=L), min_size=rows, max_size=rows)))
    drawn: Draw = plain_draw(rows)
    if draw(st.booleans()):
        drawn = Draw(rows=drawn.rows, anchors=draw(st.integers(1, rows)))
    subsets = st.lists(st.integers(0, L - 1), unique=True, max_size=L)
    kind = draw(st.sampled_from(["every", "shared", "own"]))
    if kind != "every":
        count = 1 if kind == "shared" else rows
        drawn = drawn.with_candidates([np.array(draw(subsets), dtype=np.int64) for _ in range(count)])
    if draw(st.booleans()):
        told = np.array([draw(st.lists(st.booleans(), min_size=L, max_size=L)) for _ in range(rows)])
        drawn = drawn.with_given(np.where(told, truth, -1).astype(np.int8))
        truth = truth & ~told
    sets = LabelSets.from_dense(np.array(truth))
    return make_batch({}, drawn, L), make_targets(drawn, sets), truth


@settings(max_examples=200, deadline=None)
@given(steps(), st.integers(0, 1000))
def test_against_a_loop(step: tuple[Batch, Targets, np.ndarray], seed: int) -> None:
    batch, targets, truth = step
    torch.manual_seed(seed)
    scores = (3 * torch.randn(len(batch), batch.label_ids.shape[1], dtype=torch.float64)).requires_grad_()
    total, pairs, documents = naive(scores, batch, truth)
    (wanted,) = torch.autograd.grad(total, scores, retain_graph=True)
    for reduction, count in (("mean", pairs), ("sum", documents)):
        loss = loss_of(scores, batch, targets, reduction)
        assert loss.count == count
        torch.testing.assert_close(loss.total.double(), total.detach(), rtol=1e-5, atol=1e-5)
        (gradient,) = torch.autograd.grad(loss.total, scores)  # connected, even where nothing counts
        torch.testing.assert_close(gradient, wanted, rtol=1e-5, atol=1e-6)


def test_it_falls_as_what_is_carried_rises(
    make_batch: Callable[..., Batch], targets_of: Callable[..., Targets]
) -> None:
    """Eq. 10 is printed with the other sign in the exponent, by which the loss would fall as carried labels sink."""
    batch, targets = make_batch(1, labels=2), targets_of([[1]], labels=2)
    losses = [loss_of(torch.tensor([[0.0, score]]), batch, targets).total.item() for score in (-2.0, 0.0, 2.0)]
    assert losses == pytest.approx([math.log1p(math.exp(-score)) for score in (-2, 0, 2)], abs=1e-6)


@pytest.mark.parametrize("filler", [math.nan, math.inf])
def test_what_does_not_count_changes_nothing(
    make_batch: Callable[..., Batch], targets_of: Callable[..., Targets], filler: float
) -> None:
    mask = torch.tensor([[True, True, False], [True, True, True]])
    batch = make_batch(
        2, ids=[[0, 1, 0], [2, 3, 4]], label_mask=mask, is_anchor=torch.tensor([True, False])
    )  # a place of padding, and a row that a sampler added
    targets = targets_of([[0], [2]])
    scores = torch.tensor([[0.5, -1.0, filler], [filler, 1.0, 2.0]], requires_grad=True)
    loss = loss_of(scores, batch, targets)
    assert loss.count == 1
    assert loss.total.item() == pytest.approx(math.log1p(math.exp(-1.5)))
    (gradient,) = torch.autograd.grad(loss.total, scores)
    assert gradient.isfinite().all()
    assert (gradient[1] == 0).all()
    assert gradient[0, 2] == 0


def test_a_hundred_thousand_labels_need_no_table_of_all_pairs(
    make_batch: Callable[..., Batch], targets_of: Callable[..., Targets]
) -> None:
    # Each document's 100,000 x 100,000 pairs would be 10 GB of truth values alone.
    labels = 100_000
    scores = torch.zeros(2, labels)
    loss = loss_of(scores, make_batch(2, labels=labels), targets_of([[5, 99_999], [7]], labels=labels))
    assert loss.count == 2 * (labels - 2) + labels - 1
    assert loss.total.item() / loss.count.item() == pytest.approx(math.log(2), rel=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_nothing_is_read_back_from_the_device(make_batch: Callable[..., Batch], reduction: Any) -> None:
    """The meta device has no values; where some are read, a GPU would have to wait."""

    class Told(Targets):
        """Targets that are a table already, since making one is not the task's doing."""

        def dense(self, label_ids: Tensor) -> Tensor:
            return torch.zeros(4, L, dtype=torch.bool)

    with torch.device("meta"):
        targets = Told(torch.zeros(5, dtype=torch.int64), torch.zeros(7, dtype=torch.int64), L)
        assert loss_of(torch.randn(4, L), make_batch(4), targets, reduction).total.is_meta
