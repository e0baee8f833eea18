"""Ctrl-C: the step that runs is finished and saved, and the message says how to go on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

import labelloom
from labelloom.errors import TrainingError
from labelloom.training.interrupt import Interrupt
from labelloom.training.progress import Silent

from .small import assert_equal_runs, events_of, two_stages


class PressesCtrlC(Silent):
    """In a chosen step of training (from 1), as often as said."""

    def __init__(self, step: int, times: int = 1) -> None:
        self.left = step
        self.times = times

    def step(self, loss: float, documents_per_second: float) -> None:
        self.left -= 1
        if self.left == 0:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelloom.train(two_stages(corpus), output=tmp_path_factory.mktemp("whole")).path


# In the first step; at a validation, which saves too; at the end of a stage; between checkpoints; in the last step.
@pytest.mark.parametrize(
    ("step", "where"),
    [
        (1, "step 1 of stage 'first'"),
        (3, "step 3 of stage 'first'"),
        (5, "step 2 of stage 'second'"),
        (6, "step 3 of stage 'second'"),
        (8, "step 5 of stage 'second'"),
    ],
)
def test_the_step_is_saved_and_the_run_goes_on_from_it(
    step: int, where: str, corpus: Path, whole: Path, tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(TrainingError) as error:
        labelloom.train(two_stages(corpus), output=tmp_path, reporter=PressesCtrlC(step))
    run = tmp_path / "small" / "0"

    assert str(error.value) == (
        f"{run}: interrupted after {where}; everything so far is saved\n    try: labelloom train --resume {run}"
    )
    assert signal.getsignal(signal.SIGINT) is before
    assert sum("loss" in event for event in events_of(run)) == step
    labelloom.resume(run)
    assert_equal_runs(run, whole)


def test_the_second_ctrl_c_does_not_wait(corpus: Path, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        labelloom.train(two_stages(corpus), output=tmp_path, reporter=PressesCtrlC(5, times=2))

    labelloom.resume(tmp_path / "small" / "0")

    assert_equal_runs(tmp_path / "small" / "0", whole)


def test_outside_training_ctrl_c_interrupts_at_once() -> None:
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGINT)
        assert interrupt.asked
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
