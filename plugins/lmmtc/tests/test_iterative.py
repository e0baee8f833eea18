"""Predictions in several passes: against a loop written out, and what they may not depend on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

import labelloom
from labelloom.bundles import Catalogue
from labelloom.compose.batches import make_batch, plain_draw
from labelloom.compose.build import build, initialise, prepare
from labelloom.compose.check import check
from labelloom.compose.model import Model
from labelloom.compose.plan import Plan
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.errors import CompositionError, SpecError
from labelloom.interfaces import Batch, States
from labelloom.runs.folder import Run
from labelloom.spec import validate_spec
from labelloom.training.measurable import refuse_unmeasurable

LABELS = 5
TEXTS = ["a graph of words .", "text", "", "a neural network of words of a text of a graph", "word word", "a a a"]
SLOTS = {"use": "lmmtc/slot-linear"}
BCE = {"use": "standard/bce"}
REVEAL = {"use": "lmmtc/reveal"}


@dataclass(frozen=True)
class Made:
    """A model in eval mode and float64, and its plan."""

    plan: Plan
    model: Model

    def batch(self, texts: list[str], **fields: Any) -> Batch:
        reader = self.model.encoder.reader
        columns = reader.tokenize(texts)
        rows = [{name: values[place] for name, values in columns.items()} for place in range(len(texts))]
        return replace(make_batch(reader.collate(rows), plain_draw(len(texts)), LABELS), **fields)

    def once(self, batch: Batch) -> Tensor:
        """(B, L) probabilities of one pass, as the parts give them, averaged over branches by their shares."""
        trunk = States()
        for node in self.plan.model.trunk:
            trunk = self.model._parts[node.path](trunk, batch)
        mixed = torch.zeros(len(batch), LABELS, dtype=torch.float64)
        for branch in self.plan.model.branches:
            scores = self.model._parts[branch.predictor.path](trunk, batch).scores
            assert scores is not None
            mixed = mixed + branch.share * scores.sigmoid()
        return mixed


@pytest.fixture
def compose(catalogue: Catalogue, bert: Path, corpus: Corpus) -> Callable[..., Made]:
    def make(iterative: int | None, more: dict[str, Any] | None = None, **options: Any) -> Made:
        encoder = {"use": "lmmtc/label-mask-encoder", "pretrained": str(bert), **options}
        if iterative is not None:
            encoder["iterative"] = iterative
        raw = {
            "name": "made",
            "data": {"source": "arxiv-mini"},
            "model": {"encoder": encoder, "predictor": SLOTS},
            "tasks": [BCE],
            "samplers": [REVEAL],
            **(more or {}),
        }
        if "stages" in raw:
            del raw["tasks"], raw["samplers"]
        if callable(raw["model"]):
            raw["model"] = raw["model"](encoder)
        plan = check(validate_spec(raw), catalogue=catalogue)
        torch.manual_seed(0)
        assembly = build(plan, corpus.labels, prepare(plan, corpus))
        initialise(assembly, corpus)
        with torch.no_grad():
            for name, weight in assembly.named_parameters():
                if "word_embeddings" in name:  # words, and what a slot shows, must matter
                    weight.mul_(30)
        return Made(plan, assembly.double().eval().model)

    return make


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[Tensor | None]:
    """What each pass of a model was told."""
    seen: list[Tensor | None] = []
    plain = Model._scores

    def watched(model: Model, batch: Batch) -> Tensor:
        seen.append(batch.given)
        return plain(model, batch)

    monkeypatch.setattr(Model, "_scores", watched)
    return seen


def by_hand(made: Made, text: str, at_once: int) -> list[float]:
    """Document by document and label by label: predict, tell the surest labels, predict the others again."""
    told = [-1] * LABELS
    kept = [0.0] * LABELS
    while True:
        given = torch.tensor([told], dtype=torch.int8)
        found = made.once(made.batch([text], given=given))[0].tolist()
        masked = [label for label in range(LABELS) if told[label] < 0]
        for label in masked:
            kept[label] = found[label]
        if len(masked) <= at_once:
            return kept
        for label in sorted(masked, key=lambda label: -abs(found[label] - 0.5))[:at_once]:
            told[label] = int(found[label] > 0.5)


@pytest.mark.parametrize("at_once", range(1, 7))
@torch.no_grad()
def test_the_loop_written_out(compose: Callable[..., Made], passes: list[Any], at_once: int) -> None:
    made = compose(at_once)
    found = made.model(made.batch(TEXTS))
    for row, text in enumerate(TEXTS):
        expected = torch.tensor(by_hand(made, text, at_once), dtype=found.dtype)
        torch.testing.assert_close(found[row], expected, rtol=1e-5, atol=1e-6)  # probabilities are float32
    assert len(passes) == -(-LABELS // at_once)
    once = compose(None).model(made.batch(TEXTS))
    # So many labels at once are all of them: the pass that masks every label says it all.
    assert torch.equal(found, once) == (at_once >= LABELS)


@torch.no_grad()
def test_a_label_is_told_once_and_as_many_in_each_pass(compose: Callable[..., Made], passes: list[Any]) -> None:
    made = compose(2)
    scores = made.model(made.batch(TEXTS))
    assert [(given >= 0).sum(1).unique().tolist() for given in passes] == [[0], [2], [4]]
    for before, after in pairwise(passes):
        assert torch.equal(after[before >= 0], before[before >= 0])
    last = passes[-1]
    assert torch.equal(scores[last >= 0] > 0.5, last[last >= 0] == 1)


@torch.no_grad()
def test_a_document_is_the_same_in_any_batch(compose: Callable[..., Made]) -> None:
    made = compose(1)
    together = made.model(made.batch(TEXTS))
    for row, text in enumerate(TEXTS):
        torch.testing.assert_close(made.model(made.batch([text]))[0], together[row], rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_the_best_and_a_few_labels_are_of_the_same_passes(compose: Callable[..., Made]) -> None:
    made = compose(2)
    whole = made.model(made.batch(TEXTS))
    for chunk in (2, 4096):
        labels, scores = made.model.rank(made.batch(TEXTS), 3, chunk)
        assert torch.equal(whole.gather(1, labels), scores)
        assert torch.equal(scores, whole.sort(1, descending=True).values[:, :3])
    few = made.model(made.batch(TEXTS).with_labels(torch.tensor([[4, 1]])))
    assert torch.equal(few, whole[:, [4, 1]])
    own = torch.tensor([[place % LABELS, (place + 2) % LABELS] for place in range(len(TEXTS))])
    assert torch.equal(made.model(made.batch(TEXTS).with_labels(own)), whole.gather(1, own))


@torch.no_grad()
def test_tasks_see_one_pass(compose: Callable[..., Made], passes: list[Any]) -> None:
    made, plain = compose(1), compose(None)
    (stage,) = made.plan.stages
    batch = made.batch(TEXTS)
    scores = made.model.states(batch, stage.live)["main"].scores
    assert passes == []
    assert scores is not None
    torch.testing.assert_close(scores.float().sigmoid(), plain.model(batch))
    assert not torch.allclose(scores.float().sigmoid(), made.model(batch))


@torch.no_grad()
def test_branches_decide_together(compose: Callable[..., Made], passes: list[Any]) -> None:
    branches = [
        {"name": "slots", "predictor": SLOTS, "share": 0.7},
        {"name": "document", "predictor": {"use": "standard/linear"}, "share": 0.3},
    ]
    tasks = [{**BCE, "name": branch["name"], "branch": branch["name"]} for branch in branches]
    two = {"model": lambda encoder: {"encoder": encoder, "branches": branches}, "tasks": tasks}
    made = compose(2, two)
    found = made.model(made.batch(TEXTS))
    assert len(passes) == 3
    for row, text in enumerate(TEXTS):
        expected = torch.tensor(by_hand(made, text, 2), dtype=found.dtype)
        torch.testing.assert_close(found[row], expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_what_a_batch_tells_already_stays(compose: Callable[..., Made], passes: list[Any]) -> None:
    made = compose(3)
    given = torch.full((len(TEXTS), LABELS), -1, dtype=torch.int8)
    given[:, 1] = 1
    made.model(made.batch(TEXTS, given=given))
    assert len(passes) == 2
    assert all((told[:, 1] == 1).all() for told in passes)


def test_of_equally_sure_labels_the_first_is_told(build: Callable[..., Any]) -> None:
    encoder = build(iterative=2)
    probabilities = torch.tensor([[0.5, 0.9, 0.1, 0.9, 0.5], [0.99, 0.6, 0.4, 0.5, 0.5]])
    given = torch.tensor([[-1, -1, -1, -1, -1], [0, -1, -1, -1, -1]], dtype=torch.int8)
    told = torch.tensor([[-1, 1, 0, -1, -1], [0, 1, 0, -1, -1]], dtype=torch.int8)
    assert torch.equal(encoder.unmask(probabilities, given), told)
    half = torch.full((1, 5), 0.5)
    assert encoder.unmask(half, given[:1]).tolist() == [[0, 0, -1, -1, -1]]
    assert encoder.unmask(half, given[:1]).dtype == torch.int8


def chained(encoder: dict[str, Any]) -> dict[str, Any]:
    refined = {"use": "standard/chain", "encoder": encoder, "label_modules": [{"use": "standard/label-attention"}]}
    return {"encoder": refined, "predictor": SLOTS}


@torch.no_grad()
def test_a_held_encoder_makes_its_holder_predict_in_passes(compose: Callable[..., Made], passes: list[Any]) -> None:
    made = compose(2, {"model": chained})
    found = made.model(made.batch(TEXTS))
    for row, text in enumerate(TEXTS):
        expected = torch.tensor(by_hand(made, text, 2), dtype=found.dtype)
        torch.testing.assert_close(found[row], expected, rtol=1e-5, atol=1e-6)
    assert len(passes) == 3


@pytest.fixture
def train(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Runs of two steps on four documents a split; `shift` gives test documents the labels of others."""
    monkeypatch.setenv("LABELLOOM_CACHE", str(tmp_path / "cache"))
    words = ("neural", "text", "graph", "a")

    def make(iterative: int | None, shift: int = 0) -> Run:
        folder = tmp_path / f"corpus-{shift}"
        folder.mkdir(exist_ok=True)
        for name in ("train", "validation", "test"):
            own = words[shift:] + words[:shift] if name == "test" else words
            lines = [
                {"text": f"graph word {word}", "labels": [label, *["other"] * (label == word)]}
                for word, label in zip(words, own, strict=True)
            ]
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        encoder: dict[str, Any] = {"use": "lmmtc/label-mask-encoder", "pretrained": str(bert)}
        if iterative is not None:
            encoder["iterative"] = iterative
        raw = {
            "name": f"made-{iterative}-{shift}",
            "data": {"source": str(folder)},
            "model": {"encoder": encoder, "predictor": SLOTS},
            "tasks": [BCE],
            "samplers": [REVEAL],
            "training": {"steps": 2, "batch_size": 4},
        }
        return labelloom.train(raw, output=tmp_path / "runs")

    return make


def test_a_saved_run_predicts_in_the_same_passes(
    train: Callable[..., Run], tmp_path: Path, passes: list[Tensor | None]
) -> None:
    run = train(2)
    classifier = labelloom.load(run.path, device="cpu")
    saved = pq.read_table(run.path / "predictions.parquet").to_pylist()
    passes.clear()
    again = classifier.predictions(load_corpus(classifier.data).test)
    assert [None if given is None else int((given >= 0).sum(1)[0]) for given in passes] == [0, 2, 4]
    again.save(tmp_path / "again.parquet")
    assert pq.read_table(tmp_path / "again.parquet").to_pylist() == saved


@pytest.mark.parametrize("iterative", [None, 1])
def test_a_run_s_scores_do_not_depend_on_the_truth(train: Callable[..., Run], iterative: int | None) -> None:
    """Bit for bit, from the specs to the file of predictions."""
    one, other = (pq.read_table(train(iterative, shift).path / "predictions.parquet") for shift in (0, 1))
    for column in ("top", "scores", "predicted"):
        assert one[column].equals(other[column]), column
    assert not one["labels"].equals(other["labels"])


def test_without_labels_in_the_input_there_is_nothing_to_tell(compose: Callable[..., Made]) -> None:
    alone = {"model": lambda encoder: {"encoder": encoder, "predictor": {"use": "standard/linear"}}, "samplers": []}
    with pytest.raises(CompositionError) as told:
        compose(2, alone, text_alone=True)
    assert str(told.value) == (
        "model.encoder: lmmtc/label-mask-encoder would predict in several passes, each told labels that the one before "
        "was sure of, but with these options it does not read what it is told of labels (given)"
    )


def test_scores_that_are_no_probabilities_do_not_say_how_sure(compose: Callable[..., Made]) -> None:
    with pytest.raises(CompositionError) as told:
        compose(2, {"tasks": [{"use": "standard/softmax"}], "decision": {"rule": "fitted"}, "samplers": []})
    assert str(told.value) == (
        "model.encoder: lmmtc/label-mask-encoder predicts in several passes, each told labels that the one before was "
        "sure of; probabilities say how sure, but under the losses of this model the scores share 1 among all labels\n"
        "    try: predict in one pass\n"
        "    try: train the scores with a loss of probabilities"
    )


def test_a_stage_whose_scores_are_no_probabilities_is_not_measured(
    compose: Callable[..., Made], corpus: Corpus
) -> None:
    stages = [{"name": "shares", "tasks": [{"use": "standard/softmax"}]}, {"name": "main", "tasks": [BCE]}]
    decision = {"rule": "fitted"}

    def phased(settings: dict[str, Any]) -> dict[str, Any]:
        return {"stages": [{**stages[0], "training": settings}, stages[1]], "decision": decision}

    refuse_unmeasurable(compose(2, phased({"metric": "loss"})).plan, corpus)
    with pytest.raises(SpecError) as told:
        refuse_unmeasurable(compose(2, phased({"metric": "micro_f1"})).plan, corpus)
    assert str(told.value) == (
        "stages.0.training.metric: micro_f1 is measured on predictions in several passes (model.encoder "
        "(lmmtc/label-mask-encoder)), which take probabilities, but the scores of stage 'shares' share 1 among all "
        'labels\n    try: metric = "loss"'
    )
