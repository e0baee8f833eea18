"""How documents lie in a run's vectors: figures against loops and scikit-learn, the picture, and the command."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.decomposition import PCA
from typer.testing import CliRunner, Result

import labelloom
from labelloom.cli.app import app
from labelloom.data.label_sets import LabelSets
from labelloom.runs.folder import RunFolder
from labelloom.runs.network import Network
from labelloom.runs.splits import own_corpus
from labelloom_clmil.representations import measures, representations
from labelloom_clmil.representations.groups import CLASSES, classes_of
from labelloom_clmil.representations.measures import (
    alignment,
    mean_cosine,
    normalised,
    principal_components,
    uniformity,
)
from labelloom_clmil.representations.scatter import Cloud, projected, scatter_svg
from labelloom_clmil.representations.vectors import document_vectors, untrained

SVG = "{http://www.w3.org/2000/svg}"
whole_numbers = arrays.arrays(np.int8, st.tuples(st.integers(2, 9), st.integers(1, 4)), elements=st.integers(-3, 3))


@settings(max_examples=100, deadline=None)
@given(whole_numbers, st.integers(1, 50))
def test_figures_are_those_of_pairs_taken_one_by_one(values: np.ndarray, at_once: int) -> None:
    """Vectors of zeros and equal ones among them, and pieces of any size."""
    vectors = normalised(values)
    for own, row in zip(vectors.tolist(), values.tolist(), strict=True):
        length = math.sqrt(sum(value * value for value in row))
        assert own == pytest.approx([value / length if length else 0 for value in row])
    near, cosines = [], []
    for i in range(len(vectors)):
        for j in range(len(vectors)):
            if i != j:
                near.append(math.exp(-2 * sum((a - b) ** 2 for a, b in zip(vectors[i], vectors[j], strict=True))))
                cosines.append(sum(a * b for a, b in zip(vectors[i], vectors[j], strict=True)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "_AT_ONCE", at_once)
        assert uniformity(vectors) == pytest.approx(math.log(sum(near) / len(near)), abs=1e-9)
    assert mean_cosine(vectors) == pytest.approx(sum(cosines) / len(cosines), abs=1e-9)
    other = vectors[::-1]
    pairs = [sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for x, y in zip(vectors, other, strict=True)]
    assert alignment(vectors, other) == pytest.approx(sum(pairs) / len(pairs), abs=1e-9)


def test_vectors_that_are_alike_and_vectors_far_apart() -> None:
    assert uniformity(np.tile([0.6, 0.8], (5, 1))) == pytest.approx(0)
    assert uniformity(np.array([[1.0, 0], [-1, 0]])) == pytest.approx(-8)
    assert mean_cosine(np.array([[1.0, 0], [-1, 0]])) == -1


@pytest.mark.parametrize(("count", "width"), [(40, 6), (5, 12), (30, 3)])
def test_principal_components_are_those_of_scikit_learn(count: int, width: int) -> None:
    vectors = np.random.default_rng(count).normal(size=(count, width)) * np.arange(1, width + 1)
    places, shares = principal_components(vectors)
    truth = PCA(3, svd_solver="full").fit(vectors)
    np.testing.assert_allclose(shares, truth.explained_variance_ratio_, rtol=1e-9)
    expected = truth.transform(vectors)
    for axis in range(3):
        loadings = truth.components_[axis]
        sign = math.copysign(1, loadings[np.abs(loadings).argmax()])
        np.testing.assert_allclose(places[:, axis], sign * expected[:, axis], atol=1e-9)


def test_axes_that_there_are_not_are_zeros() -> None:
    places, shares = principal_components(np.array([[1.0, 0], [3.0, 0]]))
    np.testing.assert_allclose(places, [[-1, 0, 0], [1, 0, 0]])
    np.testing.assert_allclose(shares, [1, 0, 0])
    places, shares = principal_components(np.ones((4, 5)))
    assert not places.any()
    assert not shares.any()


@given(st.lists(st.frozensets(st.integers(0, 4)), min_size=1, max_size=8))
def test_a_class_is_which_groups_the_labels_are_in(documents: list[frozenset[int]]) -> None:
    groups = np.array([0, 1, 2, 2, 0], dtype=np.int8)
    found = classes_of(LabelSets.from_lists([sorted(own) for own in documents], 5), groups)
    for own, kind in zip(documents, found, strict=True):
        names = enumerate(("head", "mid", "tail"))
        there = [name for place, name in names if any(groups[each] == place for each in own)]
        assert CLASSES[kind] == (", ".join(there) or "no label")


def test_the_view_is_along_parallel_lines() -> None:
    """Three directions at right angles and of length 1: distances stay, and what is higher is drawn higher."""
    seen = projected(np.eye(3))
    np.testing.assert_allclose(seen @ seen.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(seen) > 0, "a mirror image"
    assert seen[2, 1] > abs(seen[0, 1])
    assert seen[2, 0] == pytest.approx(0)


def test_the_picture_has_every_document_in_its_colour_on_one_scale() -> None:
    draw = np.random.default_rng(0)
    wide, narrow = draw.normal(size=(30, 3)), draw.normal(size=(20, 3)) / 10
    clouds = [
        Cloud("a & <b>", "about", wide, draw.integers(1, 8, 30)),
        Cloud("other", "narrow", narrow, draw.integers(0, 3, 20)),
    ]
    root = ElementTree.fromstring(scatter_svg("title", clouds, CLASSES))
    circles = list(root.iter(f"{SVG}circle"))
    points = [each for each in circles if len(each)]
    told = [each.find(f"{SVG}title").text for each in points]  # type: ignore[union-attr]
    for cloud, names in ((clouds[0], told[:30]), (clouds[1], told[30:])):
        assert sorted(map(str, names)) == sorted(CLASSES[kind] for kind in cloud.classes)
    colours = {str(name): each.get("fill") for name, each in zip(told, points, strict=True)}
    assert len(set(colours.values())) == len(colours)
    texts = [str(each.text) for each in root.iter(f"{SVG}text")]
    assert texts[:3] == ["title", "a & <b>", "about"]
    for kind, name in enumerate(CLASSES):
        counts = [int((cloud.classes == kind).sum()) for cloud in clouds]
        assert (f"{name} ({counts[0]}, {counts[1]})" in texts) == any(counts)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    spread = []
    for some in (points[:30], points[30:]):
        places = np.array([[float(each.get("cx", 0)), float(each.get("cy", 0))] for each in some])
        assert (places > 0).all()
        assert (places < [width, height]).all()
        spread.append(np.ptp(places, axis=0).max())
    assert spread[0] > 5 * spread[1]
    reach = f"{np.abs(wide).max():.2g}"
    assert [text for text in texts if text.startswith("PC")] == [f"PC {axis} = {reach}" for axis in (1, 2, 3)] * 2
    # No document hides what stands at the ends of the axes.
    drawn = list(root)
    labels = [place for place, each in enumerate(drawn) if str(each.text).startswith("PC")]
    assert drawn.index(points[29]) < labels[0]
    assert drawn.index(points[-1]) < labels[3]


def test_nearer_documents_are_drawn_over_farther_ones() -> None:
    places = np.random.default_rng(1).normal(size=(7, 3))
    root = ElementTree.fromstring(scatter_svg("t", [Cloud("", "", places, np.arange(1, 8))], CLASSES))
    names = [each.find(f"{SVG}title").text for each in root.iter(f"{SVG}circle") if len(each)]  # type: ignore[union-attr]
    assert names == [CLASSES[kind + 1] for kind in np.argsort(projected(places)[:, 2])]


def write_corpus(folder: Path) -> Path:
    """Documents of four words: each second one has the frequent label, and of training each third a rare one."""
    words = ["graphs", "texts", "cells", "rare", "we", "show"]
    folder.mkdir()
    for split, count in (("train", 80), ("validation", 12), ("test", 14)):
        lines = []
        for row in range(count):
            labels = ["often"] * (row % 2) + [f"seldom{row % 12}"] * (row % 3 == 0 and split == "train")
            text = " ".join(words[(row * step) % 6] for step in (1, 2, 3, 5))
            lines.append(json.dumps({"text": text, "labels": labels or ["other"]}))
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    return folder


def spec_of(source: Path, bert: Path) -> dict[str, Any]:
    encoder = {"use": "laco/joint-encoder", "pretrained": str(bert), "max_length": 40, "dropout": 0.0}
    encoder |= {"label_tokens": "added"}
    contrast = {
        "name": "contrast",
        "samplers": [{"use": "clmil/label-frequency-contrast", "low_frequency": 10}],
        "tasks": [{"use": "clmil/info-nce"}],
        "options": {"model.encoder": {"text_alone": True, "dropout": 0.1}},
        "training": {"keep": "last", "steps": 3},
    }
    classify = {"name": "classify", "tasks": [{"use": "standard/bce"}]}
    return {
        "name": "contrasted",
        "data": {"source": str(source)},
        "model": {"encoder": encoder, "predictor": {"use": "standard/linear"}},
        "training": {"steps": 2, "batch_size": 8, "learning_rate": 1e-3},
        "stages": [contrast, classify],
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, bert: Path) -> Path:
    folder = tmp_path_factory.mktemp("representations")
    made = labelloom.train(spec_of(write_corpus(folder / "corpus"), bert), output=folder / "runs")
    return made.path


@pytest.fixture
def told() -> Callable[..., Result]:
    def run_command(*arguments: object) -> Result:
        return CliRunner().invoke(app, ["clmil/representations", *map(str, arguments)])

    return run_command


def vectors_by_hand(classifier: labelloom.Classifier, texts: Sequence[str], alone: bool) -> np.ndarray:
    """The first special token's state of each document, by itself, as the encoder reads it."""
    assert isinstance(classifier.model, Network)
    encoder: Any = classifier.model.assembly.model.encoder
    found = []
    for text in texts:
        ids = torch.tensor([encoder.reader.tokenizer(text)["input_ids"]])
        segments = torch.zeros_like(ids)
        if not alone:
            ids = torch.cat([ids, encoder.pieces[None]], 1)
            segments = torch.cat([segments, encoder.segments[None]], 1)
        with torch.no_grad():
            found.append(encoder.model(input_ids=ids, token_type_ids=segments).last_hidden_state[0, 0].numpy())
    return np.stack(found)


@pytest.mark.parametrize("stage", [None, "contrast"])
def test_figures_of_a_run_are_those_of_its_vectors(run: Path, stage: str | None) -> None:
    classifier, folder = labelloom.load(run), RunFolder(run)
    corpus = own_corpus(folder, classifier.data)
    test = corpus.splits["test"]
    before, after = representations(classifier, folder, corpus, test, stage=stage, before=True, batch_size=4)
    texts = list(test.texts.take(np.arange(len(test))))
    vectors = normalised(vectors_by_hand(classifier, texts, alone=stage == "contrast"))
    assert after.uniformity == pytest.approx(uniformity(vectors), abs=1e-5)
    assert after.mean_cosine == pytest.approx(mean_cosine(vectors), abs=1e-5)
    np.testing.assert_allclose(np.abs(after.places), np.abs(principal_components(vectors)[0]), atol=1e-4)
    assert (before.trained, after.trained, after.documents) == (False, True, 14)
    assert before.uniformity != after.uniformity
    # Only in the contrastive stage does the encoder have dropout.
    assert (after.alignment is None) == (before.alignment is None) == (stage is None)
    assert after.alignment is None or 0 < after.alignment < 2
    again = representations(classifier, folder, corpus, test, stage=stage, before=True, batch_size=4)
    assert [each.to_json() for each in again] == [before.to_json(), after.to_json()]


def test_the_model_before_training_is_the_one_that_training_began_with(run: Path, tmp_path: Path, bert: Path) -> None:
    """One step of a rate this small moves no weight that is not 0."""
    spec = spec_of(Path(labelloom.load(run).data.source), bert)
    spec["training"] |= {"steps": 1, "learning_rate": 1e-30}
    spec["stages"] = spec["stages"][1:]
    spec["stages"][0]["training"] = {"keep": "last"}
    still = labelloom.train(spec, output=tmp_path).path
    classifier = labelloom.load(still)
    assert isinstance(classifier.model, Network)
    corpus = own_corpus(RunFolder(still), classifier.data)
    state = torch.get_rng_state()
    fresh = untrained(classifier.model, RunFolder(still), corpus)
    assert torch.equal(state, torch.get_rng_state())
    trained = classifier.model.assembly.state_dict()
    for name, weight in fresh.assembly.state_dict().items():
        torch.testing.assert_close(weight, trained[name], rtol=0, atol=1e-20)


def test_passes_of_training_differ_as_the_stage_says_and_the_model_is_left_as_it_was(run: Path) -> None:
    classifier = labelloom.load(run)
    network = classifier.model
    assert isinstance(network, Network)
    validation = own_corpus(RunFolder(run), classifier.data).validation
    own = network.assembly.model.encoder.config
    stage = network.plan.stages[0]
    state = torch.get_rng_state()
    whole, one, other = document_vectors(network, validation, stage, 5)
    assert torch.equal(state, torch.get_rng_state())
    assert (one != other).any(1).all()
    assert (whole != one).any(1).all()
    assert network.assembly.model.encoder.config is own
    assert not network.assembly.training
    plain = document_vectors(network, validation, None, 5)
    assert np.array_equal(plain[0], plain[1])
    assert np.array_equal(plain[1], plain[2])


def test_the_command_prints_and_draws(run: Path, told: Callable[..., Result], tmp_path: Path) -> None:
    picture = tmp_path / "figure.svg"
    result = told(run, run, "--before", "--stage", "contrast", "--output", picture)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].split() == ["run", "split", "documents", "uniformity", "alignment", "mean", "cosine"]
    assert [line.partition("training")[0].strip() for line in lines[1:5]] == [
        "contrasted, before",
        "contrasted, after",
    ] * 2
    assert lines[-1] == f"drawn to {picture}"
    texts = [each.text for each in ElementTree.parse(picture).getroot().iter(f"{SVG}text")]
    assert texts[0] == "14 documents of test by the groups of their labels"
    assert texts.count("contrasted, after training") == 2
    assert (
        texts[-1]
        == "groups by documents in training: head has 5.6% of them or more, mid 1.9% of them or more, tail fewer"
    )


def test_the_bounds_of_the_groups(run: Path, told: Callable[..., Result]) -> None:
    frequency = labelloom.load_corpus(labelloom.load(run).data).statistics.frequency
    most = int(frequency.max())
    (one,) = json.loads(told(run, "--head", most, "--mid", most, "--json").output)
    assert any("tail" in name for name in one["classes"])
    (one,) = json.loads(told(run, "--head", 1, "--mid", 1, "--json").output)
    assert set(one["classes"]) <= {"head", "no label"}
    result = told(run, "--head", 1, "--mid", most + 1)
    assert result.exit_code == 2
    assert "mid must not begin above head" in " ".join(result.stderr.replace("│", " ").split())


def test_the_command_gives_json(run: Path, told: Callable[..., Result]) -> None:
    result = told(run, "--json", "--split", "train", "--documents", 11)
    (found,) = json.loads(result.output)
    assert (found["run"], found["trained"], found["stage"]) == ("contrasted", True, None)
    assert (found["split"], found["documents"], found["alignment"]) == ("train", 11, None)
    assert sum(found["classes"].values()) == 11
    assert found["uniformity"] < 0
    shown = told(run).output
    assert "alignment –: two passes are the same, as without dropout" in shown


def test_the_section_has_what_the_command_tells_of_one_run(run: Path, told: Callable[..., Result]) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(run), "--section", "clmil/representations", "--json"])
    assert result.exit_code == 0, result.output
    section = json.loads(result.stdout)["sections"]["clmil/representations"]
    (found,) = json.loads(told(run, "--json").output)
    (table,) = section["tables"]
    assert table["columns"] == ["documents", "uniformity", "alignment", "mean cosine"]
    assert table["rows"] == [[14, found["uniformity"], found["alignment"], found["mean_cosine"]]]
    (figure,) = section["figures"]
    assert figure["svg"].count("<circle") >= 14


def test_what_cannot_be_shown_is_refused(run: Path, told: Callable[..., Result], tmp_path: Path) -> None:
    result = told(run, "--stage", "contrst")
    assert result.exit_code == 1
    assert "contrasted has no stage 'contrst'\n    try: contrast\n    try: classify" in result.stderr
    assert "does not end in .svg" in told(run, "--output", tmp_path / "x.png").stderr
    assert "there is no folder" in told(run, "--output", tmp_path / "none" / "x.svg").stderr
