from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from labelloom.data.corpus import Corpus
from labelloom.data.labels import LabelSpace
from labelloom.errors import CompositionError
from labelloom.interfaces import Context, States
from labelloom_standard.config import LabelTableConfig
from labelloom_standard.label_table import LabelTable

NO_CORPUS: Any = None
"""Names come from the label space, not from the corpus."""


def test_vectors_are_looked_up_by_id_in_any_shape(make_context: Callable[..., Context], make_batch: Any) -> None:
    table = LabelTable(LabelTableConfig(width=3), make_context())
    lookup = table(States(), make_batch(2)).label_table
    ids = torch.tensor([[[4, 0]], [[1, 1]]])
    assert torch.equal(lookup(ids), table.vectors.weight[ids])
    assert table.widths == {"label_table": 3}


@pytest.mark.parametrize(
    ("widths", "width"), [({"tokens": 6, "document": 4}, 6), ({"document": 4}, 4), ({"tokens": 7}, 7)]
)
def test_the_default_width_is_the_encoders(make_context: Any, widths: dict[str, int], width: int) -> None:
    assert LabelTable(LabelTableConfig(), make_context(**widths)).vectors.weight.shape == (5, width)


def test_random_vectors_have_length_one_on_average(make_context: Any) -> None:
    torch.manual_seed(0)
    context = Context("x", {}, LabelSpace(*[tuple(map(str, range(500)))] * 2))
    lengths = LabelTable(LabelTableConfig(width=64), context).vectors.weight.norm(dim=1)
    assert abs(lengths.mean().item() - 1) < 0.02


def test_random_vectors_may_be_spread_as_told(make_context: Any) -> None:
    torch.manual_seed(0)
    context = Context("x", {}, LabelSpace(*[tuple(map(str, range(500)))] * 2))
    weight = LabelTable(LabelTableConfig(width=64, std=0.7), context).vectors.weight
    assert abs(weight.std().item() - 0.7) < 0.02


def word_states(width: int) -> Callable[[Sequence[str]], States]:
    """An encoder whose state of a word is its length times (1, 2, ...), with a special position before each name."""

    def encode(names: Sequence[str]) -> States:
        longest = max(len(name.split()) for name in names) + 1
        tokens = torch.full((len(names), longest, width), 1e6)
        mask = torch.zeros(len(names), longest, dtype=torch.bool)
        for row, name in enumerate(names):
            for place, word in enumerate(name.split(), start=1):
                tokens[row, place] = len(word) * torch.arange(1.0, width + 1)
                mask[row, place] = True
        return States(tokens=tokens, token_mask=mask)

    return encode


def test_names_give_the_mean_of_their_words(make_context: Any) -> None:
    table = LabelTable(LabelTableConfig(init="names"), make_context(tokens=3))
    table.initialise(NO_CORPUS, word_states(3))
    means = [len("graphs"), (5 + 2 + 4) / 3, (6 + 7) / 2, 1, (7 + 2 + 5) / 3]
    truth = torch.tensor(means)[:, None] * torch.arange(1.0, 4.0)
    torch.testing.assert_close(table.vectors.weight.data, truth)
    assert table.vectors.weight.requires_grad


def test_descriptions_are_read_and_names_where_there_are_none() -> None:
    labels = LabelSpace(("a", "b", "c"), ("graphs", "words of text", ""), ("on trees and graphs", " ", ""))
    table = LabelTable(LabelTableConfig(init="descriptions"), Context("x", {"tokens": 2}, labels))
    before = table.vectors.weight.detach().clone()
    table.initialise(Corpus("made", labels, {}), word_states(2))
    assert table.notes == ["1 of 3 labels start from their description, the others from their name"]
    means = torch.tensor([(2 + 5 + 3 + 6) / 4, (5 + 2 + 4) / 3])
    torch.testing.assert_close(table.vectors.weight.data[:2], means[:, None] * torch.tensor([1.0, 2.0]))
    assert torch.equal(table.vectors.weight[2], before[2])


def test_many_names_are_read_in_chunks_and_empty_ones_stay_random() -> None:
    names = tuple("" if place % 100 == 7 else "n" * (place % 9 + 1) for place in range(600))
    context = Context("x", {"tokens": 2}, LabelSpace(tuple(map(str, range(600))), names))
    table = LabelTable(LabelTableConfig(init="names"), context)
    before = table.vectors.weight.detach().clone()
    sizes = []

    def encode(chunk: Sequence[str]) -> States:
        sizes.append(len(chunk))
        return word_states(2)(chunk)

    table.initialise(NO_CORPUS, encode)
    assert sizes == [256, 256, 88]
    for place, name in enumerate(names):
        expected = len(name) * torch.tensor([1.0, 2.0]) if name else before[place]
        assert torch.equal(table.vectors.weight[place], expected)


def test_random_vectors_ask_no_encoder(make_context: Any) -> None:
    LabelTable(LabelTableConfig(width=3), make_context()).initialise(NO_CORPUS, NO_CORPUS)


def test_a_large_table_with_dense_gradients_says_so(make_context: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelloom_standard.label_table._LARGE", 15)
    for width, sparse, notes in ((3, False, 1), (3, True, 0), (2, False, 0)):
        table = LabelTable(LabelTableConfig(width=width, sparse=sparse), make_context())
        table.initialise(NO_CORPUS, NO_CORPUS)
        assert table.notes == notes * [
            "each step computes a gradient of all 5 x 3 numbers and moves them all; with sparse = true it would be "
            "those of the labels that it looks up"
        ]


def test_sparse_gradients_hold_what_was_looked_up(make_context: Any, make_batch: Any) -> None:
    table = LabelTable(LabelTableConfig(width=3, sparse=True), make_context())
    lookup = table(States(), make_batch(2)).label_table
    (2 * lookup(torch.tensor([[1, 4], [1, 1]]))).sum().backward()
    gradient = table.vectors.weight.grad
    assert gradient is not None
    assert gradient.is_sparse
    assert gradient.coalesce().indices().tolist() == [[1, 4]]
    assert gradient.to_dense()[:, 0].tolist() == [0, 6, 0, 0, 2]


def test_another_width_than_the_names_is_refused(make_context: Any) -> None:
    with pytest.raises(ValueError, match='init = "names" fills vectors with tokens of width 6, so width = 3 cannot'):
        LabelTable(LabelTableConfig(init="names", width=3), make_context(tokens=6))


@pytest.mark.parametrize("states", [States(), word_states(4)(["a"])])
def test_an_encoder_that_gives_no_such_tokens_is_refused(make_context: Any, states: States) -> None:
    table = LabelTable(LabelTableConfig(init="names"), make_context(tokens=3))
    with pytest.raises(CompositionError, match=r'^model\.part: init = "names" needs tokens of width 3'):
        table.initialise(NO_CORPUS, lambda names: states)


@pytest.mark.parametrize(
    ("options", "needs"),
    [
        ({}, {"tokens | document"}),
        ({"width": 4}, set()),
        ({"init": "names"}, {"tokens"}),
        ({"init": "descriptions"}, {"tokens"}),
        ({"init": "names", "width": 4}, {"tokens"}),
    ],
)
def test_needs_follow_from_the_options(catalogue: Any, options: dict[str, Any], needs: set[str]) -> None:
    record = catalogue.component("standard/label-table")
    signature = LabelTableConfig(**options).signature(record, {})
    assert signature.needs == needs
    assert signature.gives == {"label_table"}
