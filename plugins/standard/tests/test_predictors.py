"""`standard/linear` and `standard/label-linear` against loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from labelloom.interfaces import Batch, Context, States
from labelloom_standard.config import LabelLinearConfig, LinearConfig
from labelloom_standard.label_linear import LabelLinear
from labelloom_standard.linear import Linear

OWN = [[0, 3, 1], [4, 4, 2], [1, 2, 0]]


@pytest.mark.parametrize("ids", [None, [[3, 1]], [[0, 1, 2, 3]], OWN])
def test_linear_is_the_naive_loop(
    make_context: Callable[..., Context], make_batch: Callable[..., Batch], agree: Any, ids: Any
) -> None:
    torch.manual_seed(0)
    module = Linear(LinearConfig(), make_context(document=4)).double()
    document = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    batch = make_batch(3, ids=ids)
    asked = batch.label_ids.expand(3, -1).tolist()

    def naive() -> Tensor:
        weight, bias = module.out.weight, module.out.bias
        scores = [weight[label] @ document[row] + bias[label] for row in range(3) for label in asked[row]]
        return torch.stack(scores).view(3, -1)

    agree(lambda: module(States(document=document), batch).scores, naive, [document, *module.parameters()])


@pytest.mark.parametrize("weights", ["shared", "per-label"])
@pytest.mark.parametrize("ids", [None, [[3, 1]], OWN])
def test_label_linear_is_the_naive_loop(
    make_context: Callable[..., Context], make_batch: Callable[..., Batch], agree: Any, ids: Any, weights: str
) -> None:
    torch.manual_seed(0)
    module = LabelLinear(LabelLinearConfig(weights=weights), make_context(labels=4)).double()
    batch = make_batch(3, ids=ids)
    asked = batch.label_ids.expand(3, -1).tolist()
    labels = torch.randn(3, len(asked[0]), 4, dtype=torch.float64, requires_grad=True)

    def naive() -> Tensor:
        scores = []
        for row in range(3):
            for place, label in enumerate(asked[row]):
                own = 0 if weights == "shared" else label
                scores.append(module.out.weight[own] @ labels[row, place] + module.out.bias[own])
        return torch.stack(scores).view(3, -1)

    agree(lambda: module(States(labels=labels), batch).scores, naive, [labels, *module.parameters()])
    assert module.out.weight.shape == (1 if weights == "shared" else 5, 4)


@pytest.mark.parametrize("ids", [[[3, 1]], OWN])
def test_candidates_are_picked_from_every_label(make_context: Any, make_batch: Callable[..., Batch], ids: Any) -> None:
    document, labels = torch.randn(3, 4), torch.randn(3, 5, 4)
    batch = make_batch(3, ids=ids)
    linear = Linear(LinearConfig(), make_context(document=4))
    every = linear(States(document=document), make_batch(3)).scores
    torch.testing.assert_close(linear(States(document=document), batch).scores, batch.pick(every))
    for weights in ("shared", "per-label"):
        module = LabelLinear(LabelLinearConfig(weights=weights), make_context(labels=4))
        every = module(States(labels=labels), make_batch(3)).scores
        torch.testing.assert_close(module(States(labels=batch.pick(labels)), batch).scores, batch.pick(every))


def test_dropout_acts_in_training_alone(make_context: Any, make_batch: Callable[..., Batch]) -> None:
    states = States(document=torch.randn(3, 4), labels=torch.randn(3, 5, 4))
    for module in (
        Linear(LinearConfig(dropout=0.5), make_context(document=4)),
        LabelLinear(LabelLinearConfig(dropout=0.5), make_context(labels=4)),
    ):
        first, second = (module(states, make_batch(3)).scores for _ in range(2))
        assert not torch.equal(first, second)
        module.eval()
        assert torch.equal(module(states, make_batch(3)).scores, module(states, make_batch(3)).scores)


@pytest.mark.parametrize("ids", [None, [[3, 1]], OWN])
def test_bf16_is_near(make_context: Any, make_batch: Callable[..., Batch], ids: Any) -> None:
    torch.manual_seed(0)
    batch = make_batch(3, ids=ids)
    states = States(document=torch.randn(3, 4), labels=torch.randn(3, batch.label_ids.shape[1], 4))
    for module in (
        Linear(LinearConfig(), make_context(document=4)),
        LabelLinear(LabelLinearConfig(weights="per-label"), make_context(labels=4)),
    ):
        with torch.autocast("cpu", torch.bfloat16):
            rough = module(states, batch).scores
        torch.testing.assert_close(rough.float(), module(states, batch).scores, atol=0.03, rtol=0.03)
