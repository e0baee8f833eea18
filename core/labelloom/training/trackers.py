"""Who is told of the course of training: listeners of bundles, and Accelerate's trackers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from accelerate import Accelerator, PartialState
from accelerate.tracking import GeneralTracker

from labelloom.bundles import Catalogue
from labelloom.errors import LabelloomError, TrainingError
from labelloom.listeners import Listener
from labelloom.runs.folder import RunFolder, write_json
from labelloom.spec import Spec
from labelloom.spec.describe import leaves
from labelloom.training.events import (
    CheckpointSaved,
    RunBegins,
    RunEnds,
    StageBegins,
    StepTaken,
    TrainingEvents,
    Validated,
)

Tracker: TypeAlias = "str | TrainingEvents | GeneralTracker"
"""The name of a bundle's listener, or an object: a listener, or one of Accelerate's trackers."""


class Logged(TrainingEvents):
    """A listener that logs numbers under names, as Accelerate's trackers take them.

    `tracker` makes the tracker when the run begins.
    """

    def __init__(self, tracker: Callable[[RunBegins], GeneralTracker]) -> None:
        self._make = tracker
        self._tracker: GeneralTracker | None = None

    @property
    def tracker(self) -> GeneralTracker:
        """The tracker of the run that has begun."""
        assert self._tracker is not None, "it is told of the beginning first"
        return self._tracker

    def begin(self, run: RunBegins) -> None:
        """Open the log; the spec goes into it once."""
        tracker = self._make(run)
        Accelerator(log_with=[tracker]).init_trackers(run.name)  # how a tracker is started is Accelerate's to know
        self._tracker = tracker
        if run.first:
            told = leaves(dict(run.spec))
            self.tracker.store_init_configuration({key: value for key, value in told if value is not None})

    def step(self, event: StepTaken) -> None:
        """The loss, that of each task, the highest rate."""
        means = {f"{event.stage}/loss.{name}": mean for name, mean in event.tasks.items()}
        values = {f"{event.stage}/loss": event.loss, **means, f"{event.stage}/learning_rate": event.learning_rate}
        self.tracker.log(values, step=event.total)

    def validation(self, event: Validated) -> None:
        """Every score."""
        values = {f"{event.stage}/validation/{name}": value for name, value in event.scores.items()}
        self.tracker.log(values, step=event.total)

    def end(self, event: RunEnds) -> None:
        """The final scores of each split."""
        for split, scores in event.scores.items():
            values = {f"final/{split}/{name}": value for name, value in scores.items()}
            self.tracker.log(values, step=event.total)

    def close(self) -> None:
        """Close the log, if it was opened."""
        if self._tracker is not None:
            self._tracker.finish()


def check_trackers(trackers: Sequence[Tracker]) -> None:
    """Raise for what cannot be told of a run.

    UnknownNameError for a name that no bundle has, BundleError for a listener that cannot be imported or is none,
    TrainingError for an object that is none.
    """
    catalogue = Catalogue()
    for tracker in trackers:
        if isinstance(tracker, str):
            _made(_record(tracker, catalogue), catalogue)
        elif not isinstance(tracker, TrainingEvents | GeneralTracker):
            raise TrainingError(
                f"{tracker!r} cannot be told of a run",
                where="trackers",
                suggestions=["the name of a listener", "an object of labelloom.TrainingEvents"],
            )


def _record(name: str, catalogue: Catalogue) -> Listener:
    return catalogue.called(Listener, name, "trackers")


def _made(record: Listener, catalogue: Catalogue) -> tuple[str, TrainingEvents]:
    """A new listener, after what it is called in messages."""
    code = catalogue.code(record)
    made = code()
    if not isinstance(made, TrainingEvents):
        raise code.wrong(f"made {made!r}, not a TrainingEvents")
    return code.where, made


def _named(
    names: Iterable[str], catalogue: Catalogue, before: Mapping[str, tuple[str, TrainingEvents]]
) -> dict[str, tuple[str, TrainingEvents]]:
    """The listeners `before`, and after them new ones of `names`, by their full names."""
    made = dict(before)
    for record in (_record(name, catalogue) for name in names):
        if record.name not in made:
            made[record.name] = _made(record, catalogue)
    return made


def _wrapped(tracker: TrainingEvents | GeneralTracker) -> tuple[str, TrainingEvents]:
    if isinstance(tracker, TrainingEvents):
        return f"listener {type(tracker).__name__}", tracker
    return f"tracker {tracker.name}", Logged(lambda run: tracker)


class Tracking:
    """The listeners of one run; the first process alone has any.

    Names are kept in the run's folder, so that a resumed run goes on telling them without being told. Steps count
    through all stages.
    """

    def __init__(
        self, trackers: Sequence[Tracker], run: RunFolder, spec: Spec, step: int, say: Callable[[str], None]
    ) -> None:
        """Tell them of the beginning at `step`: what an interrupted run told after it is told again.

        `say` is told what goes wrong later. Raises what a listener raises here; then all that have begun are closed.
        """
        self._say = say
        self._open: list[tuple[str, TrainingEvents]] = []
        self._failed: set[int] = set()  # places among them
        if not PartialState().is_main_process:
            return
        known = json.loads(run.trackers.read_text(encoding="utf-8")) if run.trackers.is_file() else {"names": []}
        catalogue, without = Catalogue(), f"take it out of {run.trackers}, to go on without it"
        try:
            named = _named(known["names"], catalogue, {})
        except LabelloomError as error:
            raise error.also(without) from error
        told_before = len(named)
        named = _named([each for each in trackers if isinstance(each, str)], catalogue, named)
        listeners = [(*made, place >= told_before) for place, made in enumerate(named.values())]
        listeners += [(*_wrapped(each), step == 0) for each in trackers if not isinstance(each, str)]
        if not listeners:
            return
        key = known.get("id") or secrets.token_hex(8)
        stages = tuple(phase.name for phase in spec.phases)
        try:
            for place, (name, listener, first) in enumerate(listeners):
                self._open.append((name, listener))
                begins = RunBegins(run.path, spec.name, spec.seed, spec.model_dump(), stages, step, key, first)
                _begin(name, listener, begins, without if place < told_before else "train without it")
        except BaseException:
            self.close()
            raise
        # Last, so that a service that could not be reached is asked anew as if for the first time.
        write_json(run.trackers, {"names": list(named), "id": key})

    def stage(self, event: StageBegins) -> None:
        """Tell of a stage."""
        self._tell("stage", event.stage, lambda listener: listener.stage(event))

    def step(self, event: StepTaken) -> None:
        """Tell of a step."""
        self._tell("step", f"step {event.total}", lambda listener: listener.step(event))

    def validation(self, event: Validated) -> None:
        """Tell of a validation."""
        self._tell("validation", f"step {event.total}", lambda listener: listener.validation(event))

    def checkpoint(self, event: CheckpointSaved) -> None:
        """Tell of a checkpoint."""
        self._tell("checkpoint", f"step {event.total}", lambda listener: listener.checkpoint(event))

    def end(self, event: RunEnds) -> None:
        """Tell of the results."""
        self._tell("end", "the results are written", lambda listener: listener.end(event))

    def _tell(self, what: str, when: str, tell: Callable[[TrainingEvents], None]) -> None:
        """Tell all who have not failed. Who fails is left out from now on, and that is said: no run ends for a log."""
        for place, (name, listener) in enumerate(self._open):
            if place in self._failed:
                continue
            try:
                tell(listener)
            except Exception as error:  # whatever somebody else's code or service may raise
                self._failed.add(place)
                reason = f"{type(error).__name__}: {error}".rstrip(": ")
                self._say(f"{name} failed when told of {what} ({when}), and is told no more of this run: {reason}")

    def close(self) -> None:
        """Nothing more is told. One that fails is told of, and keeps none of the others open."""
        for name, listener in self._open:
            try:
                listener.close()
            except Exception as error:  # whatever somebody else's code or service may raise
                self._say(f"{name} was not closed: {type(error).__name__}: {error}".rstrip(": "))
        self._open = []


def _begin(name: str, listener: TrainingEvents, run: RunBegins, otherwise: str) -> None:
    """Tell of the beginning. Raises TrainingError, with what the listener raised behind it and what to do `otherwise`.

    An error of labelloom's own is raised as it is, with the same advice.
    """
    try:
        listener.begin(run)
    except LabelloomError as error:
        raise error.also(otherwise) from error
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        message = f"the {name} cannot begin: {reason}"
        raise TrainingError(message, where=str(run.folder), suggestions=[otherwise]) from error
