"""Ranking every label in chunks: the same as at once, with each side of the model run as often as it must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelloom.compose import model as composed
from labelloom.compose.batches import plain_batch
from labelloom.compose.build import build, prepare
from labelloom.compose.check import check
from labelloom.compose.checked import read_checked
from labelloom.compose.model import Model
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.interfaces import Batch, States
from labelloom.runs import scoring
from labelloom.spec import read_spec

from .conftest import WriteSpec


def batch_of(rows: int, label_count: int = 6) -> Batch:
    ids = torch.arange(label_count)[None]
    return Batch(
        inputs={},
        rows=torch.arange(rows),
        copies=torch.zeros(rows, dtype=torch.int64),
        label_ids=ids,
        label_mask=torch.ones_like(ids, dtype=torch.bool),
        label_count=label_count,
        is_anchor=torch.ones(rows, dtype=torch.bool),
        every_label=True,
    )


def test_nothing_is_kept_where_nothing_is_ranked_in_chunks() -> None:
    made: list[int] = []
    batch = batch_of(2)
    for view in (batch, batch, batch.with_labels(torch.tensor([[1]]))):
        view.once(lambda: made.append(1), "part")
        view.once_for_labels(lambda: made.append(1), "part")
    assert len(made) == 6


def test_what_is_kept_lasts_as_long_as_documents_and_labels_do() -> None:
    batch = replace(batch_of(2), kept={}, kept_of_labels={})
    assert batch.once(lambda: 1, "part") == batch.once(lambda: 2, "part") == 1
    assert batch.once(lambda: 2, "part", "other") == 2
    assert batch.once_for_labels(lambda: 3, "part") == batch.once_for_labels(lambda: 4, "part") == 3
    labels, every = batch.with_labels(torch.tensor([[1]])), batch.with_every_label()
    assert [view.once(lambda: 5, "part") for view in (labels, every)] == [1, 1]
    assert [view.once_for_labels(lambda: 5, "part") for view in (labels, every)] == [5, 5]
    fewer, held = batch.subset(torch.tensor([1])), batch.with_inputs({})
    assert [view.once(lambda: 5, "part") for view in (fewer, held)] == [5, 5]


def test_only_the_fields_asked_for_are_left() -> None:
    states = States(tokens=torch.ones(1), token_mask=torch.ones(2), document=torch.ones(3)).add({"a.b": 4, "a.c": 5})
    left = states.only({"tokens", "a.b", "labels"})
    assert left.tokens is states.tokens
    assert left.token_mask is states.token_mask
    assert (left.document, left.labels, dict(left.extra)) == (None, None, {"a.b": 4})
    assert states.only({"document"}).token_mask is None


BILSTM = {"use": "standard/bilstm", "embedding": 4, "hidden": 4, "min_count": 1}


@pytest.fixture(scope="module")
def make(workplace: Path, write_spec: WriteSpec) -> Callable[..., tuple[Model, Corpus]]:
    """A model over label vectors, untrained, and its corpus."""
    return partial(model_of, workplace / "corpus", write_spec)


@pytest.fixture(scope="module")
def made(make: Callable[..., tuple[Model, Corpus]]) -> tuple[Model, Corpus]:
    """Label vectors that read tokens: everything that can be kept."""
    return make(BILSTM, [{"use": "standard/label-table", "width": 4}, {"use": "standard/label-query", "heads": 2}])


def model_of(
    source: Path, write_spec: WriteSpec, encoder: Mapping[str, Any], modules: Sequence[Mapping[str, Any]]
) -> tuple[Model, Corpus]:
    file = write_spec(
        {
            "name": "kept",
            "data": {"source": str(source)},
            "model": {
                "encoder": encoder,
                "label_modules": modules,
                "predictor": {"use": "standard/label-linear"},
            },
            "tasks": [{"use": "standard/bce"}],
        }
    )
    plan = check(*read_spec(file))
    corpus = load_corpus(plan.spec.data)
    torch.manual_seed(0)
    return build(plan, corpus.labels, prepare(plan, corpus)).model.eval(), corpus


class Calls:
    """How often modules ran."""

    def __init__(self, **modules: Any) -> None:
        self.of = dict.fromkeys(modules, 0)
        for name, module in modules.items():
            module.register_forward_hook(lambda *_, name=name: self.of.update({name: self.of[name] + 1}))


def batches_of(model: Model, columns: Columns, *rows: list[int]) -> list[Batch]:
    return [plain_batch(columns.rows(np.array(own)), model.encoder.reader, 6) for own in rows]


def test_documents_are_read_once_and_labels_once_for_all_documents(made: tuple[Model, Corpus]) -> None:
    model, corpus = made
    texts = [corpus.train.texts[row] for row in range(5)]
    columns = Columns.from_texts(texts, model.encoder.reader)
    dense = scoring.rank_columns(model, columns, 6, 2)
    query: Any = model.label_modules[1]
    calls = Calls(encoder=model.encoder, key=query.key, query=query.query, out=query.out)

    ranked = model.rank_all(batches_of(model, columns, [0, 1], [2, 3], [4]), 6, chunk=2)

    assert calls.of == {"encoder": 3, "key": 3, "query": 3, "out": 9}  # three batches, three chunks
    np.testing.assert_array_equal(torch.cat([labels for labels, _ in ranked]).numpy(), dense.labels)
    np.testing.assert_allclose(torch.cat([scores for _, scores in ranked]).numpy(), dense.scores, rtol=1e-6)


@pytest.mark.parametrize("of_encoder", [False, True])
def test_what_is_made_for_every_label_is_kept_of_one_batch_at_a_time(
    of_encoder: bool, make: Callable[..., tuple[Model, Corpus]]
) -> None:
    """An encoder that gives a vector for each document and label would fill memory with those of several batches."""
    attention = {"use": "standard/label-attention"}
    chain = {"use": "standard/chain", "encoder": BILSTM, "label_modules": [attention]}
    model, corpus = make(chain, []) if of_encoder else make(BILSTM, [attention])
    columns = Columns.from_texts([corpus.train.texts[row] for row in range(4)], model.encoder.reader)
    batches = batches_of(model, columns, [0, 1], [2, 3])
    ran: list[str] = []
    model.encoder.register_forward_hook(lambda *_: ran.append("encoder"))
    model.predictor.register_forward_hook(lambda *_: ran.append("predictor"))

    ranked = model.rank_all(batches, 6, chunk=3)

    one = ["encoder", "predictor", "predictor"]
    assert ran == (one + one if of_encoder else ["encoder"] * 2 + ["predictor"] * 4)
    for batch, (labels, scores) in zip(batches, ranked, strict=True):
        alone = model.rank(batch, 6)
        assert torch.equal(labels, alone[0])
        torch.testing.assert_close(scores, alone[1])


@pytest.mark.parametrize("together", [1, 2])
def test_no_more_batches_wait_than_there_is_memory_for(
    together: int, made: tuple[Model, Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four batches as many go together as it takes to reach the bound."""
    model, corpus = made
    columns = Columns.from_texts([corpus.train.texts[row] for row in range(7)], model.encoder.reader)
    batches = batches_of(model, columns, [0, 1], [2, 3], [4, 5], [6])
    expected = model.rank_all(batches, 6, chunk=3)
    with torch.no_grad():
        tokens = [model.encoder(States(), batch.with_every_label()) for batch in batches]
    sizes = [one.tokens.nbytes + one.token_mask.nbytes for one in tokens]
    monkeypatch.setattr(composed, "_WAITING", sum(sizes[:together]))
    ran: list[str] = []
    hooks = [
        model.encoder.register_forward_hook(lambda *_: ran.append("encoder")),
        model.predictor.register_forward_hook(lambda *_: ran.append("predictor")),
    ]

    ranked = model.rank_all(batches, 6, chunk=3)

    assert ran[: 3 * together] == ["encoder"] * together + ["predictor"] * 2 * together  # of two chunks
    for hook in hooks:
        hook.remove()
    for (labels, scores), (as_before, before) in zip(ranked, expected, strict=True):
        assert torch.equal(labels, as_before)
        torch.testing.assert_close(scores, before)


WHOLE = """
from labelloom import Component, LabelModule

class Centred(LabelModule):
    component = Component(kind="label_module", needs={"labels"}, gives={"labels"}, labels="all")

    def __init__(self, config, context):
        super().__init__(config, context)
        self.widths = {"labels": context.width("labels")}

    def forward(self, states, batch):
        return states.add(labels=states.labels - states.labels.mean(1, keepdim=True))
"""


def test_a_mixture_of_every_label_is_cut_to_each_chunk(workplace: Path, tmp_path: Path) -> None:
    """What comes before a part that needs every label is made once: the text's side stays a mixture meanwhile."""
    (tmp_path / "centred.py").write_text(WHOLE)
    modules = [
        {"use": "standard/label-table", "width": 4},
        {"use": "maacf/label-groups"},
        {"use": "maacf/co-attention"},
        {"use": f"{tmp_path / 'centred.py'}:Centred"},
    ]
    spec = {
        "name": "cut",
        "data": {"source": str(workplace / "corpus")},
        "model": {
            "encoder": {"use": "maacf/multi-aspect", "encoder": BILSTM, "width": 4},
            "label_modules": modules,
            "predictor": {"use": "maacf/ncf", "hidden": 4},
        },
        "tasks": [{"use": "standard/bce"}],
    }
    plan = read_checked(spec, allow_local_code=True)
    corpus = load_corpus(plan.spec.data)
    torch.manual_seed(0)
    model = build(plan, corpus.labels, prepare(plan, corpus)).model.eval()
    columns = Columns.from_texts([corpus.train.texts[row] for row in range(4)], model.encoder.reader)
    (batch,) = batches_of(model, columns, [0, 1, 2, 3])
    with torch.no_grad():
        dense = model(batch.with_every_label())
    labels, scores = model.rank(batch, 6, chunk=2)
    torch.testing.assert_close(dense.gather(1, labels), scores)
    torch.testing.assert_close(scores, dense.sort(1, descending=True).values)


@pytest.mark.parametrize("together", [1, 3, 100])
def test_more_labels_than_fit_at_once_are_ranked_alike(
    together: int, made: tuple[Model, Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, corpus = made
    columns = Columns.from_texts([corpus.train.texts[row] for row in range(8)], model.encoder.reader)
    dense = scoring.rank_columns(model, columns, 6, 3)
    monkeypatch.setattr(scoring, "_LABELS", 5)
    monkeypatch.setattr(scoring, "_FEWEST", 1)
    monkeypatch.setattr(scoring, "_PAIRS", 7)
    monkeypatch.setattr(scoring, "_DOCUMENTS", together)
    chunked = scoring.rank_columns(model, columns, 6, 3)
    np.testing.assert_array_equal(chunked.labels, dense.labels)
    np.testing.assert_allclose(chunked.scores, dense.scores, rtol=1e-6)
