"""No part reads a value back from its device, for which a GPU would have to wait: the meta device has no values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from labelloom.interfaces import Batch, Context, States, Targets
from labelloom_laco.clcp import ConditionalCooccurrence
from labelloom_laco.config import ConditionalConfig, CrossAttentionConfig, PairwiseConfig
from labelloom_laco.cross_attention import CrossAttention
from labelloom_laco.plcp import PairwiseCooccurrence


class Told(Targets):
    """Targets that are a table already, since making one is not the task's doing."""

    def dense(self, label_ids: Tensor) -> Tensor:
        return torch.zeros(4, 5, dtype=torch.bool)


@pytest.fixture(autouse=True)
def _without_values() -> Iterator[None]:
    with torch.device("meta"):
        yield


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return make_context(tokens=8, labels=8)


@pytest.fixture
def states() -> States:
    mask = torch.ones(4, 6, dtype=torch.bool)
    return States(tokens=torch.randn(4, 6, 8), token_mask=mask, labels=torch.randn(4, 5, 8))


@pytest.mark.parametrize("pooling", ["sum", "softmax", "max"])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_cross_attention(
    context: Context, states: States, make_batch: Callable[..., Batch], similarity: Any, pooling: Any
) -> None:
    part = CrossAttention(CrossAttentionConfig(similarity=similarity, pooling=pooling, window=3), context)
    assert part(states, make_batch(4)).document.shape == (4, 8)


@pytest.mark.parametrize("swap", [False, True])
def test_plcp(context: Context, states: States, make_batch: Callable[..., Batch], swap: bool) -> None:
    task = PairwiseCooccurrence(PairwiseConfig(pairs=2, swap=swap), context)
    assert task(states, make_batch(4), Told(*[torch.zeros(0)] * 2, 5)).total.is_meta


@pytest.mark.parametrize("given", ["one", "uniform"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_clcp(context: Context, states: States, make_batch: Callable[..., Batch], given: Any, reduction: Any) -> None:
    task = ConditionalCooccurrence(ConditionalConfig(given=given, reduction=reduction, project=True), context)
    assert task(states, make_batch(4), Told(*[torch.zeros(0)] * 2, 5)).total.is_meta
