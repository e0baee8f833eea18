from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from labelloom_standard.bilstm import BiLSTM
from labelloom_standard.config import BiLSTMConfig
from labelloom_standard.pooling import masked_max

TEXTS = ["a graph of words", "", "network", "unheard words of a neural network and a graph"]


@pytest.fixture
def build(make_context: Any, make_corpus: Any) -> Callable[..., BiLSTM]:
    def make(**options: Any) -> BiLSTM:
        torch.manual_seed(0)
        config = BiLSTMConfig(**{"embedding": 6, "hidden": 4, "min_count": 1, **options})
        corpus = make_corpus(["a graph of words", "neural network of words"])
        return BiLSTM(config, make_context(BiLSTM.prepare(config, corpus))).eval()

    return make


def test_the_vocabulary_is_of_the_training_split_alone(make_corpus: Any) -> None:
    assets = BiLSTM.prepare(BiLSTMConfig(min_count=1), make_corpus(["b a", "a"], validation=["z z z z"]))
    assert assets == {"words": ["a", "b"], "width": 256}


@pytest.mark.parametrize("pooling", ["attention", "mean", "max"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_text_is_the_same_alone_and_in_company(build: Any, read: Any, pooling: str, cell: str) -> None:
    encoder = build(pooling=pooling, cell=cell, layers=2)
    together = read(encoder, TEXTS)
    assert together.tokens.shape == (4, 9, encoder.widths["tokens"])
    assert together.document.shape == (4, encoder.widths["document"])
    assert together.token_mask.sum(1).tolist() == [4, 0, 1, 9]
    for place, text in enumerate(TEXTS):
        alone = read(encoder, [text])
        torch.testing.assert_close(alone.document[0], together.document[place], atol=1e-6, rtol=0)
        count = int(together.token_mask[place].sum())
        torch.testing.assert_close(alone.tokens[0, :count], together.tokens[place, :count], atol=1e-6, rtol=0)


@pytest.mark.parametrize("pooling", ["attention", "mean", "max"])
def test_a_text_without_words_is_zero(build: Any, read: Any, pooling: str) -> None:
    states = read(build(pooling=pooling), TEXTS)
    assert states.document[1].eq(0).all()
    assert states.tokens[1].eq(0).all()
    assert states.document.isfinite().all()


def test_mean_and_maximum_are_over_the_words(build: Any, read: Any) -> None:
    states = read(build(pooling="mean"), TEXTS)
    torch.testing.assert_close(states.document[0], states.tokens[0, :4].mean(0))
    states = read(build(pooling="max"), TEXTS)
    torch.testing.assert_close(states.document[0], states.tokens[0, :4].max(0).values)


def test_the_maximum_ignores_what_is_masked() -> None:
    values = torch.tensor([[[-2.0], [-5.0], [9.0]], [[1.0], [2.0], [3.0]]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert masked_max(values, mask).tolist() == [[-2.0], [0.0]]


def test_long_texts_are_cut(build: Any, read: Any) -> None:
    encoder = build(max_length=3)
    torch.testing.assert_close(read(encoder, ["a graph of words"]).document, read(encoder, ["a graph of"]).document)


def test_the_gradient_reaches_every_weight_but_the_padding(build: Any, read: Any) -> None:
    encoder = build(layers=2).train()
    read(encoder, ["a graph of words neural network strange"]).document.square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.ne(0).any(), name
    assert encoder.embedding.weight.grad[0].eq(0).all()
    assert encoder.embedding.weight.grad[1].ne(0).any()


def test_bf16_is_finite(build: Any, read: Any) -> None:
    encoder = build()
    with torch.autocast("cpu", torch.bfloat16):
        states = read(encoder, TEXTS)
    assert states.document.isfinite().all()
    torch.testing.assert_close(states.document.float(), read(encoder, TEXTS).document, atol=0.02, rtol=0.1)
