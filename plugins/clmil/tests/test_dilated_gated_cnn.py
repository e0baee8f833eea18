"""The gated dilated convolutions against loops over documents, words, filters' places and heads in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, States
from labelloom_clmil.config import DilatedGatedConfig
from labelloom_clmil.dilated_gated_cnn import DilatedGatedCNN

FIFTEEN = (1, 2, 5, 1, 2, 5, 1, 2, 5, 1, 2, 5, 1, 1, 1)
REACH = 8 * 4 + 3
"""Words to either side that the fifteen layers of kernel 3 see."""


@pytest.fixture(scope="module")
def made(make_context: Callable[..., Context]) -> Callable[..., DilatedGatedCNN]:
    """A module of tokens of width 8 in float64, in eval mode, whose gates start half open unless told otherwise."""

    def make(**options: Any) -> DilatedGatedCNN:
        torch.manual_seed(2)
        config = DilatedGatedConfig(**{"gate_bias": 0.0, "heads": 2, "head_width": 3, **options})
        return DilatedGatedCNN(config, make_context(tokens=8)).double().eval()

    return make


@pytest.fixture(scope="module")
def documents() -> States:
    """Six words, three, none, words that special tokens surround, and one word."""
    torch.manual_seed(1)
    rows = [[1] * 6, [1, 1, 1, 0, 0, 0], [0] * 6, [0, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 1]]
    tokens = torch.randn(5, 6, 8, dtype=torch.float64, requires_grad=True)
    return States(tokens=tokens, token_mask=torch.tensor(rows, dtype=torch.bool))


def around(vectors: list[Tensor], place: int, weight: Tensor, bias: Tensor, dilation: int = 1) -> Tensor:
    """What a convolution of weight (out, in, kernel) says of one place of a document, zeros beyond its ends."""
    found = bias
    for tap in range(weight.shape[2]):
        other = place + (tap - weight.shape[2] // 2) * dilation
        if 0 <= other < len(vectors):
            found = found + weight[:, :, tap] @ vectors[other]
    return found


def layered(part: DilatedGatedCNN, words: list[Tensor]) -> list[Tensor]:
    """Equation 6, layer by layer and word by word, with two convolutions."""
    for layer, dilation in zip(part.layers, part.config.dilations, strict=True):
        (first, second), (first_bias, second_bias) = layer.weight.chunk(2), layer.bias.chunk(2)
        after = []
        for place, word in enumerate(words):
            sigma = 1 / (1 + torch.exp(-around(words, place, second, second_bias, dilation)))
            after.append(word * (1 - sigma) + around(words, place, first, first_bias, dilation) * sigma)
        words = after
    return words


def attended(part: DilatedGatedCNN, words: list[Tensor]) -> list[Tensor]:
    """Multi-head attention, head by head and word by word."""
    attention, width = part.attention, part.attention.qkv.out_features // part.attention.heads // 3
    read = [(attention.qkv.weight @ word + attention.qkv.bias).chunk(3) for word in words]
    found = []
    for query, _, _ in read:
        answers = []
        for head in range(attention.heads):
            own = slice(head * width, (head + 1) * width)
            exponents = [torch.exp(query[own] @ key[own] / math.sqrt(width)) for _, key, _ in read]
            total = sum(exponents)
            answers.append(sum(e / total * value[own] for e, (_, _, value) in zip(exponents, read, strict=True)))
        found.append(attention.out.weight @ torch.cat(answers) + attention.out.bias)
    return found


def naive(part: DilatedGatedCNN, states: States) -> Tensor:
    """Equations 6 and 7 of each document's own words alone."""
    weight, bias = part.convolution.weight, part.convolution.bias
    vectors = []
    for tokens, mask in zip(states.tokens, states.token_mask, strict=True):
        words = [tokens[place] for place in range(len(tokens)) if mask[place]]
        if not words:
            vectors.append(torch.zeros(len(bias), dtype=torch.float64))
            continue
        if isinstance(part.project, nn.Linear):
            words = [part.project.weight @ word for word in words]
        words = layered(part, words)
        both = [torch.cat(pair) for pair in zip(attended(part, words), words, strict=True)]
        answers = [around(both, place, weight, bias) for place in range(len(both))]
        if part.config.activation == "relu":
            answers = [answer.clamp(min=0) for answer in answers]
        vectors.append(torch.stack(answers).max(0).values)
    return torch.stack(vectors)


def agree(fast: Tensor, slow: Tensor, leaves: list[Tensor]) -> None:
    """Two ways to compute one tensor give the same values and the same gradients."""
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-12)
    cotangent = torch.randn(fast.shape, dtype=fast.dtype, generator=torch.Generator().manual_seed(7))
    options: dict[str, Any] = {"allow_unused": True, "materialize_grads": True}
    ones, others = (torch.autograd.grad(each, leaves, cotangent, **options) for each in (fast, slow))
    for one, other in zip(ones, others, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"width": 4},
        {"dilations": [1, 3], "kernel": 5},
        {"dilations": [2], "kernel": 1, "heads": 1, "head_width": 8},
        {"dilations": [1, 2], "activation": "relu"},
    ],
    ids=["paper", "narrower", "kernel-5", "kernel-1", "relu"],
)
def test_it_is_the_naive_loop(
    made: Callable[..., DilatedGatedCNN], documents: States, make_batch: Callable[..., Batch], options: dict[str, Any]
) -> None:
    part = made(**options)
    agree(part(documents, make_batch(5)).document, naive(part, documents), [documents.tokens, *part.parameters()])


def test_one_product_is_two_convolutions(made: Callable[..., DilatedGatedCNN]) -> None:
    part = made(dilations=[5])
    words = torch.randn(3, 8, 12, dtype=torch.float64, requires_grad=True)
    weight, bias = part.layers[0].weight, part.layers[0].bias
    both = part.layers[0](words)
    one, two = (
        F.conv1d(words, some, shift, padding=5, dilation=5)
        for some, shift in zip(weight.chunk(2), bias.chunk(2), strict=True)
    )
    agree(both, torch.cat([one, two], 1), [words, weight, bias])


def test_a_document_without_words_is_zeros_whatever_else_is_in_the_batch(
    made: Callable[..., DilatedGatedCNN], documents: States, make_batch: Callable[..., Batch]
) -> None:
    part = made()
    assert part(documents, make_batch(5)).document[2].eq(0).all()
    alone = States(tokens=documents.tokens[2:3], token_mask=documents.token_mask[2:3])
    found = part(alone, make_batch(1)).document
    assert found.eq(0).all()
    for gradient in torch.autograd.grad(found.sum(), [alone.tokens, *part.parameters()]):
        assert gradient.eq(0).all()


@pytest.mark.parametrize("options", [{}, {"width": 4}], ids=["paper", "narrower"])
@pytest.mark.parametrize("filler", [1e9, math.inf, math.nan])
def test_what_stands_outside_of_the_document_changes_nothing(
    made: Callable[..., DilatedGatedCNN],
    documents: States,
    make_batch: Callable[..., Batch],
    options: dict[str, Any],
    filler: float,
) -> None:
    part = made(**options)
    mask = documents.token_mask
    before = part(documents, make_batch(5)).document
    tokens = documents.tokens.detach().masked_fill(~mask[..., None], filler).requires_grad_()
    after = part(documents.add(tokens=tokens), make_batch(5)).document
    assert torch.equal(before, after)
    leaves = [tokens, *part.parameters()]
    poisoned = torch.autograd.grad(after.square().sum(), leaves)
    clean = torch.autograd.grad(before.square().sum(), [documents.tokens, *part.parameters()])
    assert poisoned[0][~mask].eq(0).all()
    assert all(torch.equal(one, other) for one, other in zip(poisoned, clean, strict=True))


@given(
    lengths=st.lists(st.integers(0, 45), min_size=1, max_size=4),
    before=st.integers(0, 3),
    behind=st.integers(0, 40),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_a_document_is_the_same_in_any_company_and_padding(
    made: Callable[..., DilatedGatedCNN],
    make_batch: Callable[..., Batch],
    lengths: list[int],
    before: int,
    behind: int,
    seed: int,
) -> None:
    part, generator = made(), torch.Generator().manual_seed(seed)
    size = before + max(lengths) + behind + 1
    tokens = torch.randn(len(lengths), size, 8, dtype=torch.float64, generator=generator, requires_grad=True)
    places = torch.arange(size)
    mask = (places >= before) & (places < before + torch.tensor(lengths)[:, None])
    together = part(States(tokens=tokens, token_mask=mask), make_batch(len(lengths))).document
    cotangent = torch.randn(together.shape, dtype=torch.float64, generator=generator)
    (gradient,) = torch.autograd.grad(together, tokens, cotangent)
    assert gradient[~mask].eq(0).all()
    for row, length in enumerate(lengths):
        own = slice(before, before + max(1, length))  # a batch has at least one position
        alone = tokens[row : row + 1, own].detach().requires_grad_()
        found = part(States(tokens=alone, token_mask=mask[row : row + 1, own]), make_batch(1)).document
        torch.testing.assert_close(found[0], together[row], rtol=1e-9, atol=1e-12)
        (own_gradient,) = torch.autograd.grad(found, alone, cotangent[row : row + 1])
        torch.testing.assert_close(own_gradient[0], gradient[row, own], rtol=1e-8, atol=1e-12)


def test_the_layers_see_so_many_words_and_no_further(made: Callable[..., DilatedGatedCNN]) -> None:
    """What enters the attention depends on the words within the sum of the dilations, the attention on all."""
    part, entered = made(), []
    assert tuple(part.config.dilations) == FIFTEEN
    part.attention.register_forward_pre_hook(lambda module, inputs: entered.append(inputs[0]))
    tokens = torch.randn(1, 100, 8, dtype=torch.float64, requires_grad=True)
    states = States(tokens=tokens, token_mask=torch.ones(1, 100, dtype=torch.bool))
    document = part(states, None).document
    (gradient,) = torch.autograd.grad(entered[0][0, 50].sum(), tokens, retain_graph=True)
    assert gradient[0].ne(0).any(1).nonzero()[:, 0].tolist() == list(range(50 - REACH, 50 + REACH + 1))
    changed = tokens.detach().clone()
    changed[0, 50 + REACH + 1] += 10
    part(states.add(tokens=changed), None)
    assert torch.equal(entered[0][0, :51], entered[1][0, :51])
    assert not torch.equal(entered[0][0, 51], entered[1][0, 51])
    assert torch.autograd.grad(document.sum(), tokens)[0].ne(0).any(2).all()


@pytest.mark.parametrize("activation", ["linear", "relu"])
@pytest.mark.parametrize("width", [None, 4])
def test_the_gradient_reaches_every_weight(
    made: Callable[..., DilatedGatedCNN],
    documents: States,
    make_batch: Callable[..., Batch],
    activation: Any,
    width: Any,
) -> None:
    part = made(activation=activation, width=width).train()
    part(documents, make_batch(5)).document.square().sum().backward()
    for name, weight in part.named_parameters():
        reached = weight.grad.abs() > 1e-16
        if name == "attention.qkv.bias":
            # All scores of a query rise alike with the keys' bias, which a softmax does not see.
            queries, keys, values = reached.chunk(3)
            assert queries.all()
            assert not keys.any()
            assert values.all()
        elif "convolution" in name and activation == "relu":
            assert reached.any(), name
        else:
            rows = reached.flatten(1).any(1) if reached.dim() > 1 else reached
            assert rows.all(), name


def test_weights_have_these_names_and_shapes(make_context: Callable[..., Context]) -> None:
    part = DilatedGatedCNN(DilatedGatedConfig(width=4, dilations=[1, 2]), make_context(tokens=8))
    assert {name: tuple(weight.shape) for name, weight in part.state_dict().items()} == {
        "project.weight": (4, 8),
        "layers.0.weight": (8, 4, 3),
        "layers.0.bias": (8,),
        "layers.1.weight": (8, 4, 3),
        "layers.1.bias": (8,),
        "attention.qkv.weight": (192, 4),
        "attention.qkv.bias": (192,),
        "attention.out.weight": (4, 64),
        "attention.out.bias": (4,),
        "convolution.weight": (4, 8, 3),
        "convolution.bias": (4,),
    }
    assert part.widths == {"document": 4}


@pytest.mark.parametrize(("width", "heads"), [(768, 12), (384, 6), (512, 8), (300, 5), (100, 2), (8, 1)])
def test_heads_are_as_many_as_come_nearest_to_the_width(
    make_context: Callable[..., Context], width: int, heads: int
) -> None:
    with torch.device("meta"):
        part = DilatedGatedCNN(DilatedGatedConfig(dilations=[1]), make_context(tokens=width))
        analogous = DilatedGatedCNN(
            DilatedGatedConfig(dilations=[1], heads=8, head_width=16), make_context(tokens=width)
        )
    assert part.attention.heads == heads
    assert part.attention.out.weight.shape == (width, 64 * heads)
    assert analogous.attention.out.weight.shape == (width, 128)


def test_words_and_their_gradient_pass_fifteen_layers_as_they_start(make_context: Callable[..., Context]) -> None:
    """What differs between words is there after the last layer, and a gradient comes back; with open gates neither."""

    def passed(**options: Any) -> tuple[float, float]:
        torch.manual_seed(0)
        part = DilatedGatedCNN(DilatedGatedConfig(**options), make_context(tokens=64))
        words = torch.randn(4, 50, 64, requires_grad=True)
        after: list[Tensor] = []
        part.attention.register_forward_pre_hook(lambda module, inputs: after.append(inputs[0]))
        part(States(tokens=words, token_mask=torch.ones(4, 50, dtype=torch.bool)), None)
        (gradient,) = torch.autograd.grad(after[0], words, torch.randn_like(after[0]))
        deviation = (after[0].detach() - after[0].detach().mean((0, 1))).std()
        return float(deviation), float(gradient.norm() / words.numel() ** 0.5)

    assert min(passed()) > 0.3
    assert max(passed()) < 1
    assert max(passed(gate_bias=0)) < 0.01


def test_dropout_is_on_what_opens_the_gates(made: Callable[..., DilatedGatedCNN], documents: States) -> None:
    """A gate whose logit is dropped is half open; the others' logits are scaled up."""
    part = made(dilations=[1], gate_dropout=0.5).train()
    part.attention.register_forward_pre_hook(lambda module, inputs: entered.append(inputs[0]))
    entered: list[Tensor] = []
    part(documents, None)
    (words,), before = entered, documents.tokens[0].mT[None]
    value, gate = part.layers[0](before).chunk(2, 1)
    open_by = ((words[0].mT - before) / (value - before))[0]
    dropped = torch.isclose(open_by, torch.tensor(0.5, dtype=torch.float64))
    assert 0 < dropped.sum() < dropped.numel()
    torch.testing.assert_close(open_by[~dropped], (2 * gate[0]).sigmoid()[~dropped])
    assert torch.equal(part.eval()(documents, None).document, made(dilations=[1])(documents, None).document)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("width", [None, 4])
def test_half_precision_is_near_the_whole_one(
    made: Callable[..., DilatedGatedCNN], documents: States, precision: torch.dtype, width: Any
) -> None:
    part = made(width=width, gate_bias=-3.0).float()
    tokens = documents.tokens.detach().float()
    whole = part(documents.add(tokens=tokens), None).document
    for read in (tokens.clone().requires_grad_(), tokens.to(precision).requires_grad_()):
        with torch.autocast("cpu", precision):
            half = part(documents.add(tokens=read), None).document
        torch.testing.assert_close(half.float(), whole, atol=0.03, rtol=0.03)
        for gradient in torch.autograd.grad(half.float().sum(), [read, *part.parameters()]):
            assert gradient.isfinite().all()


def test_no_value_is_read_back_from_the_device(make_context: Callable[..., Context]) -> None:
    with torch.device("meta"):
        part = DilatedGatedCNN(DilatedGatedConfig(), make_context(tokens=8))
        states = States(tokens=torch.randn(4, 6, 8), token_mask=torch.ones(4, 6, dtype=torch.bool))
        assert part(states, None).document.shape == (4, 8)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValidationError, match="4 words have no middle: give an odd number, such as 5"):
        DilatedGatedConfig(kernel=4)


@pytest.mark.parametrize("wrong", [{"dilations": []}, {"dilations": [1, 0]}, {"heads": 0}, {"gate_dropout": 1.0}])
def test_numbers_out_of_bounds_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValidationError, match=rf"(?s)\b{name}\b.*should"):
        DilatedGatedConfig(**wrong)
