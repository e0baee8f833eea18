"""A time budget: how much of a stage is done, by its steps or by the clock, whichever is ahead."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from accelerate import Accelerator


@dataclass
class Clock:
    """What the budget remembers; it is saved with the checkpoints.

    `began` is when the stage began, in seconds of the run; `share` is the largest share of it that was found done.
    The others are of the whole run: `ranking` is what the model took in all of its `validations` together, `beside`
    what these took besides, for their metrics; `saving` what the longest checkpoint took.
    """

    began: float = 0.0
    share: float = 0.0
    validations: int = 0
    ranking: float = 0.0
    beside: float = 0.0
    saving: float = 0.0


class Budget:
    """The time of one stage.

    What is left of the run's time when a stage begins is cut in proportion to the planned steps of this stage and of
    those that follow. A stage's last validation and its checkpoints come out of its own time, and the final scoring of
    all splits, in full precision, and the writing of the model out of the whole. All are estimated: what the model
    takes for a batch as a third of a step before the first validation, afterwards by the mean of all validations. What
    these take besides, and a checkpoint, does not grow with the batches. The first step, which warms up, tells nothing
    of any.

    Args:
        seconds: of the whole run, from its beginning to its scores.
        run_began: the monotonic time at which the run would have begun, had it never been interrupted.
        clock: the stage's, in which the budget keeps what a resumed run must know.
        part: the planned steps of this stage divided by those of this stage and all that follow.
        batches: batches of the validation split, and of all splits that are scored at the end.
        slowdown: how much longer a batch takes in full precision than in that of training.
        accelerator: knows the other processes; the first one's clock counts for all.
    """

    def __init__(
        self,
        seconds: float,
        run_began: float,
        clock: Clock,
        part: float,
        batches: tuple[int, int],
        slowdown: float,
        accelerator: Accelerator,
    ) -> None:
        self.seconds = seconds
        self.run_began = run_began
        self.clock = clock
        self.part = part
        self.batches = batches
        self.slowdown = slowdown
        self.accelerator = accelerator
        self._first: float | None = None
        self._steps, self._stepping = 0, 0.0

    def begin(self) -> None:
        """The stage begins now."""
        self.clock.began, self.clock.share = self._now(), 0.0

    def stepped(self, seconds: float) -> None:
        """A step took so long."""
        if self._first is None:
            self._first = seconds
        else:
            self._steps, self._stepping = self._steps + 1, self._stepping + seconds

    def validated(self, ranking: float, beside: float) -> None:
        """In a validation the model took `ranking` seconds, all else `beside`."""
        clock = self.clock
        clock.validations, clock.ranking = clock.validations + 1, clock.ranking + ranking
        clock.beside += beside

    def saved(self, seconds: float) -> None:
        """A checkpoint took so long."""
        self.clock.saving = max(self.clock.saving, seconds)

    def share(self, step: int, steps: int) -> float:
        """The share of the stage that is done after `step` of `steps`, from 0 to 1; it never falls."""
        clock = self.clock
        mean = self._stepping / max(1, self._steps)
        one_step = mean if self._steps else self._first or 0.0
        ranking = clock.ranking / clock.validations if clock.validations else self.batches[0] * mean / 3
        beside = clock.beside / max(1, clock.validations)
        scoring = ranking * self.slowdown * self.batches[1] / self.batches[0] + beside + clock.saving
        # The last validation has a checkpoint, and so has the end of the stage.
        ending = ranking + beside + 2 * clock.saving
        allowed = (self.seconds - scoring - clock.began) * self.part - ending - one_step
        used = self._now() - clock.began
        timed = min(1.0, used / allowed) if allowed > 0 else 1.0
        clock.share = self._of_first(max(clock.share, timed, step / steps))
        return clock.share

    def _now(self) -> float:
        return time.monotonic() - self.run_began

    def _of_first(self, value: float) -> float:
        """The first process's value, in all of them: their schedules and their ends must be the same."""
        if self.accelerator.num_processes == 1:
            return value
        own = value if self.accelerator.is_main_process else 0.0
        shared = torch.tensor(own, dtype=torch.float32, device=self.accelerator.device)
        return float(self.accelerator.reduce(shared, "sum"))
