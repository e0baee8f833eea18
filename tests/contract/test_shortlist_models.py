"""Models that score a shortlist: as exact as their ranking of all labels on what is listed, or refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from labelloom.compose import label_index
from labelloom.compose.build import build, prepare
from labelloom.compose.check import check
from labelloom.compose.model import Model
from labelloom.compose.shortlist import Shortlist
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.errors import RunError
from labelloom.evaluation.ranking import Ranking
from labelloom.runs import scoring
from labelloom.runs.classifier import Classifier
from labelloom.spec import read_spec

from .cases import BCE, BILSTM, BPR, CNN, LABEL_MASK, LW_LSTM, NCF, TABLE, Case, Table, paired, spec
from .conftest import WriteSpec
from .helpers import batch_of, of
from .refusals import main, model

COMPARED_BY = {
    "maacf-of-bilstms": "aspects",
    "maacf-of-two-kinds-with-bce": "aspects",
    "clrl-and-clcp-on-maacf": "aspects",
    "ncf-on-lw-lstm": "document",
    "contrast-before-lw-lstm-with-named-table": "document",
}
"""The configurations that can work with a shortlist, and what of a document they find it by."""

DOT = """
from labelloom import Component, Predictor


class Dot(Predictor):
    component = Component(kind="predictor", needs={"document", "label_table"}, gives={"scores"})

    def forward(self, states, batch):
        labels = states.label_table(batch.label_ids)
        return states.add(scores=(labels @ states.document[..., None])[..., 0])
"""
ASPECTS = {"use": "maacf/multi-aspect", "encoders": [CNN, BILSTM], "width": 8}
BESIDE = {**NCF, "text": "labels", "label": "label_table"}
MAACF = model(ASPECTS, NCF, {**TABLE, "width": 8}, {"use": "maacf/label-groups"}, {"use": "maacf/co-attention"})

Make = Callable[..., tuple[Model, Corpus]]


@pytest.fixture
def make(workplace: Path, write_spec: WriteSpec) -> Make:
    """An untrained model of parts, and its corpus."""
    (workplace / "dot.py").write_text(DOT)

    def made(parts: Table, *tasks: Table, source: str = "./corpus") -> tuple[Model, Corpus]:
        whole = {**spec("listed", parts, main(*tasks)), "data": {"source": source}}
        plan = check(*read_spec(write_spec(whole)), allow_local_code=True)
        corpus = load_corpus(plan.spec.data)
        torch.manual_seed(0)
        return build(plan, corpus.labels, prepare(plan, corpus)).model.eval(), corpus

    return made


@pytest.fixture
def dot(make: Make) -> tuple[Model, Corpus]:
    """A model whose scores are the very products that shortlists are made by."""
    return make(model(CNN, {"use": "./dot.py:Dot"}, {**TABLE, "width": 24}), BPR)


def ranked(model: Model, corpus: Corpus, count: int | None, rows: range = range(8), batch_size: int = 3) -> Ranking:
    shortlist = None if count is None else Shortlist(model, count)
    columns = Columns.from_texts(corpus.train.texts.take(list(rows)), model.encoder.reader)
    return scoring.rank_columns(model, columns, 6, batch_size, shortlist)


def test_a_shortlist_of_all_labels_is_exact_or_the_model_is_refused(
    case: Case, loaded: Classifier, corpus: Corpus
) -> None:
    if case.name not in COMPARED_BY:
        with pytest.raises(RunError, match="this model cannot work with a shortlist of labels: "):
            loaded.with_shortlist(6)
        return
    exact = loaded.rank_split(corpus.validation)
    for count in (6, 100):
        found = loaded.with_shortlist(count).rank_split(corpus.validation)
        np.testing.assert_array_equal(found.labels, exact.labels)
        np.testing.assert_allclose(found.scores, exact.scores, rtol=1e-4, atol=1e-6)


@of(*COMPARED_BY)
def test_what_is_listed_is_nearest_and_scores_as_among_all(case: Case, loaded: Classifier, corpus: Corpus) -> None:
    """Against the products of a plain pass of the model over all labels."""
    exact = loaded.rank_split(corpus.validation).to_dense()
    found = loaded.with_shortlist(3).rank_split(corpus.validation)
    assert found.labels.shape == (8, 3)
    model: Model = loaded.model.assembly.model
    with torch.no_grad():
        states = model.states(batch_of(loaded, list(corpus.validation.texts)), model.inference)["main"]
    assert states.label_table is not None
    vectors = states.label_table(torch.arange(6))
    views = states.get(COMPARED_BY[case.name]).reshape(8, -1, vectors.shape[1])
    products = torch.einsum("bad,ld->bal", views, vectors).amax(1)
    for row in range(8):
        nearest = products[row].argsort(descending=True)[:3].tolist()
        expected = sorted(nearest, key=lambda label: -exact[row, label])
        assert found.labels[row].tolist() == expected
        np.testing.assert_allclose(found.scores[row], exact[row, expected], rtol=1e-4, atol=1e-6)


@of(*COMPARED_BY)
def test_a_shortlist_follows_from_its_document_alone(
    loaded: Classifier, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands beside it, in whatever order, and however many pairs and batches go together."""
    texts = [*corpus.validation.texts, ""]
    listed = loaded.with_shortlist(4)
    whole = listed.rank(texts)
    order = np.random.default_rng(0).permutation(len(texts))
    monkeypatch.setattr(scoring, "_FEWEST", 1)
    monkeypatch.setattr(scoring, "_LABELS", 5)
    for batch_size, pairs, waiting in ((1, 1 << 16, 1), (4, 1, 1 << 20), (2, 5, 3000), (9, 27, 1 << 20)):
        listed.batch_size = batch_size
        monkeypatch.setattr("labelloom.compose.model._WAITING", waiting)
        monkeypatch.setattr(scoring, "_PAIRS", pairs)
        other = listed.rank([texts[place] for place in order])
        np.testing.assert_array_equal(other.labels, whole.labels[order])
        np.testing.assert_allclose(other.scores, whole.scores[order], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_products_are_their_own_best_shortlist(count: int, dot: tuple[Model, Corpus]) -> None:
    exact, found = ranked(*dot, None), ranked(*dot, count)
    np.testing.assert_array_equal(found.labels, exact.labels[:, :count])
    np.testing.assert_allclose(found.scores, exact.scores[:, :count], rtol=1e-5)


def test_equal_scores_stand_in_the_order_of_their_labels(dot: tuple[Model, Corpus]) -> None:
    model, corpus = dot
    table: Any = model.label_modules[0]
    with torch.no_grad():
        table.vectors.weight[[4, 1, 3]] = 0
    exact, found = ranked(model, corpus, None), ranked(model, corpus, 4)
    np.testing.assert_array_equal(found.labels, exact.labels[:, :4])
    places = [row.index(1) for row in exact.labels.tolist()]
    assert all(row[place : place + 3] == [1, 3, 4] for row, place in zip(exact.labels.tolist(), places, strict=True))


def test_scores_that_are_no_numbers_are_refused(dot: tuple[Model, Corpus]) -> None:
    model, corpus = dot
    table: Any = model.label_modules[0]
    with torch.no_grad():
        table.vectors.weight[2, 0] = float("nan")
    with pytest.raises(RunError, match="the model's scores of 3 documents are not finite"):
        ranked(model, corpus, 2)


def test_what_the_label_side_reads_is_what_is_compared(make: Make) -> None:
    """An encoder that gives both: `document` for a predictor of it, `aspects` where they are read."""
    table = {**TABLE, "width": 8}
    both, _ = make(model(ASPECTS, {"use": "./dot.py:Dot"}, table), BPR)
    assert Shortlist(both, 2).query == "document"
    assert Shortlist(make(MAACF, BPR)[0], 2).query == "aspects"


class Seen:
    """How many labels each part of a model was asked about, call by call, and the most numbers that one gave."""

    def __init__(self, model: Model) -> None:
        self.labels: dict[str, list[int]] = {}
        self.most = 0
        for node in model.plan.nodes:
            model.part(node.path).register_forward_hook(
                lambda _, inputs, states, path=node.path: self._note(path, inputs[1].label_ids, states)
            )

    def _note(self, path: str, ids: Tensor, states: Any) -> None:
        self.labels.setdefault(path, []).append(ids.shape[1])
        given = [states.get(name) for name in ("labels", "scores", *states.extra)]
        self.most = max([self.most, *(value.numel() for value in given if value is not None)])


@pytest.mark.parametrize(
    ("parts", "encoder"),
    [(MAACF, [1]), (model(LW_LSTM, BESIDE, {**TABLE, "width": 32}), [1, 7])],
    ids=["read once", "read again"],
)
def test_no_part_sees_more_labels_than_are_listed(
    parts: Table, encoder: list[int], make: Make, workplace: Path
) -> None:
    """An encoder that gives a vector for each document and label reads the document a second time, for those listed."""
    folder = Path(shutil.copytree(workplace / "corpus", workplace / "many", dirs_exist_ok=True))
    names = json.loads((folder / "labels.json").read_text())
    (folder / "labels.json").write_text(json.dumps({**names, **{f"rare-{n}": f"rare {n}" for n in range(4994)}}))
    model, corpus = make(parts, BPR, source="./many")
    seen = Seen(model)
    columns = Columns.from_texts(corpus.train.texts.take([0, 1]), model.encoder.reader)
    found = scoring.rank_columns(model, columns, 5000, 2, Shortlist(model, 7))
    assert (found.labels.shape, found.label_count) == ((2, 7), 5000)
    assert seen.labels["model.encoder"] == encoder
    assert seen.labels["model.predictor"] == [7]
    assert seen.most <= 2 * 7 * 32


def refusal(model: Model) -> str:
    with pytest.raises(RunError) as told:
        Shortlist(model, 3)
    return str(told.value).removeprefix("this model cannot work with a shortlist of labels: ")


@of("laco-clcp", "two-branches", "softmax-on-label-attention", "plain-transformer")
def test_models_that_are_refused(case: Case, loaded: Classifier) -> None:
    assert (
        refusal(loaded.model.assembly.model)
        == {
            "laco-clcp": "model.label_modules.0 (laco/cross-attention) works only on every label",
            "two-branches": "it averages the branches seen, coarse, and a shortlist is made for one",
            "softmax-on-label-attention": "its scores share 1 among all labels, and each needs those of all others",
            "plain-transformer": (
                "its scores rest on no label_table: one vector a label, whatever the document\n"
                "    try: a model with standard/label-table: One trained vector a label, the same for every document, "
                "random or from the label's name"
            ),
        }[case.name]
    )


def test_predictions_in_several_passes_are_refused(make: Make) -> None:
    parts = model({**LABEL_MASK, "iterative": 2}, {"use": "lmmtc/slot-linear"})
    assert refusal(make(parts, BCE)[0]) == (
        "model.encoder (lmmtc/label-mask-encoder) predicts in several passes, each of which scores every label"
    )


def test_vectors_of_different_widths_are_refused(make: Make) -> None:
    modules = [{**TABLE, "width": 5}, {"use": "standard/label-query", "heads": 2}]
    found = make(model(CNN, {"use": "standard/label-linear"}, *modules), BCE)[0]
    assert refusal(found) == (
        "document of model.encoder (standard/cnn) has 24 numbers, label_table of model.label_modules.0 "
        "(standard/label-table) 5: vectors of different widths have no product\n"
        "    try: train a model in which both are as wide"
    )


def test_a_model_without_a_vector_of_the_document_is_refused(make: Make) -> None:
    found = make(model(paired(LW_LSTM), BESIDE, {**TABLE, "width": 32}), BCE)[0]
    assert refusal(found) == "no part of it gives document or aspects: a vector that a document is compared by"


def test_settings_that_say_nothing_are_refused(dot: tuple[Model, Corpus]) -> None:
    with pytest.raises(ValueError, match="a shortlist must have at least 1 label, not 0"):
        Shortlist(dot[0], 0)
    with pytest.raises(ValueError, match="the index of a shortlist must be one of torch, faiss, not 'hnsw'"):
        Shortlist(dot[0], 1, "hnsw")  # type: ignore[arg-type]


def test_faiss_makes_its_clusters_once_and_finds_the_same_among_few(
    dot: tuple[Model, Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, corpus = dot
    made: list[int] = []
    monkeypatch.setattr(
        "labelloom.compose.shortlist.LabelIndex", lambda *told: made.append(told[1]) or label_index.LabelIndex(*told)
    )
    shortlist = Shortlist(model, 6, "faiss")
    columns = Columns.from_texts(corpus.train.texts.take(range(8)), model.encoder.reader)
    exact = ranked(model, corpus, None)
    for _ in range(2):
        found = scoring.rank_columns(model, columns, 6, 3, shortlist)
        np.testing.assert_array_equal(found.labels, exact.labels)
    assert made == [6]
