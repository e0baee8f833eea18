"""What listeners are told of a run, in which order, and that nothing which they do changes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import labelloom
from labelloom.errors import TrainingError
from labelloom.training.events import (
    CheckpointSaved,
    RunBegins,
    RunEnds,
    StageBegins,
    StepTaken,
    TrainingEvents,
    Validated,
)

from .small import Killed, KilledAfter, Said, assert_equal_runs, events_of, spec_on, two_stages


class Keeps(TrainingEvents):
    """Remembers what it is told; fails when it is told of `fails`."""

    def __init__(self, fails: str = "") -> None:
        self.told: list[Any] = []
        self.closed = 0
        self.fails = fails

    def _tell(self, what: str, event: Any) -> None:
        self.told.append(event)
        if what == self.fails:
            raise ConnectionError("no network")

    def begin(self, run: RunBegins) -> None:
        self._tell("begin", run)

    def stage(self, event: StageBegins) -> None:
        self._tell("stage", event)

    def step(self, event: StepTaken) -> None:
        self._tell("step", event)

    def validation(self, event: Validated) -> None:
        self._tell("validation", event)

    def checkpoint(self, event: CheckpointSaved) -> None:
        self._tell("checkpoint", event)

    def end(self, event: RunEnds) -> None:
        self._tell("end", event)

    def close(self) -> None:
        self.closed += 1
        if self.fails == "close":
            raise TimeoutError

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


@pytest.fixture(scope="module")
def plain(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody listens to."""
    return labelloom.train(two_stages(corpus), output=tmp_path_factory.mktemp("plain")).path


def test_everything_is_told_in_its_order(corpus: Path, tmp_path: Path) -> None:
    keeps = Keeps()
    run = labelloom.train(two_stages(corpus), output=tmp_path, trackers=[keeps])
    begin, *others, end = keeps.told
    assert (begin.folder, begin.name, begin.seed, begin.total, begin.first) == (run.path, "small", 0, 0, True)
    assert begin.stages == ("first", "second")
    assert begin.spec["training"]["learning_rate"] == 0.02
    assert keeps.of(StageBegins) == [StageBegins("first", 3, 0), StageBegins("second", 5, 0)]
    steps = keeps.of(StepTaken)
    assert [(event.stage, event.step, event.total) for event in steps] == [
        *(("first", step, step) for step in (1, 2, 3)),
        *(("second", step, 3 + step) for step in (1, 2, 3, 4, 5)),
    ]
    history = events_of(run.path)
    told = [(event.loss, dict(event.tasks)) for event in steps]
    assert told == [(event["loss"], event["tasks"]) for event in history if "loss" in event]
    validations = keeps.of(Validated)
    assert [(event.stage, event.step, dict(event.scores), event.better) for event in validations] == [
        (event["stage"], event["step"], event["validation"], event["better"])
        for event in history
        if "validation" in event
    ]
    # At validations, and where a stage ends.
    assert [event.total for event in keeps.of(CheckpointSaved)] == [3, 3, 5, 7, 8, 8]
    assert isinstance(end, RunEnds)
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert (end.total, end.scores) == (8, {"validation": metrics["validation"], "test": metrics["test"]})
    assert [type(event) for event in others[:3]] == [StageBegins, StepTaken, StepTaken]
    assert keeps.closed == 1


def test_a_run_is_the_same_whoever_listens(corpus: Path, plain: Path, tmp_path: Path) -> None:
    class Disturbs(Keeps):
        def step(self, event: StepTaken) -> None:
            import random

            import numpy as np
            import torch

            random.random(), np.random.rand(), torch.rand(3)

    run = labelloom.train(two_stages(corpus), output=tmp_path, trackers=[Disturbs(), Keeps("step")])
    assert_equal_runs(run.path, plain)


@pytest.mark.parametrize(
    ("when", "line", "count"),
    [
        ("stage", "listener Keeps failed when told of stage (first), and is told no more of this run", 2),
        ("step", "listener Keeps failed when told of step (step 1), and is told no more of this run", 3),
        ("validation", "listener Keeps failed when told of validation (step 3), and is told no more of this run", 6),
        ("checkpoint", "listener Keeps failed when told of checkpoint (step 3), and is told no more of this run", 7),
    ],
)
def test_one_that_fails_is_left_out_and_costs_nothing(
    when: str, line: str, count: int, corpus: Path, plain: Path, tmp_path: Path
) -> None:
    fails, other, said = Keeps(when), Keeps(), Said()
    run = labelloom.train(two_stages(corpus), output=tmp_path, trackers=[fails, other], reporter=said)
    assert [each for each in said.lines if each.startswith("listener")] == [f"{line}: ConnectionError: no network"]
    assert len(fails.told) == count
    assert len(other.of(StepTaken)) == 8
    assert (fails.closed, other.closed) == (1, 1)
    assert_equal_runs(run.path, plain)


def test_one_that_cannot_begin_lets_nothing_train_and_closes_the_others(corpus: Path, tmp_path: Path) -> None:
    other, fails = Keeps(), Keeps("begin")
    with pytest.raises(TrainingError) as error:
        labelloom.train(two_stages(corpus), output=tmp_path, trackers=[other, fails])
    assert str(error.value).splitlines() == [
        f"{tmp_path / 'small' / '0'}: the listener Keeps cannot begin: ConnectionError: no network",
        "    try: train without it",
    ]
    assert (other.closed, fails.closed) == (1, 1)
    assert not other.of(StepTaken)
    assert not (tmp_path / "small" / "0" / "spec.toml").exists()


def test_one_that_cannot_be_closed_is_told(corpus: Path, tmp_path: Path) -> None:
    said, other = Said(), Keeps()
    spec = spec_on(corpus, training={"epochs": 1})
    labelloom.train(spec, output=tmp_path, trackers=[Keeps("close"), other], reporter=said)
    assert said.lines[-1] == "listener Keeps was not closed: TimeoutError"
    assert other.closed == 1


def test_a_resumed_run_tells_again_what_came_after_its_checkpoint(corpus: Path, tmp_path: Path) -> None:
    first, second = Keeps(), Keeps()
    spec = two_stages(corpus, checkpoint_every=2)
    with pytest.raises(Killed):
        labelloom.train(spec, output=tmp_path, trackers=[first], reporter=KilledAfter(6))
    labelloom.resume(tmp_path / "small" / "0", trackers=[second])
    # Killed in the sixth step, the third of the second stage, whose last checkpoint is at its second step.
    assert [event.total for event in first.of(StepTaken)] == [1, 2, 3, 4, 5]
    assert first.closed == 1
    (begin,) = second.of(RunBegins)
    assert (begin.total, begin.first, begin.key) == (5, False, first.told[0].key)
    assert second.of(StageBegins) == [StageBegins("second", 5, 2)]
    assert [event.total for event in second.of(StepTaken)] == [6, 7, 8]
    assert not first.of(RunEnds)
