"""What a person sees of training: a bar on a terminal, plain lines elsewhere. Always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Reporter(Protocol):
    """Told of every event of training; `labelloom train` shows them, a notebook may do otherwise."""

    def say(self, text: str) -> None:
        """One line for the user."""

    def start(self, stage: str, steps: int, done: int) -> None:
        """A stage begins, or goes on after `done` steps."""

    def step(self, loss: float, documents_per_second: float) -> None:
        """A step is done."""

    def expect(self, steps: int) -> None:
        """By the clock the stage will end after about so many steps; told after each where there is a time budget."""

    def validated(self, step: int, scores: Mapping[str, float], better: bool) -> None:
        """A validation is done; `better` where it is the best so far of a stage that keeps the weights of its best."""

    def stop(self) -> None:
        """The stage has ended."""


class Silent:
    """Says nothing."""

    def say(self, text: str) -> None:
        pass

    def start(self, stage: str, steps: int, done: int) -> None:
        pass

    def step(self, loss: float, documents_per_second: float) -> None:
        pass

    def expect(self, steps: int) -> None:
        pass

    def validated(self, step: int, scores: Mapping[str, float], better: bool) -> None:
        pass

    def stop(self) -> None:
        pass


class Shown:
    """A progress bar with loss, documents a second and time left; without a terminal, a line every ten seconds."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._said = 0.0
        self._stage, self._steps, self._done = "", 0, 0

    def say(self, text: str) -> None:
        """One line above the bar."""
        self.console.print(text)

    def start(self, stage: str, steps: int, done: int) -> None:
        """Show a new bar, at `done` of `steps`."""
        self._stage, self._steps, self._done = stage, steps, done
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:.0f}/{task.total:.0f}  loss {task.fields[loss]}  {task.fields[rate]}"),
                TimeRemainingColumn(),
                console=self.console,
            )
            self._bar.start()
            self._task = self._bar.add_task(stage, total=steps, completed=done, loss="–", rate="")

    def step(self, loss: float, documents_per_second: float) -> None:
        """Move the bar on."""
        self._done += 1
        decimals = 0 if documents_per_second >= 10 else 1
        rate = f"{documents_per_second:,.{decimals}f} documents/s"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=1, loss=f"{loss:.4g}", rate=rate)
        elif time.monotonic() - self._said > 10:
            self._said = time.monotonic()
            self.say(f"{self._stage}  {self._done}/{self._steps}  loss {loss:.4g}  {rate}")

    def expect(self, steps: int) -> None:
        """Count towards another end."""
        self._steps = steps
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=steps)

    def validated(self, step: int, scores: Mapping[str, float], better: bool) -> None:
        """One line with the scores; a star marks the best so far."""
        shown = "  ".join(f"{name} {value:.4f}" for name, value in scores.items())
        self.say(f"{self._stage}  step {step}  validation: {shown}{'  *' if better else ''}")

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
