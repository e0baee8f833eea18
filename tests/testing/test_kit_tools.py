"""What the conformance kit looks with: fields made up, modes, comparisons, a tiny BERT, a small corpus."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelloom.compose.batches import make_batch, plain_draw
from labelloom.interfaces import Draw, States
from labelloom.testing import agree, small_corpus, tiny_bert
from labelloom.testing.closeness import difference, values_of
from labelloom.testing.corpus import EMPTY, LONG, WORDS
from labelloom.testing.fields import Fields, Table
from labelloom.testing.magnitude import LARGEST, too_large
from labelloom.testing.modes import global_seed, without_dropout
from labelloom.testing.watching import WatchedWidths, watch


class Attending(nn.Module):
    """Attention through torch's function, which has a dropout of its own."""

    def forward(self, values: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(values, values, values, dropout_p=0.5 if self.training else 0.0)


class MultiHead(nn.Module):
    """Attention through torch's module."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)

    def forward(self, values: Tensor) -> Tensor:
        return self.attention(values, values, values, need_weights=True)[0]


class Recurrent(nn.Module):
    """Two layers with dropout between them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.LSTM(8, 8, num_layers=2, dropout=0.5, batch_first=True)

    def forward(self, values: Tensor) -> Tensor:
        return self.layers(values)[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Dropout(0.5),
        lambda: nn.Dropout1d(0.5),
        lambda: nn.AlphaDropout(0.5),
        Attending,
        MultiHead,
        Recurrent,
        lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True),
    ],
    ids=["dropout", "dropout1d", "alpha", "function", "multi-head", "lstm", "transformer"],
)
def test_without_dropout_training_is_evaluation(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    module, values = make(), torch.randn(3, 5, 8)
    expected = module.eval()(values)
    module.train()
    assert not torch.allclose(module(values), expected)
    with without_dropout(module):
        torch.testing.assert_close(module(values), expected)
    assert not torch.allclose(module(values), expected)


def test_global_random_numbers_are_put_back() -> None:
    def numbers() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    with global_seed(1):
        one = numbers()
    states = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state())
    with global_seed(1):
        assert numbers() == one
    with global_seed(2):
        assert numbers() != one
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states[:2]
    assert torch.equal(torch.get_rng_state(), states[2])


def test_two_ways_agree_in_values_and_gradients() -> None:
    leaf = torch.randn(3, dtype=torch.float64, requires_grad=True)
    agree(leaf**2, leaf * leaf, [leaf])
    agree(lambda: leaf.exp(), lambda: torch.stack([value.exp() for value in leaf]), [leaf])
    agree([leaf + 1, leaf - 1], [1 + leaf, leaf - 1], [leaf])
    with pytest.raises(AssertionError):
        agree(leaf**2, leaf**2 + 1e-6, [leaf])
    with pytest.raises(AssertionError):
        agree(leaf**2, (leaf * leaf).detach() + 0 * leaf, [leaf])


def test_a_difference_is_told_with_numbers() -> None:
    one = torch.tensor([1.0, 2.0, float("nan")])
    assert difference(one, one.clone()) is None
    assert difference(one, torch.tensor([1.0, 2.5, float("nan")])) == "1 of 3 values differ, by up to 0.5"
    assert difference(one, torch.zeros(2)) == "shapes (3,) and (2,)"
    assert difference(torch.tensor([1, 2]), torch.tensor([1, 3])) == "1 of 2 values differ"
    assert difference(torch.tensor([float("nan")]), torch.tensor([0.0])) == "1 of 1 values differ, by up to inf"


def test_fields_of_a_document_are_the_same_in_every_batch_and_padding_is_not() -> None:
    fields = Fields(160, 8)
    names = {"tokens", "document", "aspects", "labels", "scores", "label_table"}
    ids = torch.arange(8)
    together = make_batch({}, plain_draw(8), 8)
    alone = make_batch({}, Draw(np.array([3]), 1), 8).with_labels(torch.tensor([[5, 0]]))
    whole, part = fields.states(names, together), fields.states(names, alone, padding=4)
    for name in ("tokens", "document", "aspects", "label_table"):
        pairs = zip(values_of(whole, name, {}, [3], ids), values_of(part, name, {}, [0], ids), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs), name
    assert whole.labels is not None
    assert part.labels is not None
    assert torch.equal(whole.labels[3, [5, 0]], part.labels[0])
    assert whole.token_mask is not None
    assert not whole.token_mask[EMPTY].any()
    assert whole.token_mask[LONG].sum() == whole.token_mask.sum(1).max()
    assert whole.tokens is not None
    assert whole.tokens[~whole.token_mask].abs().mean() > 10


def test_what_is_too_large_is_told_with_its_document() -> None:
    batch = make_batch({}, Draw(np.array([3, EMPTY]), 2), 8)
    scores = torch.zeros(2, 8)
    assert too_large(States(scores=scores), "scores", {}, batch) is None
    scores[1, 2:4] = -LARGEST
    told = too_large(States(scores=scores), "scores", {}, batch)
    assert told == f"2 of 8 values of document {EMPTY}, which has no word, are as large as 1e+04"
    table = States(label_table=Table(torch.full((8, 4), 3e5)))
    assert too_large(table, "label_table", {}, batch) == "32 of 32 values are as large as 3e+05"


def test_nothing_is_too_large_where_no_word_and_no_label_is_nor_in_a_bundles_own_field() -> None:
    batch = make_batch({}, Draw(np.array([3, EMPTY]), 2), 8).with_labels(torch.tensor([[0, 1, 0]]))
    batch = replace(batch, label_mask=torch.tensor([[True, True, False]]))
    mask = torch.tensor([[True, False], [False, False]])
    tokens = torch.full((2, 2, 4), 1e9).masked_fill(mask[..., None], 1)
    scores = torch.tensor([[0, 1, -1e9]] * 2)
    states = States(tokens=tokens, token_mask=mask, scores=scores, extra={"acme.low": scores})
    assert [too_large(states, name, {"acme.low": "BC"}, batch) for name in ("tokens", "scores", "acme.low")] == [
        None
    ] * 3
    assert too_large(replace(states, token_mask=~mask), "tokens", {}, batch) is not None


def test_a_row_that_comes_again_is_a_little_different() -> None:
    batch = make_batch({}, Draw(np.array([3, 3]), 2), 8)
    document = Fields(160, 8).states({"document"}, batch).document
    assert document is not None
    assert 0 < (document[0] - document[1]).abs().max() < 1


def test_what_is_read_is_known_and_what_is_passed_on_is_not() -> None:
    states = watch(States(tokens=torch.zeros(1), document=torch.ones(1)))
    more = states.add(labels=torch.ones(2))
    assert more.document is not None
    assert states.read == set()
    assert states.document is not None
    assert states.first("tokens") is not None
    assert states.read == {"document", "tokens"}
    own = watch(States(extra={"acme.view": torch.zeros(1), "acme.other": torch.zeros(1)}))
    assert own.get("acme.view") is not None
    assert own.read == {"acme.view"}
    assert len(own.extra) == 2
    assert own.read == {"acme.view", "acme.other"}
    widths = WatchedWidths({"tokens": 4, "document": 8})
    assert "document" in widths
    assert widths["tokens"] == 4
    assert widths.read == {"tokens"}


def test_a_tiny_bert_is_the_same_each_time_and_moves_no_random_numbers(tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    before = torch.get_rng_state()
    one, two = (tiny_bert(tmp_path / name, num_hidden_layers=1) for name in "ab")
    assert torch.equal(torch.get_rng_state(), before)
    weights = [AutoModel.from_pretrained(folder).state_dict() for folder in (one, two)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    ids = AutoTokenizer.from_pretrained(one)("graphs and trees")["input_ids"]
    assert [ids[0], ids[2], ids[-1]] == [2, 1, 3]
    assert ids[1] == 5 + WORDS.index("graphs")


def test_a_small_corpus_has_what_is_odd() -> None:
    corpus = small_corpus()
    counts = corpus.train.label_sets.counts
    assert (counts[0], counts[1], counts[2]) == (0, 1, 7)
    assert corpus.train.texts.take([EMPTY]) == [""]
    lengths = [len(text) for text in corpus.train.texts.take(range(len(corpus.train)))]
    assert max(lengths) == lengths[LONG]
    documents = np.bincount(corpus.train.label_sets.values, minlength=8)
    assert documents.tolist()[-2:] == [2, 0]
    assert len(small_corpus(labels=6).labels) == 6
