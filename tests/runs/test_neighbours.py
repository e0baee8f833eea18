"""The neighbours of a document by label: where they are known, against a plain loop, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import labelloom
from labelloom.compose.batches import make_batch, plain_draw
from labelloom.errors import DataError, RunError
from labelloom.evaluation.neighbours import Neighbour
from labelloom.runs.neighbours import LabelWise
from labelloom.runs.network import Network
from labelloom.spec.data import DataSettings

from ..training.small import spec_on

PLANTED = str(Path(__file__).with_name("planted.py"))

DOCUMENTS = [
    ("origin", "1 0  0 2", ["rock"]),
    ("same", "2 0  0 1", ["rock", "metal"]),
    ("opposite", "-3 0  1 0", ["rock"]),
    ("between", "1 1  0 -1", ["metal"]),
    ("empty", "0 0  0 0", []),
    ("again", "5 0  3 3", ["metal"]),
]
"""Id, the vectors of the labels `metal` and `rock`, the labels that it carries."""


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus whose training split is `DOCUMENTS`."""
    folder = tmp_path_factory.mktemp("songs")
    others = [("valid", "1 1  1 1", ["rock"]), ("other", "0 1  1 0", ["metal"]), ("bare", "0 1  1 0", [])]
    for split, documents in {"train": DOCUMENTS, "validation": others, "test": others[:1]}.items():
        rows = [{"id": name, "text": text, "labels": labels} for name, text, labels in documents]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module", params=["Planted", "Whole"])
def planted(request: pytest.FixtureRequest, songs: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A classifier whose encoder takes label vectors from the text."""
    model = {"encoder": {"use": f"{PLANTED}:{request.param}"}, "predictor": {"use": "standard/label-linear"}}
    spec = spec_on(songs, model=model, training={"epochs": 1})
    run = labelloom.train(spec, output=tmp_path_factory.mktemp("planted"), allow_local_code=True)
    return labelloom.load(run.path, allow_local_code=True)


@pytest.fixture(scope="module")
def attentive(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with label attention on a BiLSTM with dropout."""
    return labelloom.train(with_attention(corpus), output=tmp_path_factory.mktemp("attentive")).path


def with_attention(corpus: Path, **changes: Any) -> dict[str, Any]:
    spec = spec_on(corpus, training={"epochs": 1})
    spec["model"] |= {
        "label_modules": [{"use": "standard/label-attention"}],
        "predictor": {"use": "standard/label-linear"},
        **changes,
    }
    return spec


def test_the_neighbours_that_were_planted(planted: Any, songs: Path) -> None:
    found = planted.neighbours(labelloom.load_corpus(str(songs)), "origin", ["metal"], count=3)
    assert (found.document, found.split, found.labels, found.among) == ("origin", "train", ("rock",), "train")
    assert (found.compared, found.in_all) == (5, {"metal": 0.6, "rock": 0.4})  # of all but itself
    (by_metal,) = found.by_label
    assert (by_metal.label, by_metal.name, by_metal.carried) == ("metal", "metal", False)
    assert by_metal.nearest == (
        Neighbour("same", 1.0, ("metal", "rock")),  # before `again`, which is as near, in the order of rows
        Neighbour("again", 1.0, ("metal",)),
        Neighbour("between", 1 / 2**0.5, ("metal",)),
    )
    assert list(by_metal.shares.items()) == [("metal", 1.0), ("rock", pytest.approx(1 / 3))]


def test_its_own_labels_are_the_default_and_there_may_be_fewer_than_asked_for(planted: Any, songs: Path) -> None:
    found = planted.neighbours(labelloom.load_corpus(str(songs)), "origin")
    (by_rock,) = found.by_label
    assert (by_rock.label, by_rock.carried) == ("rock", True)
    assert [near.document for near in by_rock.nearest] == ["same", "again", "opposite", "empty", "between"]
    assert [near.similarity for near in by_rock.nearest] == pytest.approx([1, 0.5**0.5, 0, 0, -1])
    assert by_rock.shares == {"metal": 0.6, "rock": 0.4}


def test_nothing_is_near_a_vector_of_zeros(planted: Any, songs: Path) -> None:
    found = planted.neighbours(labelloom.load_corpus(str(songs)), "empty", ["metal"])
    assert (found.by_label[0].nearest, found.by_label[0].shares) == ((), {})
    assert (found.compared, found.in_all) == (5, {"metal": 0.6, "rock": 0.6})


def test_several_labels_and_another_split(planted: Any, songs: Path) -> None:
    corpus = labelloom.load_corpus(str(songs))
    found = planted.neighbours(corpus, "origin", ["rock", "metal", "rock"], split="validation", count=1)
    assert [(each.label, each.nearest[0].document) for each in found.by_label] == [
        ("rock", "valid"),
        ("metal", "valid"),
    ]
    assert (found.among, found.compared) == ("validation", 3)
    assert found.in_all == {"metal": pytest.approx(1 / 3), "rock": pytest.approx(1 / 3)}
    found = planted.neighbours(corpus, "other", count=1)
    assert (found.split, found.by_label[0].nearest[0].document) == ("validation", "between")


def test_another_document_of_the_same_id_is_not_left_out(planted: Any, tmp_path: Path) -> None:
    """Ids are unique within a split alone; the same document in two splits is still none of its neighbours."""
    splits = {
        "train": [("1", "1 0  0 1", ["metal"]), ("2", "1 1  0 1", ["rock"])],
        "validation": [("1", "2 1  0 1", ["rock"]), ("2", "1 1  0 1", ["rock"])],
    }
    for split, documents in splits.items():
        rows = [{"id": name, "text": text, "labels": labels} for name, text, labels in documents]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = labelloom.load_corpus(str(tmp_path))

    def found(document: str, split: str) -> list[str]:
        (by_metal,) = planted.neighbours(corpus, document, ["metal"], split=split).by_label
        return [near.document for near in by_metal.nearest]

    assert found("train:1", "validation") == ["1", "2"]
    assert found("validation:1", "validation") == ["2"]
    assert found("train:1", "train") == ["2"]
    assert found("2", "validation") == ["1"]
    with pytest.raises(DataError, match="'1' is the id of different documents in train, validation") as told:
        found("1", "train")
    assert "train:1" in str(told.value)
    with pytest.raises(DataError, match="no document has the id 'validation:3'"):
        found("validation:3", "train")


def test_they_are_those_of_a_loop_over_documents(attentive: Path, corpus: Path) -> None:
    """One document at a time and every label, in float64; any batch gives the same, and no dropout is left on."""
    classifier = labelloom.load(attentive)
    network = classifier.model
    assert isinstance(network, Network)
    model, data = network.assembly.model, labelloom.load_corpus(classifier.data)

    def vectors(text: str) -> np.ndarray:
        inputs = model.encoder.reader
        rows = [dict(zip(columns, values, strict=True)) for columns, values in [_row(inputs.tokenize([text]))]]
        batch = make_batch(inputs.collate(rows), plain_draw(1), 6)
        with torch.no_grad():
            labels = model.states(batch, network.plan.inference)["main"].labels
        assert labels is not None
        return labels[0].double().numpy()

    asked = ["L5", "L0"]
    document = "validation-3"
    target = vectors(data.validation.texts[3])
    every = [vectors(text) for text in data.train.texts]
    for classifier.batch_size in (1, 5, 32):
        model.train()  # the caller's mode is its own and does not reach the vectors
        found = classifier.neighbours(data, document, asked, count=7)
        assert model.training
        model.eval()
        for near, code in zip(found.by_label, asked, strict=True):
            label = classifier.labels.index(code)
            similar = [
                float(own[label] @ target[label] / np.linalg.norm(own[label]) / np.linalg.norm(target[label]))
                for own in every
            ]
            order = sorted(range(len(similar)), key=lambda row: -similar[row])[:7]
            assert [each.similarity for each in near.nearest] == pytest.approx(
                [similar[row] for row in order], abs=1e-6
            )
            assert [each.document for each in near.nearest] == [data.train.ids[row] for row in order]


def _row(columns: dict[str, list[Any]]) -> tuple[list[str], list[Any]]:
    return list(columns), [
        np.asarray(values[0]) if isinstance(values[0], list) else values[0] for values in columns.values()
    ]


def test_only_what_the_label_vectors_rest_on_runs(attentive: Path) -> None:
    network = labelloom.load(attentive).model
    assert isinstance(network, Network)
    wise = LabelWise(network, [0], None, 8)
    assert wise.live == {"model.encoder", "model.label_modules.0"}
    assert not wise.every_label


def test_branches_with_vectors_of_their_own(corpus: Path, tmp_path: Path) -> None:
    spec = spec_on(corpus, training={"epochs": 1})
    own = {"label_modules": [{"use": "standard/label-attention"}], "predictor": {"use": "standard/label-linear"}}
    plain = {"name": "plain", "predictor": {"use": "standard/linear"}}
    del spec["model"]["predictor"]
    spec["model"]["branches"] = [{"name": "fine", **own}, {"name": "coarse", **own}, plain]
    spec["tasks"] = [{"use": "standard/bce", "branch": name, "name": name} for name in ("fine", "coarse", "plain")]
    classifier = labelloom.load(labelloom.train(spec, output=tmp_path).path)
    data = labelloom.load_corpus(classifier.data)
    fine, coarse = (classifier.neighbours(data, "train-0", ["L1"], branch=name) for name in ("fine", "coarse"))
    assert fine.by_label[0].nearest[0].similarity != coarse.by_label[0].nearest[0].similarity
    with pytest.raises(RunError) as error:
        classifier.neighbours(data, "train-0")
    assert str(error.value).splitlines() == [
        "the branches fine, coarse give vectors of labels, each its own: say which is meant",
        "    try: branch fine",
        "    try: branch coarse",
    ]
    with pytest.raises(RunError) as error:
        classifier.neighbours(data, "train-0", branch="plain")
    assert str(error.value).splitlines() == [
        "no branch 'plain' gives vectors of labels",
        "    try: branch fine",
        "    try: branch coarse",
    ]


def test_one_branch_among_several_needs_no_name(corpus: Path, tmp_path: Path) -> None:
    spec = with_attention(corpus)
    predictors = {"labelled": {"use": "standard/label-linear"}, "plain": {"use": "standard/linear"}}
    del spec["model"]["predictor"]
    spec["model"]["branches"] = [{"name": name, "predictor": part} for name, part in predictors.items()]
    spec["tasks"] = [{"use": "standard/bce", "branch": name, "name": name} for name in predictors]
    classifier = labelloom.load(labelloom.train(spec, output=tmp_path).path)
    found = classifier.neighbours(labelloom.load_corpus(classifier.data), "train-0", ["L1"])
    assert len(found.by_label[0].nearest) == 20


def test_a_model_without_label_vectors(run: Path) -> None:
    classifier = labelloom.load(run)
    with pytest.raises(RunError) as error:
        classifier.neighbours(labelloom.load_corpus(classifier.data), "train-0")
    first, *others = str(error.value).splitlines()
    assert first == (
        "no part of this model gives labels: vectors of labels in view of a document, to compare documents by"
    )
    assert any(line.startswith("    try: a model with standard/label-attention: ") for line in others)


def test_a_linear_baseline(corpus: Path, tmp_path: Path) -> None:
    run = labelloom.train_baseline(str(corpus), overrides=["baseline.ngrams=[1]", "baseline.c=[1]"], output=tmp_path)
    classifier = labelloom.load(run.path)
    with pytest.raises(RunError) as error:
        classifier.neighbours(labelloom.load_corpus(classifier.data), "train-0")
    assert str(error.value).splitlines() == [
        f"{classifier.name} is a linear baseline, which has no vectors of labels to compare documents by",
        "    try: a run of labelloom train whose model gives labels",
    ]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("orign",), "{corpus}: no document has the id 'orign'\n    try: origin"),
        (("origin", ["metl"]), "no label has the code 'metl'; there are 2\n    try: metal"),
        (("bare",), "bare carries no label to compare it by\n    try: name labels of the run"),
    ],
)
def test_what_is_not_there(asked: tuple[Any, ...], message: str, planted: Any, songs: Path) -> None:
    corpus = labelloom.load_corpus(str(songs))
    with pytest.raises(DataError) as error:
        planted.neighbours(corpus, *asked)
    assert str(error.value) == message.format(corpus=corpus.name)


def test_nothing_to_compare_with(planted: Any, songs: Path) -> None:
    corpus = labelloom.load_corpus(str(songs))
    with pytest.raises(DataError, match="the test split has no other document than valid"):
        planted.neighbours(corpus, "valid", split="test")  # it stands in two splits
    with pytest.raises(ValueError, match="count must be at least 1, not 0"):
        planted.neighbours(corpus, "origin", count=0)
    with pytest.raises(ValueError, match="no label is asked for: name one at least, or leave labels out for those of"):
        planted.neighbours(corpus, "origin", [])
    without_test = labelloom.load_corpus(DataSettings(source=str(songs / "train.jsonl"), validation=0.5))
    with pytest.raises(DataError, match="there is no test split"):
        planted.neighbours(without_test, "origin", split="test")


def test_vectors_that_are_not_finite(attentive: Path) -> None:
    classifier = labelloom.load(attentive)
    assert isinstance(classifier.model, Network)
    with torch.no_grad():
        next(classifier.model.assembly.parameters()).fill_(torch.nan)
    with pytest.raises(RunError) as error:
        classifier.neighbours(labelloom.load_corpus(classifier.data), "train-0")
    assert str(error.value).splitlines() == [
        "the model gives labels vectors that are not finite",
        "    try: train it anew with a lower training.learning_rate",
    ]
