"""`labelloom standard/attention`: attention between label slots, against attention worked out from the weights."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from torch import Tensor
from typer.testing import CliRunner, Result

import labelloom
from labelloom.cli.app import app
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.errors import RunError
from labelloom.interfaces import Batch
from labelloom_lmmtc.label_mask_encoder import LabelMaskEncoder
from labelloom_standard.slot_analysis import label_attention
from labelloom_standard.slot_analysis.attention import chosen_encoder, eager, mean_slot_attention, slot_attention

Build = Callable[..., LabelMaskEncoder]
TEXTS = ["a graph of words .", "text", "", "a neural network of words of a text of a graph"]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def batch_of(make_batch: Callable[..., Batch]) -> Callable[..., Batch]:
    def make(encoder: LabelMaskEncoder, texts: list[str], **fields: Any) -> Batch:
        columns = encoder.reader.tokenize(texts)
        rows = [{name: values[place] for name, values in columns.items()} for place in range(len(texts))]
        return make_batch(len(texts), inputs=encoder.reader.collate(rows), **fields)

    return make


def by_hand(encoder: LabelMaskEncoder, text: str, layer: int) -> list[list[float]]:
    """One document alone, one head and one label after the other: softmax of q k / sqrt(d) at the masked slots."""
    words = encoder.reader.tokenize([text])["ids"][0]
    slots = encoder.template(None)[0].tolist()
    before = encoder.config.place == "before-cls"
    whole = [*slots, *words] if before else [words[0], *slots, *words[1:]]
    states = encoder.model(input_ids=torch.tensor([whole]), output_hidden_states=True).hidden_states[layer][0]
    attention = encoder.model.encoder.layer[layer].attention.self
    q, k = attention.query(states), attention.key(states)
    size = 32 // 2
    places = [(0 if before else 1) + 3 * label + 1 for label in range(5)]
    found = [[0.0] * 5 for _ in range(5)]
    for head in range(2):
        own = slice(head * size, (head + 1) * size)
        for i in range(5):
            logits = [(q[places[i], own] @ k[each, own]).item() / math.sqrt(size) for each in range(len(whole))]
            total = sum(math.exp(logit) for logit in logits)
            for j in range(5):
                found[i][j] += math.exp(logits[places[j]]) / total / 2
    return found


@pytest.mark.parametrize("layers", ["last", "all"])
@pytest.mark.parametrize("place", ["after-cls", "before-cls"])
@torch.no_grad()
def test_attention_worked_out_from_the_weights(
    build: Build, batch_of: Callable[..., Batch], place: str, layers: Any
) -> None:
    encoder = build(place=place, attention="eager")
    for layer in encoder.model.encoder.layer:
        layer.attention.self.query.weight.mul_(40)  # so that it is far from uniform
    found = slot_attention(encoder, batch_of(encoder, TEXTS), layers)
    for row, text in enumerate(TEXTS):
        chosen = [1] if layers == "last" else [0, 1]
        expected = sum(torch.tensor(by_hand(encoder, text, layer), dtype=torch.float64) for layer in chosen)
        torch.testing.assert_close(found[row], expected / len(chosen))
    assert found.std() > 0.01


def test_the_kernel_is_exchanged_and_comes_back(build: Build, batch_of: Callable[..., Batch]) -> None:
    encoder = build(attention="sdpa")
    with eager(encoder.model), torch.no_grad():
        found = slot_attention(encoder, batch_of(encoder, TEXTS))
    assert encoder.model.config._attn_implementation == "sdpa"
    with torch.no_grad():
        other = build(attention="eager")
        torch.testing.assert_close(found, slot_attention(other, batch_of(other, TEXTS)))


def test_a_model_that_does_not_tell_its_attention(build: Build, batch_of: Callable[..., Batch]) -> None:
    encoder = build()
    plain = encoder.model.forward
    for told in (None, (), (torch.zeros(1, 2, 3, 3),), (None,)):
        encoder.model.forward = lambda told=told, **inputs: SimpleNamespace(
            attentions=told, last_hidden_state=plain(**inputs).last_hidden_state
        )
        with pytest.raises(RunError) as caught:
            slot_attention(encoder, batch_of(encoder, TEXTS))
        assert str(caught.value) == (
            "model.part: bert does not tell what each position pays to each other of its attention\n"
            "    try: a run with a model such as BERT"
        )


def test_which_encoder_is_looked_at(build: Build) -> None:
    one, other, alone = build(), build(), build(text_alone=True)

    def of(**parts: Any) -> Any:
        return SimpleNamespace(parts={f"model.{name}": part for name, part in parts.items()})

    assert chosen_encoder(of(encoder=one, predictor=torch.nn.Linear(1, 1)), None) is one
    assert chosen_encoder(of(one=one, alone=alone), None) is one
    assert chosen_encoder(of(one=one, other=other), "model.other") is other
    refusals = {
        (None, "one other"): "part: several encoders have labels in their input\n"
        "    try: model.one\n    try: model.other",
        ("model.three", "one other"): "part: no such encoder: model.three\n    try: model.one\n    try: model.other",
        (None, "alone"): "no encoder of this run has labels in its input (model.alone reads the text alone)\n"
        "    try: a run whose encoder has a slot or a token for each label",
        (None, ""): "no encoder of this run has labels in its input\n"
        "    try: a run whose encoder has a slot or a token for each label",
    }
    for (path, names), message in refusals.items():
        parts = {name: {"one": one, "other": other, "alone": alone}[name] for name in names.split()}
        with pytest.raises(RunError) as caught:
            chosen_encoder(of(**parts), path)
        assert str(caught.value) == message


# A run, and the command.


@dataclass(frozen=True)
class Trained:
    """A run and its corpus."""

    path: Path
    corpus: Corpus


WORDS = ["neural", "text", "graph", "network", "word"]


@pytest.fixture(scope="module")
def trained(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Trained]]:
    """Runs of two steps whose encoder has slots, as it is or held by another one."""
    folder = tmp_path_factory.mktemp("attention")
    (folder / "corpus").mkdir()
    for split, count in (("train", 24), ("validation", 8), ("test", 11)):
        lines = []
        for row in range(count):
            own = sorted({WORDS[row % 4], WORDS[(row // 3) % 4], WORDS[(row // 5) % 3]})
            lines.append({"text": " ".join(own * (1 + row % 3)), "labels": own + ["b & <c>"] * (row % 4 == 0)})
        (folder / "corpus" / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    made: dict[str, Path] = {}

    def train(held: bool = False, predictor: str = "lmmtc/slot-linear") -> Trained:
        name = f"{'held' if held else 'alone'}-{predictor.partition('/')[2]}"
        if name not in made:
            encoder = {"use": "lmmtc/label-mask-encoder", "pretrained": str(bert), "attention": "sdpa"}
            modules = [{"use": "standard/label-attention"}]
            chain = {"use": "standard/chain", "encoder": encoder, "label_modules": modules}
            raw = {
                "name": name,
                "data": {"source": str(folder / "corpus")},
                "model": {"encoder": chain if held else encoder, "predictor": {"use": predictor}},
                "tasks": [{"use": "standard/bce"}],
                "training": {"steps": 2, "batch_size": 4},
            }
            made[name] = labelloom.train(raw, output=folder / "runs").path
        return Trained(made[name], load_corpus(labelloom.load(made[name]).data))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        yield train


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], prog_name="labelloom")


def naive(encoder: LabelMaskEncoder, corpus: Corpus, layer: int) -> Tensor:
    """The mean over the documents of test, one after the other."""
    each = [torch.tensor(by_hand(encoder, text, layer), dtype=torch.float64) for text in corpus.test.texts]
    return torch.stack(each).mean(0)


@pytest.mark.parametrize("held", [False, True])
def test_the_mean_over_a_split_and_its_agreement_with_the_correlation(
    trained: Callable[..., Trained], held: bool
) -> None:
    made = trained(held)
    result = run("standard/attention", made.path, "--json", "--batch-size", "3")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assembly = labelloom.load(made.path, device="cpu").model.assembly
    encoder = chosen_encoder(assembly, None)
    with eager(encoder.model), torch.no_grad():
        expected = naive(encoder, made.corpus, 1)
    np.testing.assert_allclose(told["attention"], expected.numpy(), rtol=1e-4, atol=1e-6)
    dense = made.corpus.train.label_sets.to_dense().astype(float)
    np.testing.assert_allclose(told["correlation"], np.corrcoef(dense.T), atol=1e-12)
    apart = ~np.eye(5, dtype=bool)
    one, other = np.array(told["attention"])[apart], np.array(told["correlation"])[apart]
    assert told["pearson"] == pytest.approx(pearsonr(one, other).statistic)
    assert told["spearman"] == pytest.approx(spearmanr(one, other).statistic)
    assert (told["pairs"], told["documents"], told["split"]) == (20, 11, "test")
    assert told["labels"] == list(made.corpus.labels.codes)


def test_all_layers_and_another_split_are_others(trained: Callable[..., Trained]) -> None:
    made = trained()
    classifier = labelloom.load(made.path, device="cpu")
    found = label_attention(classifier, made.corpus.validation, made.corpus.statistics, layers="all", batch_size=2)
    told = json.loads(run("standard/attention", made.path, "--split", "validation", "--layers", "all", "--json").stdout)
    np.testing.assert_allclose(told["attention"], found.attention, rtol=1e-5, atol=1e-7)
    last = mean_slot_attention(classifier.model.assembly, made.corpus.validation)
    assert not np.allclose(last, found.attention, rtol=1e-3)
    assert (told["split"], told["layers"]) == ("validation", "all")


def test_the_tables_show_the_strongest_pairs(trained: Callable[..., Trained]) -> None:
    made = trained()
    told = json.loads(run("standard/attention", made.path, "--json").stdout)
    lines = [line.split() for line in run("standard/attention", made.path, "--pairs", "2").stdout.splitlines()]
    assert " ".join(lines[0]) == "alone-slot-linear: attention between 5 labels (last layer, 11 documents of test)"
    assert ["Pearson", f"{told['pearson']:.3f}"] in lines
    attention, correlation = np.array(told["attention"]), np.array(told["correlation"])
    ranked = sorted(((attention[i, j], i, j) for i in range(5) for j in range(5) if i != j), key=lambda each: -each[0])
    first = next(place for place, line in enumerate(lines) if line[:3] == ["most", "attention", "from"])
    for line, (value, i, j) in zip(lines[first + 1 : first + 3], ranked, strict=False):
        codes = f"{told['labels'][i]} {told['labels'][j]}".split()
        assert line == [*codes, f"{value:.4f}", f"{correlation[i, j]:.3f}"]
    assert lines[first + 3] == []
    pairs = sorted(((correlation[i, j], i, j) for i in range(5) for j in range(i + 1, 5)), key=lambda each: -each[0])
    first = next(place for place, line in enumerate(lines) if line[:2] == ["most", "correlated"])
    for line, (value, i, j) in zip(lines[first + 1 : first + 3], pairs, strict=False):
        codes = f"{told['labels'][i]} {told['labels'][j]}".split()
        assert line == [*codes, f"{value:.3f}", f"{attention[i, j]:.4f}", f"{attention[j, i]:.4f}"]


def test_the_picture_has_both_matrices(trained: Callable[..., Trained], tmp_path: Path) -> None:
    made = trained()
    result = run("standard/attention", made.path, "--output", tmp_path / "heat.svg")
    assert result.stdout.endswith(f"\nboth matrices drawn to {tmp_path / 'heat.svg'}\n")
    root = ElementTree.fromstring((tmp_path / "heat.svg").read_text())
    cells = [title.text for title in root.iter(f"{SVG}title")]
    assert len(cells) == 2 * 25
    told = json.loads(run("standard/attention", made.path, "--json").stdout)
    codes = told["labels"]
    assert f"{codes[0]} → {codes[1]}: {told['attention'][0][1]:.4f}" in cells
    assert f"{codes[0]} → {codes[1]}: {told['correlation'][0][1]:.4f}" in cells
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert all(texts.count(code) == 4 for code in codes)  # on both axes of both panels
    assert f"Pearson {told['pearson']:.3f}, Spearman {told['spearman']:.3f}, over 20 pairs" in texts


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--layers", "first"], "'first' is not one of last, all."),
        (["--output", "heat.png"], "'heat.png' does not end in .svg."),
        (["--output", "nowhere/heat.svg"], "there is no folder 'nowhere'."),
    ],
)
def test_options_that_are_wrong(words: list[str], message: str, trained: Callable[..., Trained]) -> None:
    result = run("standard/attention", trained().path, *words)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_split_that_there_is_not(trained: Callable[..., Trained]) -> None:
    result = run("standard/attention", trained().path, "--split", "dev")
    assert result.exit_code == 1
    assert "there is no dev split" in result.stderr


def test_a_baseline_has_no_attention(trained: Callable[..., Trained]) -> None:
    made = trained()
    classifier = labelloom.load(made.path, device="cpu")
    classifier.model = SimpleNamespace(scale="probabilities")  # type: ignore[assignment]
    with pytest.raises(RunError) as caught:
        label_attention(classifier, made.corpus.validation, made.corpus.statistics)
    assert str(caught.value) == (
        "alone-slot-linear is a linear baseline, which has no attention\n"
        "    try: a run whose encoder has a slot or a token for each label"
    )
