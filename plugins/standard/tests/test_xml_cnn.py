"""XML-CNN against a loop over documents, filters, windows and chunks (Liu et al. 2017 section 3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from labelloom_standard.config import XMLCNNConfig
from labelloom_standard.xml_cnn import XMLCNN

TEXTS = ["a graph of words", "", "network", "words of a neural network and a graph of a network", "a graph", "a of a"]


@pytest.fixture
def build(make_context: Any, make_corpus: Any) -> Callable[..., XMLCNN]:
    def make(**options: Any) -> XMLCNN:
        torch.manual_seed(0)
        small = {"embedding": 6, "filters": 4, "chunks": 3, "bottleneck": 5, "min_count": 1}
        config = XMLCNNConfig(**{**small, **options})
        corpus = make_corpus(["a graph of words", "neural network of words"])
        encoder = XMLCNN(config, make_context(XMLCNN.prepare(config, corpus)))
        encoder.initialise(corpus, lambda texts: pytest.fail("no label names are read"))
        return encoder.eval()

    return make


def naive(encoder: XMLCNN, text: str) -> tuple[Tensor, Tensor]:
    """(T, F) tokens and (bottleneck,) document of one text: a window, a filter and a chunk at a time."""
    config = encoder.config
    (ids,) = encoder.reader.tokenize([text])["ids"]
    words = [encoder.embedding.weight[word] for word in ids]
    nothing = encoder.embedding.weight.new_zeros(encoder.embedding.embedding_dim)
    tokens: list[list[Tensor]] = [[] for _ in words]
    for size, convolution in zip(config.windows, encoder.windows, strict=True):
        before = (size - 1) // 2
        for number in range(config.filters):
            for place in range(len(words)):
                answer = convolution.bias[number]
                for offset in range(size):
                    at = place - before + offset
                    word = words[at] if 0 <= at < len(words) else nothing
                    for width in range(len(word)):
                        answer = answer + convolution.weight[number, width, offset] * word[width]
                tokens[place].append(answer.clamp(min=0))
    filters, pooled = config.filters * len(config.windows), []
    for chunk in range(config.chunks):
        start = math.floor(chunk * len(words) / config.chunks)
        end = math.ceil((chunk + 1) * len(words) / config.chunks)
        for number in range(filters):
            inside = [tokens[place][number] for place in range(start, end)]
            best = inside[0] if inside else nothing.sum()
            for other in inside[1:]:
                best = other if other > best else best
            pooled.append(best)
    document = []
    for row, bias in zip(encoder.bottleneck.weight, encoder.bottleneck.bias, strict=True):
        total = bias
        for weight, value in zip(row, pooled, strict=True):
            total = total + weight * value
        document.append(total.clamp(min=0))
    found = torch.stack([torch.stack(row) for row in tokens]) if words else nothing.new_zeros(0, filters)
    return found, torch.stack(document)


@pytest.mark.parametrize(("windows", "chunks"), [([2, 4, 8], 3), ([1], 1), ([2, 2], 8), ([9, 3], 4)])
def test_values_and_gradients_are_those_of_a_plain_loop(
    build: Any, read: Any, agree: Any, windows: list[int], chunks: int
) -> None:
    encoder = build(windows=windows, chunks=chunks, filters=2).double()

    def fast() -> Tensor:
        states = read(encoder, TEXTS)
        assert torch.equal(states.token_mask.sum(1), torch.tensor([4, 0, 1, 11, 2, 3]))
        assert states.tokens[~states.token_mask].eq(0).all()
        return torch.cat([states.tokens[states.token_mask].flatten(), states.document.flatten()])

    def slow() -> Tensor:
        tokens, document = zip(*(naive(encoder, text) for text in TEXTS), strict=True)
        return torch.cat([torch.cat(tokens).flatten(), torch.stack(document).flatten()])

    agree(fast, slow, list(encoder.parameters()))


def test_a_text_is_the_same_alone_and_in_company(build: Any, read: Any) -> None:
    encoder = build(windows=[2, 4, 8]).double()
    together = read(encoder, TEXTS)
    for place, text in enumerate(TEXTS):
        states = read(encoder, [text])
        torch.testing.assert_close(states.document[0], together.document[place], atol=1e-12, rtol=0)
        count = int(together.token_mask[place].sum())
        torch.testing.assert_close(states.tokens[0, :count], together.tokens[place, :count], atol=1e-12, rtol=0)


def test_where_a_filter_answers_is_told_but_not_by_more_than_a_chunk(build: Any, read: Any) -> None:
    encoder = build(windows=[1], chunks=2)
    texts = ["graph a a a", "a graph a a", "a a a graph"]
    first, same, other = read(encoder, texts).document
    torch.testing.assert_close(first, same)
    assert not torch.allclose(first, other)


def test_a_document_without_words_is_what_the_bottleneck_makes_of_zeros(build: Any, read: Any) -> None:
    encoder = build()
    for texts in (["", ""], ["", "a graph"]):
        torch.testing.assert_close(read(encoder, texts).document[0], encoder.bottleneck.bias.relu())


def test_dropout_is_on_the_document_alone(build: Any, read: Any) -> None:
    encoder = build(dropout=0.5, bottleneck=64).train()
    torch.manual_seed(1)
    first, second = read(encoder, TEXTS), read(encoder, TEXTS)
    assert torch.equal(first.tokens, second.tokens)
    assert not torch.equal(first.document, second.document)


def test_word_dropout_reaches_the_tokens_in_training_alone(build: Any, read: Any) -> None:
    encoder = build(dropout=0.0, word_dropout=0.5, bottleneck=64).train()
    first, second = read(encoder, TEXTS), read(encoder, TEXTS)
    assert not torch.equal(first.tokens, second.tokens)
    assert not torch.equal(first.document, second.document)
    encoder.eval()
    torch.testing.assert_close(read(encoder, TEXTS).tokens, read(encoder, TEXTS).tokens, rtol=0, atol=0)


def test_the_gradient_reaches_every_weight_but_the_padding(build: Any, read: Any) -> None:
    encoder = build(bottleneck=32, dropout=0.0).train()
    read(encoder, ["a graph of words neural network strange"]).document.sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad.ne(0).any(), name
    assert encoder.embedding.weight.grad[0].eq(0).all()


def test_vectors_start_as_a_file_has_them_and_stay_if_told_so(build: Any, tmp_path: Path) -> None:
    (tmp_path / "glove.txt").write_text("graph 1 2 3 4 5 6\nof 0 0 0 0 0 1\n")
    encoder = build(vectors=str(tmp_path / "glove.txt"), train_vectors=False)
    place = encoder.reader.vocabulary.ids(["graph"])[0]
    assert encoder.embedding.weight[place].tolist() == [1, 2, 3, 4, 5, 6]
    assert not encoder.embedding.weight.requires_grad


@pytest.mark.parametrize("key", ["chunks", "bottleneck", "filters"])
def test_sizes_are_at_least_one(key: str) -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        XMLCNNConfig(**{key: 0})


def test_bf16_is_finite_and_near(build: Any, read: Any) -> None:
    encoder = build()
    with torch.autocast("cpu", torch.bfloat16):
        states = read(encoder, TEXTS)
    torch.testing.assert_close(states.document.float(), read(encoder, TEXTS).document, atol=0.02, rtol=0.1)
