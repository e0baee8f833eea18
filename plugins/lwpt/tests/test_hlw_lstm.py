"""`lwpt/hlw-lstm` against loops over documents, labels, sentences and words; the layout of sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from labelloom.interfaces import States
from labelloom_lwpt.config import HierarchicalConfig
from labelloom_lwpt.hlw_lstm import HierarchicalLabelWiseLSTM
from labelloom_lwpt.layout import lay_out
from labelloom_lwpt.sentences import SentenceReader
from labelloom_standard.words import Vocabulary

DOCUMENTS = [
    ["a graph of words", "", "network", "unheard words of a neural network and a graph"],
    [],
    ["network"],
    ["", "words", "a neural network", "graph of a graph", "of"],
    ["", " "],
]
"""Sentences, some empty, which the rule `lines` makes of `TEXTS`."""
TEXTS = ["\n".join(sentences) for sentences in DOCUMENTS]
OWN = [[0, 3], [4, 4], [1, 2], [2, 0], [3, 1]]
"""Two labels of each document's own."""


@pytest.fixture
def build(make_context: Any, make_corpus: Any) -> Callable[..., HierarchicalLabelWiseLSTM]:
    def make(**options: Any) -> HierarchicalLabelWiseLSTM:
        torch.manual_seed(0)
        config = HierarchicalConfig(**{"embedding": 6, "hidden": 4, "min_count": 1, "sentences": "lines", **options})
        corpus = make_corpus(["a graph of words", "neural network of words"])
        assets = HierarchicalLabelWiseLSTM.prepare(config, corpus)
        encoder = HierarchicalLabelWiseLSTM(config, make_context(assets)).eval()
        with torch.no_grad():
            for name, parameter in encoder.named_parameters():
                if "bias" in name or "norm" in name:  # not as they start, zero and one
                    parameter.normal_()
            encoder.word_queries.weight.mul_(3)
            encoder.sentence_queries.weight.mul_(3)
        return encoder

    return make


@pytest.mark.parametrize("ids", [None, [[3, 1]], OWN])
@pytest.mark.parametrize(
    "options", [{}, {"cell": "gru"}, {"layers": 2}, {"layers": 2, "cell": "gru", "layer_norm": False}]
)
def test_it_is_the_naive_loop(
    build: Any, read: Any, agree: Any, naive_network: Any, naive_attention: Any, options: dict[str, Any], ids: Any
) -> None:
    encoder = build(**options).double()
    states = read(encoder, TEXTS, ids=ids)
    asked = ids if ids is not None and len(ids) == 5 else [range(5) if ids is None else ids[0]] * 5
    zeros = torch.zeros(8, dtype=torch.float64)

    def labels_of(sentences: list[list[Tensor]], label: int) -> Tensor:
        query = encoder.word_queries.weight[label]
        read_words = [naive_attention(query, words) for words in sentences]
        return naive_attention(encoder.sentence_queries.weight[label], naive_network(encoder.sentences, read_words))

    tokens = torch.zeros_like(states.tokens)
    documents, labels = [], []
    for row, document in enumerate(DOCUMENTS):
        sentences = []
        for sentence in document:
            if words := encoder.reader.vocabulary.ids(sentence.split()):
                sentences.append(naive_network(encoder.words, [encoder.embedding.weight[word] for word in words]))
        flat = [word for sentence in sentences for word in sentence]
        for place, word in enumerate(flat):
            tokens = tokens.index_put((torch.tensor(row), torch.tensor(place)), word)
        documents.append(sum(flat) / len(flat) if flat else zeros)
        labels.append(torch.stack([labels_of(sentences, label) for label in asked[row]]))
    naive = [tokens, torch.stack(documents), torch.stack(labels)]
    agree([states.tokens, states.document, states.labels], naive, list(encoder.parameters()))


def test_a_text_is_the_same_in_any_company_order_and_padding(build: Any, read: Any) -> None:
    encoder = build().double()
    together = read(encoder, TEXTS)
    assert together.token_mask.sum(1).tolist() == [14, 0, 1, 9, 0]
    for texts in (*([text] for text in TEXTS), TEXTS[1:4], TEXTS[::-1], TEXTS[2:] + TEXTS[:1]):
        other = read(encoder, texts)
        for place, text in enumerate(texts):
            row = TEXTS.index(text)
            count = int(together.token_mask[row].sum())
            assert other.token_mask[place].sum() == count
            assert_near(other.labels[place], together.labels[row])
            assert_near(other.document[place], together.document[row])
            assert_near(other.tokens[place, :count], together.tokens[row, :count])


def test_rows_that_are_taken_out_are_the_same(build: Any, make_batch: Any) -> None:
    encoder = build().double()
    columns = encoder.reader.tokenize(TEXTS)
    inputs = encoder.reader.collate([{name: values[row] for name, values in columns.items()} for row in range(5)])
    batch, places = make_batch(5, inputs, ids=OWN), torch.tensor([3, 1, 0])
    whole, part = (encoder(States(), each) for each in (batch, batch.subset(places)))
    for name in ("tokens", "document", "labels"):
        assert_near(getattr(part, name), getattr(whole, name)[places])


def test_what_stands_at_padding_changes_nothing(build: Any, make_batch: Any) -> None:
    encoder = build()
    columns = encoder.reader.tokenize(TEXTS)
    inputs = encoder.reader.collate([{name: values[row] for name, values in columns.items()} for row in range(5)])
    other = {name: torch.where(inputs["mask"], values, 3) for name, values in inputs.items() if name != "mask"}
    one = encoder(States(), make_batch(5, inputs))
    poisoned = encoder(States(), make_batch(5, {**other, "mask": inputs["mask"]}))
    assert all(torch.equal(getattr(one, name), getattr(poisoned, name)) for name in ("tokens", "document", "labels"))


def test_empty_sentences_are_none(build: Any, read: Any) -> None:
    encoder = build(max_sentences=2)
    full, holes = read(encoder, ["a graph\nof words"]), read(encoder, ["\n\na graph\n \n\nof words\n"])
    assert torch.equal(full.labels, holes.labels)


def test_where_sentences_end_matters(build: Any, read: Any) -> None:
    encoder = build()
    one, two = read(encoder, ["a graph of words"]), read(encoder, ["a graph\nof words"])
    assert one.tokens.shape == two.tokens.shape
    assert not torch.allclose(one.labels, two.labels, atol=1e-3)


@pytest.mark.parametrize("ids", [[[3, 1]], [[2]], OWN])
def test_candidates_are_picked_from_every_label(build: Any, read: Any, make_batch: Any, ids: Any) -> None:
    encoder = build().double()
    every, some = read(encoder, TEXTS), read(encoder, TEXTS, ids=ids)
    assert_near(some.labels, make_batch(5, ids=ids).pick(every.labels))
    assert torch.equal(some.tokens, every.tokens)
    assert torch.equal(some.document, every.document)


@pytest.mark.parametrize(("ids", "count"), [(None, 5), ([[3, 1]], 2), ([[row] for row in range(5)], 1)])
def test_only_labels_under_consideration_are_read(build: Any, read: Any, ids: Any, count: int) -> None:
    encoder = build()
    shapes: list[torch.Size] = []
    encoder.sentences.register_forward_hook(lambda module, inputs, states: shapes.append(states.shape))
    encoder.words.register_forward_hook(lambda module, inputs, states: shapes.append(states.shape))
    read(encoder, TEXTS, ids=ids)
    assert shapes == [(8, 9, 8), (count * 5, 4, 8)]  # 8 sentences of up to 9 words; up to 4 a document


def test_labels_follow_their_queries(build: Any, read: Any) -> None:
    encoder = build().double()
    before, order = read(encoder, TEXTS), torch.tensor([3, 0, 4, 2, 1])
    with torch.no_grad():
        for queries in (encoder.word_queries, encoder.sentence_queries):
            queries.weight.copy_(queries.weight[order].clone())
    after = read(encoder, TEXTS)
    assert_near(after.labels, before.labels[:, order])
    assert torch.equal(after.document, before.document)
    assert not torch.allclose(before.labels[0, 0], before.labels[0, 1])


@pytest.mark.parametrize("texts", [TEXTS, ["", "\n \n"]])
@pytest.mark.parametrize("own", [False, True])
def test_texts_without_words_are_zeros_with_finite_gradients(
    build: Any, read: Any, texts: list[str], own: bool
) -> None:
    encoder = build().train()
    states = read(encoder, texts, ids=[[1]] * len(texts) if own else None)
    for field in (states.tokens[1], states.document[1], states.labels[1]):
        assert field.eq(0).all()
    (states.labels.square().sum() + states.document.square().sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_the_gradient_reaches_every_weight_but_the_padding(build: Any, read: Any) -> None:
    encoder = build(layers=2).train()
    read(encoder, TEXTS).labels.square().sum().backward()
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


def test_dropout_is_on_words_and_on_sentences(build: Any, read: Any) -> None:
    encoder = build(dropout=0.5)
    still = read(encoder, TEXTS)
    encoder.sentences.train()
    noisy = read(encoder, TEXTS)
    assert torch.equal(noisy.tokens, still.tokens)
    assert not torch.equal(noisy.labels, still.labels)
    encoder.eval().words.train()
    assert not torch.equal(read(encoder, TEXTS).tokens, still.tokens)


def test_the_layers_from_words_to_the_top(build: Any) -> None:
    encoder = build()
    words, sentences = encoder.words, encoder.sentences
    assert encoder.rate_layers() == [
        [encoder.embedding],
        [words.norm, words.recurrent.forwards[0], words.recurrent.backwards[0]],
        [sentences.norm, sentences.recurrent.forwards[0], sentences.recurrent.backwards[0]],
    ]
    assert len(build(layers=2).rate_layers()) == 5


@pytest.mark.parametrize("ids", [None, OWN])
def test_bf16_is_finite_and_near(build: Any, read: Any, ids: Any) -> None:
    encoder = build()
    with torch.autocast("cpu", torch.bfloat16):
        rough = read(encoder, TEXTS, ids=ids)
    rough.labels.float().square().sum().backward()
    torch.testing.assert_close(rough.labels.float(), read(encoder, TEXTS, ids=ids).labels, atol=0.05, rtol=0.1)
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in encoder.parameters())


@settings(deadline=None)
@given(sizes=st.lists(st.lists(st.integers(1, 4), max_size=4), min_size=1, max_size=4))
def test_the_layout_keeps_every_word(sizes: list[list[int]]) -> None:
    columns = [{"ids": list(range(2, 2 + sum(own))), "sizes": own} for own in sizes]
    inputs = SentenceReader(Vocabulary([]), "words", "lines", 9, 9).collate(columns)
    layout, mask = lay_out(inputs), inputs["mask"]
    count, flat = sum(map(len, sizes)), [size for own in sizes for size in own]
    assert layout.ids.shape == (max(count, 1), max([1, *flat]))
    assert layout.mask.sum(1).tolist() == (flat or [0])
    assert torch.equal(layout.mask, layout.mask.cummin(1).values)
    assert torch.equal(layout.ids.eq(0), ~layout.mask)
    assert torch.equal(layout.ids.flatten()[layout.word][mask], inputs["ids"][mask])
    assert layout.document.tolist() == [row for row, own in enumerate(sizes) for _ in own] or not count
    assert layout.sentence_mask.sum(1).tolist() == [len(own) for own in sizes]
    assert layout.sentence[layout.sentence_mask].tolist() == list(range(count))


def assert_near(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)
