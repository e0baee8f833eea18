"""What a stage trains, what it leaves alone, and what it starts anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import labelloom
from labelloom.errors import TrainingError
from labelloom.evaluation.predictions import Predictions
from labelloom.runs.classifier import load
from labelloom.training.stage import buffers_kept

from .small import PARTS, Killed, KilledAfter, assert_equal_runs, spec_on, weights_of

BCE = {"use": "standard/bce"}
CARDINALITY = {"use": f"{PARTS}:Cardinality"}
NORMED = {"use": f"{PARTS}:Normed"}


def stage(name: str, *tasks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": name, "tasks": list(tasks) or [BCE], **fields}


def spec_with(corpus: Path, *stages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    spec = spec_on(corpus, stages=list(stages), training={"epochs": 1, "keep": "last"}, **fields)
    spec["model"]["predictor"] = NORMED
    return spec


def after(output: Path, spec: dict[str, Any], count: int | None = None) -> dict[str, torch.Tensor]:
    """The weights after the first `count` stages, or all."""
    stages = spec["stages"][:count]
    name = f"after-{len(stages)}"
    run = labelloom.train({**spec, "name": name, "stages": stages}, output=output, allow_local_code=True).path
    return load_file(run / "model.safetensors")


def changed(before: dict[str, torch.Tensor], now: dict[str, torch.Tensor]) -> set[str]:
    """The tops of the paths under which a tensor differs: `model.encoder`, `model.predictor`, `tasks.bce`."""
    return {".".join(name.split(".")[:2]) for name in before if not before[name].equal(now[name])}


def test_each_stage_changes_only_what_it_runs_and_does_not_freeze(corpus: Path, tmp_path: Path) -> None:
    spec = spec_with(
        corpus,
        stage("whole", BCE, CARDINALITY),
        stage("frozen", freeze=["model.encoder"]),  # nor the task of another stage
        stage("pre-training", CARDINALITY),  # does not run the predictor, nor move its statistics
        stage("head", BCE, CARDINALITY, freeze=["model"]),
        stage("again", BCE),
    )
    states = [after(tmp_path, spec, count) for count in range(1, 6)]

    assert changed(states[0], states[1]) == {"model.predictor"}
    assert changed(states[1], states[2]) == {"model.encoder", "tasks.cardinality"}
    assert changed(states[2], states[3]) == {"tasks.cardinality"}
    assert changed(states[3], states[4]) == {"model.encoder", "model.predictor"}
    # No loss reaches these: neither gradient nor decay may touch them.
    assert len({state["model.predictor.unused.weight"].numpy().tobytes() for state in states}) == 1


def test_a_frozen_part_that_another_holds(corpus: Path, tmp_path: Path) -> None:
    spec = spec_with(corpus, stage("all"), stage("frozen", freeze=["model.encoder.encoder"]))
    inner = spec["model"]["encoder"]
    module = {"use": "standard/label-attention"}
    spec["model"]["encoder"] = {"use": "standard/chain", "encoder": inner, "label_modules": [module]}
    spec["model"]["predictor"] = {"use": "standard/label-linear"}

    before, now = after(tmp_path, spec, 1), after(tmp_path, spec)

    moved = {name for name in before if not before[name].equal(now[name])}
    assert any(name.startswith("model.encoder.label_modules.0") for name in moved)
    assert not any(name.startswith("model.encoder.encoder") for name in moved)


@pytest.mark.parametrize("freeze", [["model.encoder"], []])
def test_a_frozen_part_runs_without_dropout(freeze: list[str], corpus: Path, tmp_path: Path) -> None:
    runs = []
    for dropout in (0.0, 0.5):
        spec = spec_with(corpus, stage("only", freeze=freeze))
        spec["model"]["encoder"]["dropout"] = dropout
        runs.append(after(tmp_path / str(dropout), spec))

    assert bool(changed(*runs)) is not bool(freeze)


def test_freezing_everything_is_refused(corpus: Path, tmp_path: Path) -> None:
    spec = spec_with(corpus, stage("first"), stage("second", freeze=["model"]))

    with pytest.raises(TrainingError) as error:
        after(tmp_path, spec)

    assert str(error.value).splitlines() == [
        "stages.1.freeze: nothing trains in stage 'second': every weight that its losses reach is frozen",
        "    try: freeze less, or remove the stage",
    ]


def test_what_is_reset_forgets_the_stages_before(corpus: Path, tmp_path: Path) -> None:
    """Two first stages of unequal length end in equal runs when the second stage draws everything anew."""
    runs = []
    for steps in (2, 4):
        first = stage("first", training={"steps": steps})
        spec = spec_with(corpus, first, stage("second", BCE, CARDINALITY, reset=["model", "tasks"]))
        runs.append(after(tmp_path / str(steps), spec))
    assert not changed(*runs)

    first = stage("first", training={"steps": 2})
    second = stage("second", BCE, CARDINALITY, reset=["model.predictor"], freeze=["model.predictor"])
    spec = spec_with(corpus, first, second)
    before, now = after(tmp_path / "one", spec, 1), after(tmp_path / "one", spec)
    assert "model.predictor" in changed(before, now), "what is frozen is reset all the same"


def test_the_same_part_starts_otherwise_in_every_seed_and_stage(corpus: Path, tmp_path: Path) -> None:
    reset = {"reset": ["model.predictor"], "freeze": ["model.predictor"]}
    spec = spec_with(corpus, stage("one", **reset), stage("two", **reset))
    first, second = after(tmp_path, spec, 1), after(tmp_path, spec)
    other = after(tmp_path / "seed", {**spec, "seed": 1}, 1)

    drawn = [state["model.predictor.out.weight"].numpy().tobytes() for state in (first, second, other)]
    assert len(set(drawn)) == 3


@pytest.mark.parametrize("steps", [1, 2, 4, 5])
def test_running_statistics_survive_an_interruption(steps: int, corpus: Path, tmp_path: Path) -> None:
    """The pass that finds what the losses reach runs again on resuming, and must leave no trace."""
    spec = spec_with(corpus, stage("one"), stage("two", BCE, CARDINALITY, training={"accumulation": 2}))
    spec["training"]["checkpoint_every"] = 1
    whole = labelloom.train({**spec, "name": "whole"}, output=tmp_path, allow_local_code=True).path
    with pytest.raises(Killed):
        labelloom.train(spec, output=tmp_path, allow_local_code=True, reporter=KilledAfter(steps))

    run = labelloom.resume(tmp_path / "small" / "0", allow_local_code=True).path

    assert_equal_runs(run, whole)
    assert weights_of(run / "model.safetensors")["model.predictor.norm.num_batches_tracked"][2] == (
        (3 + 3 * 2).to_bytes(8, "little")
    )


def test_a_pass_that_only_looks_puts_buffers_back_whatever_happens() -> None:
    norm = torch.nn.BatchNorm1d(2)
    before = {name: buffer.clone() for name, buffer in norm.named_buffers()}

    def fail() -> None:
        with buffers_kept(norm):
            norm(torch.randn(4, 2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert all(buffer.equal(before[name]) for name, buffer in norm.named_buffers())
    norm(torch.randn(4, 2))
    assert norm.num_batches_tracked == 1


def test_options_of_a_stage_end_with_it(corpus: Path, tmp_path: Path) -> None:
    """Predictions are made under the spec's own options: in the run, after loading it, and after resuming it."""
    path = "model.predictor"
    spec = spec_with(corpus, stage("one", options={path: {"scale": 3.0}}), stage("two", options={path: {"scale": 2.0}}))
    spec["model"]["predictor"] = {"use": f"{PARTS}:Scaled", "scale": 0.5}
    run = labelloom.train({**spec, "name": "whole"}, output=tmp_path, allow_local_code=True).path
    classifier = load(run, allow_local_code=True)
    assert classifier.model.assembly.parts[path].config.scale == 0.5

    saved = Predictions.load(run / "predictions.parquet")
    lines = (corpus / "test.jsonl").read_text().splitlines()
    ranking = classifier.rank([json.loads(line)["text"] for line in lines])
    np.testing.assert_allclose(ranking.scores, saved.ranking.scores, atol=1e-6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labelloom.training.train._finish", kill)
        with pytest.raises(Killed):
            labelloom.train(spec, output=tmp_path, allow_local_code=True)
    assert_equal_runs(labelloom.resume(tmp_path / "small" / "0", allow_local_code=True).path, run)


def kill(*_: object) -> None:
    raise Killed
