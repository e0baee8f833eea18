"""kill -9 at any instant, then resume: the same final weights, bit for bit."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import labelloom

from .killable import Killable
from .small import assert_equal_runs, events_of, spec_on, two_stages


@pytest.fixture(scope="module")
def spec(corpus: Path) -> dict[str, Any]:
    """Dropout in both stages, a best checkpoint that is older than the last one, checkpoints at other steps.

    What is kept are averages, so that a checkpoint holds the raw weights, the optimiser's state and the averages.
    """
    return two_stages(corpus, checkpoint_every=2, average="ema", average_decay=0.3)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def killable(spec: dict[str, Any], output: Path) -> Iterator[Killable]:
    process = Killable(spec, output)
    yield process
    process.close()


@pytest.fixture
def whole(killable: Killable, output: Path) -> Path:
    """What the script's process trained at its start, uninterrupted."""
    return output / "small" / "0"


INSTANTS = [
    ("rename", "000-000000002"),
    ("rename", "best-000-000000003.safetensors"),
    ("rename", "001-000000000"),
    ("rename", "best-001-000000002.safetensors"),
    ("rename", "001-000000004"),
    ("rename", "002-000000000"),
    ("rename", "model.safetensors"),
    ("rename", "predictions.parquet"),
    ("rename", "metrics.json"),
    *(("remove", call) for call in (3, 5)),
    *(("save", call) for call in (1, 2, 5)),
    *(("weights", call) for call in (1, 2, 5, 8)),
    *(("history", call) for call in (1, 11)),
]


@pytest.mark.parametrize(("die", "call"), INSTANTS)
def test_a_process_killed_in_the_middle_of_writing(
    die: str, call: int | str, killable: Killable, spec: dict[str, Any], whole: Path, tmp_path: Path
) -> None:
    killable.start(spec, tmp_path, die, call)
    assert killable.ended() == -signal.SIGKILL
    run = tmp_path / "small" / "0"
    assert not (run / "metrics.json").exists()

    labelloom.resume(run)

    assert_equal_runs(run, whole)
    assert not list(run.rglob("*.partial"))


@pytest.fixture(scope="module")
def long_spec(corpus: Path) -> dict[str, Any]:
    return spec_on(corpus, training={"steps": 90, "checkpoint_every": 7, "evaluate_every": 5})


@pytest.fixture(scope="module")
def long_whole(long_spec: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelloom.train(long_spec, output=tmp_path_factory.mktemp("long")).path


def wait_for_lines(history: Path, lines: int) -> None:
    deadline = time.monotonic() + 60
    while not history.exists() or history.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("lines", [3, 40])
def test_a_process_killed_from_outside(
    lines: int, killable: Killable, long_spec: dict[str, Any], long_whole: Path, tmp_path: Path
) -> None:
    process = killable.start(long_spec, tmp_path)
    run = tmp_path / "small" / "0"
    wait_for_lines(run / "history.jsonl", lines)
    os.kill(process, signal.SIGKILL)
    assert killable.ended() == -signal.SIGKILL
    assert not (run / "model.safetensors").exists()

    labelloom.resume(run)

    assert_equal_runs(run, long_whole)


def test_a_process_interrupted_from_outside(
    killable: Killable, long_spec: dict[str, Any], long_whole: Path, tmp_path: Path
) -> None:
    process = killable.start(long_spec, tmp_path)
    run = tmp_path / "small" / "0"
    wait_for_lines(run / "history.jsonl", 20)
    os.kill(process, signal.SIGINT)
    assert killable.ended() == 1
    steps = sum("loss" in event for event in events_of(run))
    assert (tmp_path / "error.txt").read_text() == (
        f"{run}: interrupted after step {steps} of stage 'main'; everything so far is saved\n"
        f"    try: labelloom train --resume {run}"
    )
    assert [entry.name for entry in (run / "checkpoints").iterdir() if entry.is_dir()] == [f"000-{steps:09d}"]

    labelloom.resume(run)

    assert_equal_runs(run, long_whole)
