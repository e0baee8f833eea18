"""Trackers: services that show the course of training, through Accelerate's classes for them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TypeAlias

import torch
from accelerate import Accelerator, PartialState
from accelerate.tracking import GeneralTracker

from labelloom.errors import TrainingError
from labelloom.runs.folder import RunFolder, write_json
from labelloom.spec import Spec
from labelloom.spec.describe import leaves

NAMES = ("tensorboard", "wandb")
"""What a tracker may be called; any other service is given as an object of Accelerate's `GeneralTracker`."""

Tracker: TypeAlias = "str | GeneralTracker"


def check_trackers(trackers: Sequence[Tracker]) -> None:
    """Raise TrainingError for a name that is none, or whose library is not installed."""
    for tracker in trackers:
        if isinstance(tracker, GeneralTracker):
            continue
        if tracker not in NAMES:
            raise TrainingError(
                f"no tracker is called {tracker!r}",
                where="trackers",
                suggestions=[*NAMES, "an object of accelerate.tracking.GeneralTracker"],
            )
        if find_spec(tracker) is None:
            raise TrainingError(
                f"the tracker {tracker} needs a library that is not installed",
                where="trackers",
                suggestions=[f'pip install "labelloom[{tracker}]"'],
            )


class Tracking:
    """The trackers of one run; the first process alone has any.

    Names are kept in the run's folder, so that a resumed run goes on in the same logs without being told. Steps count
    through all stages.
    """

    def __init__(
        self, trackers: Sequence[Tracker], run: RunFolder, spec: Spec, step: int, say: Callable[[str], None]
    ) -> None:
        """Open them at `step`: what an interrupted run logged after it is written again.

        `say` is told what goes wrong when the run has its results already.
        """
        self._say = say
        self._accelerator: Accelerator | None = None
        if not PartialState().is_main_process:
            return
        known = json.loads(run.trackers.read_text(encoding="utf-8")) if run.trackers.is_file() else {"names": []}
        names = list(dict.fromkeys([*known["names"], *(each for each in trackers if isinstance(each, str))]))
        objects = [each for each in trackers if isinstance(each, GeneralTracker)]
        check_trackers(names)
        if not names and not objects:
            return
        # W&B goes on with a run that it knows by its id.
        key = known.get("id") or secrets.token_hex(8)
        made = {name: _named(name, run, spec, key, step) for name in names}
        self._accelerator = Accelerator(log_with=[*made.values(), *objects])
        self._accelerator.init_trackers(spec.name)
        # Where a log goes on it has the spec already.
        for tracker in [*(made[name] for name in names if name not in known["names"]), *(objects if step == 0 else [])]:
            keys = {key: value for key, value in leaves(spec.model_dump()) if value is not None}
            tracker.store_init_configuration(keys)
        # Last, so that a service that could not be reached is asked anew as if for the first time.
        write_json(run.trackers, {"names": names, "id": key})

    def step(
        self, stage: str, step: int, loss: float, tasks: Mapping[str, float], optimiser: torch.optim.Optimizer
    ) -> None:
        """Show what a step of a stage minimised, and its highest rate."""
        if self._accelerator is not None:
            means = {f"{stage}/loss.{name}": mean for name, mean in tasks.items()}
            rate = max(group["lr"] for group in optimiser.param_groups)
            self._log({f"{stage}/loss": loss, **means, f"{stage}/learning_rate": rate}, step)

    def validation(self, stage: str, step: int, scores: Mapping[str, float]) -> None:
        """Show a validation of a stage."""
        self._log({f"{stage}/validation/{name}": value for name, value in scores.items()}, step)

    def final(self, split: str, step: int, scores: Mapping[str, float]) -> None:
        """Show the final scores of a split. A tracker that fails is told of, and keeps nothing from the others."""
        values = {f"final/{split}/{name}": value for name, value in scores.items()}
        self._each(f"the final scores on {split} were not logged", lambda tracker: tracker.log(values, step=step))

    def _log(self, values: Mapping[str, float], step: int) -> None:
        if self._accelerator is not None:
            self._accelerator.log(dict(values), step=step)

    def close(self) -> None:
        """Nothing more is logged. A tracker that fails is told of, and keeps none of the others open."""
        # Not end_training(), which would also part the processes, though other seeds may follow.
        self._each("its log was not closed", lambda tracker: tracker.finish())

    def _each(self, otherwise: str, do: Callable[[GeneralTracker], object]) -> None:
        for tracker in self._accelerator.trackers if self._accelerator is not None else []:
            try:
                do(tracker)
            except Exception as error:  # whatever somebody else's service may raise
                self._say(f"tracker {tracker.name}: {otherwise}: {type(error).__name__}: {error}".rstrip(": "))


def _named(name: str, run: RunFolder, spec: Spec, key: str, step: int) -> GeneralTracker:
    """Accelerate's tracker of that name, its files in the run's folder."""
    from accelerate.tracking import TensorBoardTracker, WandBTracker

    if name == "tensorboard":
        return TensorBoardTracker("tensorboard", run.path, purge_step=step + 1)
    return WandBTracker(spec.name, name=f"{spec.name}/{spec.seed}", id=key, resume="allow", dir=str(run.path))
