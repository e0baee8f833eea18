"""The pre-training as a stage: what it learns, what it tells, and that it goes on after an interruption."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

import labelloom
from labelloom.errors import TrainingError
from labelloom.training.progress import Silent

LABELS = ["a", "b", "c", "d"]
LSTM = {"use": "lwpt/lw-lstm", "hidden": 8, "layers": 1, "embedding": 8, "min_count": 1, "dropout": 0.0}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a corpus whose words tell the labels; the last document of each split has a label of its own."""
    folder = tmp_path_factory.mktemp("pretraining")
    draw = random.Random(1)
    (folder / "corpus").mkdir()
    for split, count in (("train", 60), ("validation", 24)):
        lines = []
        for place in range(count):
            labels = ["rare"] if place == count - 1 else draw.sample(LABELS, draw.choice([1, 2]))
            words = [f"{label}{draw.randrange(3)}" for label in labels for _ in range(3)] + ["the", "of"]
            draw.shuffle(words)
            lines.append(json.dumps({"text": " ".join(words), "labels": labels}))
        (folder / "corpus" / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        yield folder


def spec(workplace: Path, n: int = 3, **training: Any) -> dict[str, Any]:
    settings = {"steps": 30, "evaluate_every": 10, "decay": "exponential", "decay_every": 20, "warmup": 0.0}
    pretrain = {
        "name": "pretrain",
        "samplers": [{"use": "lwpt/candidates", "n": n}],
        "tasks": [{"use": "lwpt/label-wise-ranking"}],
        "training": {**settings, "metric": "label-wise-ranking.accuracy", **training},
    }
    classify = {"name": "classify", "tasks": [{"use": "standard/bce"}], "training": {"steps": 1}}
    return {
        "name": "pretrained",
        "data": {"source": str(workplace / "corpus")},
        "model": {"encoder": {"use": "lwpt/paired", "target": LSTM}, "predictor": {"use": "lwpt/label-wise-mlp"}},
        "training": {"batch_size": 16, "learning_rate": 0.02},
        "stages": [pretrain, classify],
    }


class Said(Silent):
    def __init__(self, steps: int | None = None) -> None:
        self.lines: list[str] = []
        self.shown: list[tuple[str, ...]] = []
        self.left = steps

    def say(self, text: str) -> None:
        self.lines.append(text)

    def step(self, loss: float, documents_per_second: float) -> None:
        self.left = self.left and self.left - 1
        if self.left == 0:
            raise KilledError

    def validated(self, step: int, scores: Mapping[str, float], better: bool) -> None:
        self.shown.append(tuple(scores))


class KilledError(Exception):
    """Stands for the end of the process."""


def validations(run: Path) -> list[dict[str, Any]]:
    events = map(json.loads, (run / "history.jsonl").read_text().splitlines())
    return [event for event in events if event["stage"] == "pretrain" and "validation" in event]


def test_it_learns_to_rank_and_says_how_well(workplace: Path, tmp_path: Path) -> None:
    said = Said()
    run = labelloom.train(spec(workplace), output=tmp_path, reporter=said).path
    found = [event["validation"]["label-wise-ranking.accuracy"] for event in validations(run)]
    # Of 23 documents on validation each is right or wrong; of three candidates one is right by chance.
    assert all(share * 23 == pytest.approx(round(share * 23), abs=1e-4) for share in found)
    assert found[-1] > 0.8
    best = [event["better"] for event in validations(run)]
    assert best == [share > max([-1.0, *found[:place]]) for place, share in enumerate(found)]
    assert said.shown[0] == ("label-wise-ranking.accuracy",)
    note = (
        "stages.pretrain.samplers.0: 1 of 60 documents and 1 of 5 labels cannot be drawn: it takes a label that at "
        "least 2 documents carry and 2 lack"
    )
    rests = "stage 'pretrain': what its tasks tell on validation rests on 23 of 24 documents"
    noted = note.replace(": 1 of 60 documents", ", on validation: 1 of 24 documents")
    assert [line for line in said.lines if "stage 'pretrain'" in line or "cannot be" in line] == [note, rests, noted]


def test_it_goes_on_as_if_it_had_not_been_interrupted(workplace: Path, tmp_path: Path) -> None:
    whole = labelloom.train(spec(workplace), output=tmp_path / "whole").path
    with pytest.raises(KilledError):
        labelloom.train(spec(workplace), output=tmp_path, reporter=Said(23))
    run = labelloom.resume(tmp_path / "pretrained" / "0").path
    assert (run / "history.jsonl").read_bytes() == (whole / "history.jsonl").read_bytes()
    weights, expected = load_file(run / "model.safetensors"), load_file(whole / "model.safetensors")
    assert weights.keys() == expected.keys()
    assert all((weights[name] == expected[name]).all() for name in expected)


def test_a_split_in_which_nothing_can_be_drawn_is_told_before_training(workplace: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as error:
        labelloom.train(spec(workplace, n=24), output=tmp_path)
    assert str(error.value).splitlines() == [
        "stages.0.samplers.0: lwpt/candidates finds no document of the validation split to anchor on: "
        "24 of 24 documents and 5 of 5 labels cannot be drawn: it takes a label that at least 2 documents carry and "
        "23 lack (n = 18 is the most for this split)",
        "    try: other options for lwpt/candidates",
        "    try: more documents in the validation split: a larger data.validation, if it is cut from train",
        '    try: keep = "last" in this stage: then no validation chooses its weights',
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_stage_that_keeps_its_last_weights_needs_no_validation(workplace: Path, tmp_path: Path) -> None:
    said = Said()
    run = labelloom.train(spec(workplace, n=24, keep="last"), output=tmp_path, reporter=said).path
    assert validations(run) == []
    told = [line for line in said.lines if "are not told" in line]
    assert [line.split(": ")[:2] for line in told] == [["stage 'pretrain'", "its losses on validation are not told"]]
    assert "lwpt/candidates finds no document of the validation split to anchor on: 24 of 24 documents" in told[0]
