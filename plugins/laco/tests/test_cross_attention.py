"""The cross attention against loops over documents, words and labels in float64."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from labelloom.interfaces import Batch, Context, States
from labelloom_laco.config import CrossAttentionConfig
from labelloom_laco.cross_attention import CrossAttention

WAYS = list(itertools.product(["cosine", "dot"], ["2d", "1d"], ["sum", "softmax", "max"]))


@pytest.fixture
def made(make_context: Callable[..., Context]) -> Callable[..., CrossAttention]:
    def make(count: int = 5, labels: int = 8, **options: Any) -> CrossAttention:
        torch.manual_seed(2)
        part = CrossAttention(CrossAttentionConfig(**options), make_context(count=count, tokens=8, labels=labels))
        return part.double()

    return make


@pytest.fixture
def states() -> States:
    """Six words, three, none, and words that special tokens surround; five label vectors each."""
    torch.manual_seed(1)
    mask = torch.tensor([[1] * 6, [1, 1, 1, 0, 0, 0], [0] * 6, [0, 1, 1, 1, 0, 0]], dtype=torch.bool)
    tokens = torch.randn(4, 6, 8, dtype=torch.float64, requires_grad=True)
    return States(tokens=tokens, token_mask=mask, labels=torch.randn(4, 5, 8, dtype=torch.float64, requires_grad=True))


def naive(part: CrossAttention, states: States) -> Tensor:
    """Equations 1 and 2, one number after the other."""
    config, kernel, bias = part.config, part.convolution.weight, part.convolution.bias
    documents = []
    for tokens, mask, labels in zip(states.tokens, states.token_mask, part.project(states.labels), strict=True):
        words = [word / word.norm() if config.similarity == "cosine" else word for word in tokens]
        vectors = [label / label.norm() if config.similarity == "cosine" else label for label in labels]
        grid = [
            [word @ vector if real else torch.zeros((), dtype=torch.float64) for vector in vectors]
            for word, real in zip(words, mask, strict=True)
        ]
        weights = []
        for i in range(len(words)):
            found = []
            for channel in range(len(kernel)):
                for j in range(len(vectors)):
                    value = bias[channel]
                    for a in range(kernel.shape[2]):
                        for b in range(kernel.shape[3]):
                            row = i + a - (kernel.shape[2] - 1) // 2
                            column = j + b - (kernel.shape[3] - 1) // 2
                            if 0 <= row < len(words) and 0 <= column < len(vectors):
                                value = value + kernel[channel, 0, a, b] * grid[row][column]
                    found.append(value.clamp(min=0))
            weights.append(torch.stack(found).max())
        kept = [i for i in range(len(words)) if mask[i]]
        if not kept:
            documents.append(torch.zeros(8, dtype=torch.float64))
        elif config.pooling == "sum":
            documents.append(sum(torch.tanh(weights[i]) * words[i] for i in kept))
        elif config.pooling == "max":
            documents.append(torch.stack([torch.tanh(weights[i]) * words[i] for i in kept]).max(0).values)
        else:
            total = sum(math.e ** weights[i] for i in kept)
            documents.append(sum(math.e ** weights[i] / total * words[i] for i in kept))
    return torch.stack(documents)


@pytest.mark.parametrize(("similarity", "convolution", "pooling"), WAYS)
def test_against_a_loop(
    made: Callable[..., CrossAttention],
    states: States,
    make_batch: Callable[..., Batch],
    agree: Callable[..., None],
    similarity: str,
    convolution: str,
    pooling: str,
) -> None:
    part = made(similarity=similarity, convolution=convolution, pooling=pooling, window=4, channels=3)
    leaves = [states.tokens, states.labels, *part.parameters()]
    agree(part(states, make_batch(4)).document, naive(part, states), leaves)


@pytest.mark.parametrize("pooling", ["sum", "softmax", "max"])
def test_words_that_go_with_no_label_weigh_nothing(
    made: Callable[..., CrossAttention],
    states: States,
    make_batch: Callable[..., Batch],
    agree: Callable[..., None],
    pooling: str,
) -> None:
    # With this bias some words meet no label, others do.
    part = made(pooling=pooling, window=4, channels=2)
    part.convolution.bias.data.fill_(-0.3)
    leaves = [states.tokens, states.labels, *part.parameters()]
    agree(part(states, make_batch(4)).document, naive(part, states), leaves)
    part.convolution.bias.data.fill_(-10)
    if pooling == "sum":
        assert (part(states, make_batch(4)).document == 0).all()


@pytest.mark.parametrize("pooling", ["sum", "softmax", "max"])
def test_what_stands_outside_of_the_document_changes_nothing(
    made: Callable[..., CrossAttention], states: States, make_batch: Callable[..., Batch], pooling: str
) -> None:
    part = made(pooling=pooling)
    before = part(states, make_batch(4)).document
    for filler in (100.0, math.nan):
        tokens = states.tokens.detach().masked_fill(~states.token_mask[..., None], filler).requires_grad_()
        after = part(states.add(tokens=tokens), make_batch(4)).document
        assert torch.equal(before, after)
        (gradient,) = torch.autograd.grad(after.sum(), tokens)
        assert (gradient[~states.token_mask] == 0).all()
    longer = torch.cat([states.tokens, torch.randn(4, 9, 8, dtype=torch.float64)], 1)
    mask = torch.cat([states.token_mask, torch.zeros(4, 9, dtype=torch.bool)], 1)
    torch.testing.assert_close(part(states.add(tokens=longer, token_mask=mask), make_batch(4)).document, before)


def test_the_order_of_labels_matters_in_2d_alone(
    made: Callable[..., CrossAttention], states: States, make_batch: Callable[..., Batch]
) -> None:
    turned = states.add(labels=states.labels[:, [3, 1, 4, 0, 2]])
    one, two = made(convolution="1d"), made(convolution="2d")
    torch.testing.assert_close(one(turned, make_batch(4)).document, one(states, make_batch(4)).document)
    assert not torch.allclose(two(turned, make_batch(4)).document, two(states, make_batch(4)).document, atol=1e-3)


@pytest.mark.parametrize("pooling", ["sum", "softmax", "max"])
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_is_near_the_whole_one(
    made: Callable[..., CrossAttention],
    states: States,
    make_batch: Callable[..., Batch],
    pooling: str,
    precision: torch.dtype,
) -> None:
    part = made(pooling=pooling, window=3, channels=2).float()
    tokens, labels = states.tokens.detach().float(), states.labels.detach().float()
    whole = part(states.add(tokens=tokens, labels=labels), make_batch(4)).document
    tokens, labels = tokens.to(precision).requires_grad_(), labels.to(precision).requires_grad_()
    with torch.autocast("cpu", precision):
        half = part(states.add(tokens=tokens, labels=labels), make_batch(4)).document
    torch.testing.assert_close(half.float(), whole, atol=0.02, rtol=0.02)
    # The document without words, all of it zeros, must not divide by a norm that rounds to 0.
    for gradient in torch.autograd.grad(half.float().sum(), [tokens, labels]):
        assert gradient.isfinite().all()


def test_a_table_serves_as_well_and_other_widths_are_projected(
    made: Callable[..., CrossAttention], states: States, make_batch: Callable[..., Batch], agree: Callable[..., None]
) -> None:
    table = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    part = made(labels=3, channels=2)
    given = States(tokens=states.tokens, token_mask=states.token_mask, label_table=lambda ids: table[ids])
    expected = naive(part, states.add(labels=table.expand(4, -1, -1)))
    agree(part(given, make_batch(4)).document, expected, [states.tokens, table, *part.parameters()])


def test_channels_are_as_many_as_labels_by_default(made: Callable[..., CrossAttention]) -> None:
    assert made(count=7).convolution.weight.shape == (7, 1, 10, 10)
    assert made(count=7, convolution="1d", channels=2, window=3).convolution.weight.shape == (2, 1, 3, 1)


def test_a_convolution_that_no_memory_holds_is_refused(made: Callable[..., CrossAttention]) -> None:
    with pytest.raises(ValueError, match=r"1987 channels x 256 words x 1987 labels x 4 bytes = 3\.8 GiB") as told:
        made(count=1987)
    assert str(told.value).endswith("for each document: set channels = 8 or less")
    made(count=1987, channels=8)


@pytest.mark.parametrize(("count", "fitting"), [(1987, 8), (200_000, 5)])
def test_the_channels_that_are_advised_are_not_refused_in_turn(count: int, fitting: int) -> None:
    def make(channels: int) -> CrossAttention:
        return CrossAttention(CrossAttentionConfig(channels=channels), some_labels(count))

    with pytest.raises(ValueError, match=f"for each document: set channels = {fitting} or less$"):
        make(600)
    assert make(fitting).convolution.out_channels == fitting


def test_labels_that_no_channel_serves_are_refused() -> None:
    with pytest.raises(ValueError, match=r"words x 1100000 labels x 4 bytes = 1\.0 GiB for each document") as told:
        CrossAttention(CrossAttentionConfig(channels=1), some_labels(1_100_000))
    assert str(told.value).endswith("leave the cross attention out")


def some_labels(count: int) -> Context:
    """A context in which labels are counted alone, so that there may be many."""
    return Context("model.part", {"tokens": 8, "labels": 8}, range(count), {})  # type: ignore[arg-type]
