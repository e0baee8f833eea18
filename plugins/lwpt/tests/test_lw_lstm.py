"""`lwpt/lw-lstm` against loops over documents, labels and words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from labelloom.interfaces import States
from labelloom_lwpt.config import LabelWiseLSTMConfig
from labelloom_lwpt.lw_lstm import LabelWiseLSTM

TEXTS = ["a graph of words", "", "network", "unheard words of a neural network and a graph"]
OWN = [[0, 3], [4, 4], [1, 2], [2, 0]]
"""Two labels of each of four documents' own."""


@pytest.fixture
def build(make_context: Any, make_corpus: Any) -> Callable[..., LabelWiseLSTM]:
    def make(**options: Any) -> LabelWiseLSTM:
        torch.manual_seed(0)
        config = LabelWiseLSTMConfig(**{"embedding": 6, "hidden": 4, "min_count": 1, **options})
        corpus = make_corpus(["a graph of words", "neural network of words"])
        encoder = LabelWiseLSTM(config, make_context(LabelWiseLSTM.prepare(config, corpus))).eval()
        with torch.no_grad():
            for name, parameter in encoder.named_parameters():
                if "bias" in name or "norm" in name:  # not as they start, zero and one
                    parameter.normal_()
            encoder.queries.weight.mul_(3)
        return encoder

    return make


@pytest.mark.parametrize("ids", [None, [[3, 1]], OWN])
@pytest.mark.parametrize(
    "options", [{}, {"cell": "gru"}, {"layers": 1}, {"layers": 1, "cell": "gru", "layer_norm": False}]
)
def test_it_is_the_naive_loop(
    build: Any, read: Any, agree: Any, naive_network: Any, naive_attention: Any, options: dict[str, Any], ids: Any
) -> None:
    encoder = build(**options).double()
    states = read(encoder, TEXTS, ids=ids)
    asked = ids if ids is not None and len(ids) == 4 else [range(5) if ids is None else ids[0]] * 4
    tokens = torch.zeros_like(states.tokens)
    documents, labels = [], []
    for row, text in enumerate(TEXTS):
        found = naive_network(
            encoder.words, [encoder.embedding.weight[word] for word in encoder.reader.vocabulary.ids(text.split())]
        )
        for place, state in enumerate(found):
            tokens = tokens.index_put((torch.tensor(row), torch.tensor(place)), state)
        documents.append(sum(found) / len(found) if found else torch.zeros(8, dtype=torch.float64))
        queries = [encoder.queries.weight[label] for label in asked[row]]
        labels.append(torch.stack([naive_attention(query, found) if found else query * 0 for query in queries]))
    naive = [tokens, torch.stack(documents), torch.stack(labels)]
    agree([states.tokens, states.document, states.labels], naive, list(encoder.parameters()))


def test_a_text_is_the_same_in_any_company_order_and_padding(build: Any, read: Any) -> None:
    encoder = build().double()
    together = read(encoder, TEXTS)
    assert together.token_mask.sum(1).tolist() == [4, 0, 1, 9]
    for texts in ([TEXTS[0]], TEXTS[:3], TEXTS[::-1]):
        for place, text in enumerate(texts):
            other, row = read(encoder, texts), TEXTS.index(text)
            count = int(together.token_mask[row].sum())
            assert_near(other.labels[place], together.labels[row])
            assert_near(other.document[place], together.document[row])
            assert_near(other.tokens[place, :count], together.tokens[row, :count])


def test_what_stands_at_padding_changes_nothing(build: Any, make_batch: Any) -> None:
    encoder = build()
    ids, mask = torch.tensor([[2, 3, 4, 5], [3, 0, 0, 0], [0] * 4]), torch.tensor([[1] * 4, [1, 0, 0, 0], [0] * 4]) > 0
    other = torch.where(mask, ids, 5)
    one, poisoned = (encoder(States(), make_batch(3, {"ids": each, "mask": mask})) for each in (ids, other))
    assert all(torch.equal(getattr(one, name), getattr(poisoned, name)) for name in ("tokens", "document", "labels"))


@pytest.mark.parametrize("ids", [[[3, 1]], [[2]], OWN])
def test_candidates_are_picked_from_every_label(build: Any, read: Any, make_batch: Any, ids: Any) -> None:
    encoder = build().double()
    every, some = read(encoder, TEXTS), read(encoder, TEXTS, ids=ids)
    assert_near(some.labels, make_batch(4, ids=ids).pick(every.labels))
    assert torch.equal(some.tokens, every.tokens)
    assert torch.equal(some.document, every.document)


def test_labels_follow_their_queries(build: Any, read: Any) -> None:
    encoder = build().double()
    before, order = read(encoder, TEXTS), torch.tensor([3, 0, 4, 2, 1])
    with torch.no_grad():
        encoder.queries.weight.copy_(encoder.queries.weight[order].clone())
    after = read(encoder, TEXTS)
    assert_near(after.labels, before.labels[:, order])
    assert torch.equal(after.document, before.document)
    assert not torch.allclose(before.labels[0, 0], before.labels[0, 1])


@pytest.mark.parametrize("texts", [TEXTS, ["", ""]])
@pytest.mark.parametrize("ids", [None, [[1], [0]]])
def test_texts_without_words_are_zeros_with_finite_gradients(build: Any, read: Any, texts: list[str], ids: Any) -> None:
    encoder = build().train()
    states = read(encoder, texts, ids=ids * (len(texts) // 2) if ids else None)
    for field in (states.tokens[1], states.document[1], states.labels[1]):
        assert field.eq(0).all()
    (states.labels.square().sum() + states.document.square().sum()).backward()
    gradients = [parameter.grad for parameter in encoder.parameters() if parameter.grad is not None]
    assert len(gradients) == len(list(encoder.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_the_gradient_reaches_every_weight_but_the_padding(build: Any, read: Any) -> None:
    encoder = build().train()
    read(encoder, ["a graph of words neural network strange"]).labels.square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.ne(0).any(), name
    assert encoder.embedding.weight.grad[0].eq(0).all()


@pytest.mark.parametrize("layers", [1, 2])
def test_dropout_is_in_training_alone(build: Any, read: Any, layers: int) -> None:
    encoder = build(dropout=0.5, layers=layers)
    still = read(encoder, TEXTS).labels
    assert torch.equal(still, read(encoder, TEXTS).labels)
    encoder.train()
    assert not torch.equal(read(encoder, TEXTS).labels, read(encoder, TEXTS).labels)
    assert torch.equal(read(build(dropout=0.0, layers=layers).train(), TEXTS).labels, still)


def test_the_norm_comes_before_the_dropout(build: Any) -> None:
    """What the recurrent network reads is what the norm gives, with numbers dropped and the others scaled up."""
    network = build(dropout=0.5).words.train()
    read: list[Tensor] = []
    network.recurrent.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
    values = torch.randn(4, 5, 6)
    network(values, torch.ones(4, 5, dtype=torch.bool))
    kept = read[0] != 0
    assert 0 < kept.sum() < kept.numel()
    torch.testing.assert_close(read[0][kept], 2 * network.norm(values)[kept])


def test_the_layers_from_words_to_the_top(build: Any) -> None:
    encoder = build(layers=2)
    first, second, third = encoder.rate_layers()
    recurrent = encoder.words.recurrent
    assert first == [encoder.embedding]
    assert second == [encoder.words.norm, recurrent.forwards[0], recurrent.backwards[0]]
    assert third == [recurrent.forwards[1], recurrent.backwards[1]]


def test_vectors_of_a_file_start_it_and_stay(build: Any, make_corpus: Any, tmp_path: Path) -> None:
    (tmp_path / "vectors.txt").write_text("2 3\ngraph 1 2 3\nwords 4 5 6\n")
    encoder = build(embedding=None, vectors=str(tmp_path / "vectors.txt"), train_vectors=False)
    encoder.initialise(make_corpus(["a graph of words", "neural network of words"]), lambda texts: States())
    graph = encoder.reader.vocabulary.ids(["graph"])[0]
    assert encoder.embedding.weight[graph].tolist() == [1, 2, 3]
    assert not encoder.embedding.weight.requires_grad
    assert encoder.notes == ["2 of 6 words (33.3 %) have a vector in vectors.txt"]


@pytest.mark.parametrize("ids", [None, OWN])
def test_bf16_is_finite_and_near(build: Any, read: Any, ids: Any) -> None:
    encoder = build()
    with torch.autocast("cpu", torch.bfloat16):
        rough = read(encoder, TEXTS, ids=ids)
    rough.labels.float().square().sum().backward()
    torch.testing.assert_close(rough.labels.float(), read(encoder, TEXTS, ids=ids).labels, atol=0.03, rtol=0.1)
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in encoder.parameters())


def assert_near(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)
