"""The masked language model's loss against loops in float64, and what it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from labelloom.interfaces import Batch, Context, States, Targets
from labelloom_lmmtc.config import LabelMLMConfig
from labelloom_lmmtc.label_mlm import LabelMLM

GIVEN = torch.tensor([[1, 0, -1, -1, 0], [-1] * 5, [1] * 5], dtype=torch.int8)
TRUTH = Targets(torch.tensor([0, 1, 3, 3]), torch.tensor([3, 0, 4]), 5)
IDS = [None, [[4, 1, 2]], [[0, 1], [2, 3], [4, 0]]]


@pytest.fixture
def task(make_context: Callable[..., Context]) -> Callable[..., LabelMLM]:
    def make(words: bool = True, **options: Any) -> LabelMLM:
        widths = {"lmmtc__slots": 2, "lmmtc__totals": 9, **({"lmmtc__words": 9} if words else {})}
        return LabelMLM(LabelMLMConfig(**options), make_context(**widths))

    return make


def fields(count: int, words: int = 4) -> tuple[States, Tensor, Tensor]:
    """Logits (3, C, 9) of nine tokens, of which 2 is NO and 5 is YES, and the losses of hidden words."""
    torch.manual_seed(2)
    logits = torch.randn(3, count, 9, dtype=torch.float64, requires_grad=True)
    each = torch.rand(words, dtype=torch.float64, requires_grad=True)
    own = {
        "lmmtc.slots": logits[..., [2, 5]],
        "lmmtc.totals": lambda mask: logits[mask].logsumexp(-1),
        "lmmtc.words": lambda: each * 1.0,
    }
    return States().add(own), logits, each


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("targets", ["both", "labels", "words"])
def test_the_loss_is_the_naive_one(
    task: Callable[..., LabelMLM], make_batch: Callable[..., Batch], targets: str, ids: Any
) -> None:
    anchors = torch.tensor([True, True, True])
    batch = make_batch(3, given=GIVEN, ids=ids, is_anchor=anchors)
    states, logits, each = fields(batch.label_ids.shape[1])
    loss = task(targets=targets)(states, batch, TRUTH)
    carried = [[3], [0, 4], []]
    naive, count = torch.zeros((), dtype=torch.float64), 0
    if targets != "words":
        for row in range(3):
            for place, label in enumerate(batch.label_ids.expand(3, -1)[row].tolist()):
                if GIVEN[row, label] < 0:
                    token = 5 if label in carried[row] else 2
                    exponents = [logits[row, place, other].exp() for other in range(9)]
                    naive = naive - (exponents[token] / sum(exponents)).log()
                    count += 1
    if targets != "labels":
        naive, count = naive + each.sum(), count + 4
    assert loss.count == count
    torch.testing.assert_close(loss.total, naive)
    for one, other in zip(
        torch.autograd.grad(loss.total, [logits, each], allow_unused=True, materialize_grads=True),
        torch.autograd.grad(naive, [logits, each], allow_unused=True, materialize_grads=True),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_what_does_not_count_may_be_anything(task: Callable[..., LabelMLM], make_batch: Callable[..., Batch]) -> None:
    anchors = torch.tensor([True, False, True])
    batch = make_batch(3, given=GIVEN, is_anchor=anchors)
    _, logits, _ = fields(5)
    spoilt = logits.detach().masked_fill(~batch.countable[..., None], torch.nan).requires_grad_()
    states = States().add({"lmmtc.slots": spoilt[..., [2, 5]], "lmmtc.totals": lambda mask: spoilt[mask].logsumexp(-1)})
    loss = task(targets="labels")(states, batch, TRUTH)
    assert loss.count == 2
    loss.total.backward()
    assert spoilt.grad is not None
    assert spoilt.grad.isfinite().all()
    assert (spoilt.grad.abs().sum(-1) > 0).equal(batch.countable)


def test_nothing_masked_counts_nothing_and_has_a_graph(
    task: Callable[..., LabelMLM], make_batch: Callable[..., Batch]
) -> None:
    states, logits, _ = fields(5, words=0)
    loss = task()(states, make_batch(3, given=GIVEN.clamp(min=0)), TRUTH)
    assert (loss.total.item(), loss.count.item()) == (0, 0)
    (gradient,) = torch.autograd.grad(loss.total, [logits])
    assert gradient.eq(0).all()


def test_an_encoder_that_hides_no_words_is_told_of(
    task: Callable[..., LabelMLM], make_batch: Callable[..., Batch]
) -> None:
    without = task(words=False)
    assert without.notes == ["the encoder hides no words, so labels alone are predicted: mask_words = 0.15 hides some"]
    assert task().notes == task(targets="labels", words=False).notes == []
    states, _, _ = fields(5)
    states = States().add({name: states.get(name) for name in ("lmmtc.slots", "lmmtc.totals")})
    batch = make_batch(3, given=GIVEN)
    labels = task(targets="labels")(states, batch, TRUTH)
    assert torch.equal(without(states, batch, TRUTH).total, labels.total)


def test_slots_without_totals_are_refused(make_context: Callable[..., Context]) -> None:
    with pytest.raises(ValueError, match=r"gives lmmtc\.slots without lmmtc\.totals, what their softmax is divided by"):
        LabelMLM(LabelMLMConfig(), make_context(lmmtc__slots=2))
