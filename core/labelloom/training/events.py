"""What a listener is told of a run, and the class that listeners of bundles derive from.

from labelloom import TrainingEvents

class Mail(TrainingEvents):
    def begin(self, run):
        self.name = f"{run.name}, seed {run.seed}"

    def end(self, event):
        send(f"{self.name}: {event.scores['validation']['micro_f1']:.3f}")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunBegins:
    """A run begins, or goes on.

    Args:
        folder: of the run, `runs/<name>/<seed>`. A listener may keep files of its own there.
        name, seed: as the spec has them.
        spec: the resolved spec, every default written out, as plain values.
        stages: their names, in order.
        total: steps that were taken before, in all stages; 0 at the beginning. What an interrupted run told after its
            last checkpoint is told again.
        key: a name for this run that no other has and that it keeps when it goes on, for services.
        first: whether this listener was told of this run never before. One that is an object is not known again: of it,
            whether the run is at its beginning.
    """

    folder: Path
    name: str
    seed: int
    spec: Mapping[str, Any]
    stages: tuple[str, ...]
    total: int
    key: str
    first: bool


@dataclass(frozen=True)
class StageBegins:
    """A stage begins, or goes on after `done` of the `steps` that are planned."""

    stage: str
    steps: int
    done: int


@dataclass(frozen=True)
class StepTaken:
    """A step is taken: the step-th of its stage, and of all stages together the total-th, both counted from 1.

    `loss` is what it minimised, `tasks` the mean of each task's loss, `learning_rate` the highest one.
    """

    stage: str
    step: int
    total: int
    loss: float
    tasks: Mapping[str, float]
    learning_rate: float


@dataclass(frozen=True)
class Validated:
    """A validation is done.

    `scores` are metrics, or what the stage's tasks tell; `better` says whether it is the best of the stage so far.
    """

    stage: str
    step: int
    total: int
    scores: Mapping[str, float]
    better: bool


@dataclass(frozen=True)
class CheckpointSaved:
    """All that is needed to go on from here is on the disk; at a stage's end the next one begins there."""

    stage: str
    total: int


@dataclass(frozen=True)
class RunEnds:
    """The run has its results, all written. `scores` are the metrics of each split that was scored, under the fitted
    decision rule."""

    total: int
    scores: Mapping[str, Mapping[str, float]]


class TrainingEvents:
    """Who listens to a run; each method does nothing until a subclass says otherwise.

    It is told in the first of several processes alone, in the order of what happens. One that is named is made anew
    for each run, and once before to see that it can be: what it opens it opens in `begin`.
    Nothing that it does changes a run: if `begin` raises, nothing is trained; if it raises later, that is said, it is
    told nothing more but `close`, and the run goes on. Each call holds up training for as long as it takes.
    """

    def begin(self, run: RunBegins) -> None:
        """A run begins, or goes on."""

    def stage(self, event: StageBegins) -> None:
        """A stage begins, or goes on."""

    def step(self, event: StepTaken) -> None:
        """A step is taken."""

    def validation(self, event: Validated) -> None:
        """A validation is done."""

    def checkpoint(self, event: CheckpointSaved) -> None:
        """A checkpoint is saved."""

    def end(self, event: RunEnds) -> None:
        """The run has its results."""

    def close(self) -> None:
        """Nothing more is told, because the run has ended, was interrupted, or failed, in `begin` too."""
