"""Services that show the course of training, through Accelerate's classes for them."""

from __future__ import annotations

from importlib.util import find_spec

import accelerate.tracking
from accelerate.tracking import GeneralTracker

from labelloom.errors import TrainingError
from labelloom.training.events import RunBegins
from labelloom.training.trackers import Logged


class TensorBoard(Logged):
    """`--track tensorboard`: losses, rates and scores as scalars, the spec as hyperparameters, in the run's folder.

    Where a run goes on, what was logged after its last checkpoint is purged. Raises TrainingError without the library.
    """

    def __init__(self) -> None:
        _require("tensorboard")
        super().__init__(_tensorboard)


class WandB(Logged):
    """`--track wandb`: the same at Weights & Biases, in a project called like the spec.

    A run that goes on is known there by its key. Raises TrainingError without the library.
    """

    def __init__(self) -> None:
        _require("wandb")
        super().__init__(_wandb)


def _tensorboard(run: RunBegins) -> GeneralTracker:
    return accelerate.tracking.TensorBoardTracker("tensorboard", run.folder, purge_step=run.total + 1)


def _wandb(run: RunBegins) -> GeneralTracker:
    name = f"{run.name}/{run.seed}"
    return accelerate.tracking.WandBTracker(run.name, name=name, id=run.key, resume="allow", dir=str(run.folder))


def _require(library: str) -> None:
    """Raise TrainingError for a library that Accelerate would miss only when the log is opened."""
    if find_spec(library) is None:
        raise TrainingError(
            f"the listener standard/{library} needs a library that is not installed",
            where="trackers",
            suggestions=[f'pip install "labelloom[{library}]"'],
        )
