from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from labelloom_standard.cnn import CNN
from labelloom_standard.config import CNNConfig

TEXTS = ["a graph of words", "", "network", "words of a neural network and a graph", "a graph", "a of a"]


@pytest.fixture
def vector_file(tmp_path: Path) -> Path:
    rows = {"graph": [1, 2, 3, 4, 5, 6], "network": [-1, 0, 1, 0, -1, 0.5], "of": [0.25] * 6}
    text = "".join(f"{word} {' '.join(map(str, numbers))}\n" for word, numbers in rows.items())
    (tmp_path / "glove.txt").write_text(text)
    return tmp_path / "glove.txt"


@pytest.fixture
def build(make_context: Any, make_corpus: Any) -> Callable[..., CNN]:
    def make(**options: Any) -> CNN:
        torch.manual_seed(0)
        config = CNNConfig(**{"embedding": 6, "filters": 4, "min_count": 1, **options})
        corpus = make_corpus(["a graph of words", "neural network of words"])
        encoder = CNN(config, make_context(CNN.prepare(config, corpus)))
        encoder.initialise(corpus, lambda texts: pytest.fail("no label names are read"))
        return encoder.eval()

    return make


def naive(encoder: CNN, ids: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """(T, F) tokens and (F,) document of one text, filter by filter and window by window in float64."""
    channels = [encoder.embedding, *([encoder.fixed] if encoder.fixed is not None else [])]
    words = [[channel.weight[word].detach().double().numpy() for channel in channels] for word in ids]
    nothing = [np.zeros(encoder.embedding.embedding_dim)] * len(channels)
    tokens, document = [], []
    for size, convolution in zip(encoder.config.windows, encoder.windows, strict=True):
        weight = convolution.weight.detach().double().numpy()
        bias = convolution.bias.detach().double().numpy()

        def answer(start: int, size: int = size, weight: Any = weight, bias: Any = bias) -> np.ndarray:
            """relu(w . x + b), over the channels, of the window that starts at word `start`."""
            total = bias.copy()
            for offset in range(size):
                place = start + offset
                for vector in words[place] if 0 <= place < len(words) else nothing:
                    for number in range(len(total)):
                        total[number] += sum(weight[number, :, offset] * vector)
            return np.maximum(total, 0)

        whole = [answer(start) for start in range(max(len(words), size) - size + 1)]
        document.append(np.max(whole, axis=0) if words else np.zeros(len(bias)))
        tokens.append(np.array([answer(place - (size - 1) // 2) for place in range(len(words))]).reshape(-1, len(bias)))
    return np.concatenate(tokens, axis=1), np.concatenate(document)


@pytest.mark.parametrize("windows", [[3, 4, 5], [1], [2, 2], [6], [9, 3]])
def test_filters_are_those_of_a_plain_loop(build: Any, read: Any, windows: list[int]) -> None:
    encoder = build(windows=windows)
    states = read(encoder, TEXTS)
    assert states.tokens.shape == (6, 8, 4 * len(windows))
    for row, text in enumerate(TEXTS):
        tokens, document = naive(encoder, encoder.reader.tokenize([text])["ids"][0])
        np.testing.assert_allclose(states.document[row].detach(), document, atol=1e-6)
        np.testing.assert_allclose(states.tokens[row, : len(tokens)].detach(), tokens, atol=1e-6)
        assert states.tokens[row, len(tokens) :].eq(0).all()
        assert states.token_mask[row].sum() == len(tokens)


def test_two_channels_are_added(build: Any, read: Any, vector_file: Path) -> None:
    encoder = build(vectors=str(vector_file), multichannel=True)
    assert torch.equal(encoder.fixed.weight, encoder.embedding.weight)
    with torch.no_grad():
        encoder.embedding.weight[1:] += torch.randn(len(encoder.embedding.weight) - 1, 6)
    states = read(encoder, TEXTS)
    for row, text in enumerate(TEXTS):
        tokens, document = naive(encoder, encoder.reader.tokenize([text])["ids"][0])
        np.testing.assert_allclose(states.document[row].detach(), document, atol=1e-5)
        np.testing.assert_allclose(states.tokens[row, : len(tokens)].detach(), tokens, atol=1e-5)


@pytest.mark.parametrize("windows", [[3, 4, 5], [6]])
def test_a_text_is_the_same_alone_and_in_company(build: Any, read: Any, windows: list[int]) -> None:
    encoder = build(windows=windows)
    together = read(encoder, TEXTS)
    for place, text in enumerate(TEXTS):
        alone = read(encoder, [text])
        torch.testing.assert_close(alone.document[0], together.document[place], atol=1e-6, rtol=0)
        count = int(together.token_mask[place].sum())
        torch.testing.assert_close(alone.tokens[0, :count], together.tokens[place, :count], atol=1e-6, rtol=0)


def test_a_document_is_told_from_one_whose_words_go_on(build: Any, read: Any) -> None:
    """Zeros after the end are no word: a filter with a bias may answer to them, and must not."""
    encoder = build(windows=[3])
    with torch.no_grad():
        encoder.windows[0].weight.zero_()
        encoder.windows[0].weight[:, :, 1] = -1.0  # the word in the middle is bad for every filter
        encoder.windows[0].bias.fill_(50.0)
        encoder.embedding.weight[1:].fill_(1.0)
    # 50 - 6 in each whole window; a window in the padding would answer 50.
    torch.testing.assert_close(read(encoder, TEXTS).document[0], torch.full((4,), 44.0))


def test_dropout_is_on_the_document_alone(build: Any, read: Any) -> None:
    encoder = build(dropout=0.5).train()
    torch.manual_seed(1)
    first, second = read(encoder, TEXTS), read(encoder, TEXTS)
    assert torch.equal(first.tokens, second.tokens)
    assert not torch.equal(first.document, second.document)


def test_word_dropout_reaches_the_tokens_in_training_alone(build: Any, read: Any) -> None:
    encoder = build(dropout=0.0, word_dropout=0.5).train()
    first, second = read(encoder, TEXTS), read(encoder, TEXTS)
    assert not torch.equal(first.tokens, second.tokens)
    assert not torch.equal(first.document, second.document)
    encoder.eval()
    torch.testing.assert_close(read(encoder, TEXTS).tokens, read(encoder, TEXTS).tokens, rtol=0, atol=0)


def test_the_gradient_reaches_every_weight_but_the_padding(build: Any, read: Any, vector_file: Path) -> None:
    encoder = build(vectors=str(vector_file), multichannel=True).train()
    states = read(encoder, ["a graph of words neural network strange"])
    (states.document.sum() + states.tokens.sum()).backward()
    for name, parameter in encoder.named_parameters():
        if name == "fixed.weight":
            assert parameter.grad is None
            continue
        assert parameter.grad is not None, name
        assert parameter.grad.ne(0).any(), name
    assert encoder.embedding.weight.grad[0].eq(0).all()


@pytest.mark.parametrize("channels", ["static", "trained"])
def test_vectors_train_or_do_not(build: Any, vector_file: Path, channels: str) -> None:
    encoder = build(vectors=str(vector_file), train_vectors=channels == "trained")
    assert encoder.embedding.weight.requires_grad == (channels == "trained")
    assert encoder.embedding.weight[0].eq(0).all()


def test_a_second_channel_needs_vectors_that_train(vector_file: Path) -> None:
    for options in ({}, {"vectors": str(vector_file), "train_vectors": False}):
        with pytest.raises(ValidationError, match="multichannel = true needs vectors, and train_vectors = true"):
            CNNConfig(multichannel=True, **options)


def test_bf16_is_finite(build: Any, read: Any) -> None:
    encoder = build()
    with torch.autocast("cpu", torch.bfloat16):
        states = read(encoder, TEXTS)
    assert states.document.isfinite().all()
    torch.testing.assert_close(states.document.float(), read(encoder, TEXTS).document, atol=0.02, rtol=0.1)
