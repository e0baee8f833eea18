"""What only a process of its own shows: what is imported, pipes, Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., "subprocess.Popen[str]"]

HEAVY = {"torch", "transformers", "datasets", "accelerate", "numpy", "scipy", "pyarrow"}
AFTERWARDS = """
import sys
from labelloom.cli import main
try:
    main()
finally:
    print(" ".join(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["list"],
        ["list", "--json"],
        ["show", "tiny/bag"],
        ["init", "tiny/words"],
        ["check", "tiny/words"],
        ["check", "tiny/words", "--set", "model.predictor.use=tiny/label-linear"],
        ["schema"],
        ["train", "--help"],
        ["train", "tiny/words", "--resume", "x"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_imported(arguments: list[str], folder: Path) -> None:
    command = [sys.executable, "-c", AFTERWARDS, *arguments]
    result = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
    assert result.returncode in (0, 1, 2), result.stderr
    imported = set(result.stderr.splitlines()[-1].split())
    assert "labelloom.cli.app" in imported
    assert not imported & HEAVY


def test_a_warning_is_one_line(process: Start, folder: Path) -> None:
    info = folder / "labelloom_odd-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[labelloom.bundles]\nodd = not a module!\n")
    started = process("list", "bundles")
    _, said = started.communicate(timeout=60)
    assert started.returncode == 0
    (line,) = said.splitlines()
    assert line.startswith("warning: ")
    assert "its bundles are not listed" in line or "is not listed" in line


def test_a_text_is_answered_before_the_next_one_comes(process: Start, run: Path) -> None:
    with process("predict", run, stdin=subprocess.PIPE) as started:
        for place, text in enumerate(["cat purr", "dog bark", "proof lemma"], start=1):
            started.stdin.write(text + "\n")
            started.stdin.flush()
            assert json.loads(started.stdout.readline())["id"] == place
        started.stdin.close()
        assert started.wait(timeout=60) == 0
        assert started.stderr.read() == ""


@pytest.mark.parametrize("lines", [1, 300])
def test_a_reader_that_goes_away_ends_it_quietly(process: Start, run: Path, folder: Path, lines: int) -> None:
    (folder / "many.txt").write_text("cat purr dog bark\n" * 5000)
    with process("predict", run, "many.txt") as started:
        for _ in range(lines):
            assert started.stdout.readline()
        started.stdout.close()
        assert started.wait(timeout=60) == 0
        assert started.stderr.read() == ""


def test_who_types_is_told_how_to_end(process: Start, run: Path) -> None:
    keyboard, terminal = pty.openpty()
    with process("predict", run, stdin=terminal) as started:
        os.close(terminal)
        os.write(keyboard, b"cat purr\n")
        assert json.loads(started.stdout.readline())["labels"][0]["label"] == "cats"
        os.write(keyboard, b"\x04")
        assert started.wait(timeout=60) == 0
        assert started.stderr.read() == "type a text a line; Ctrl-D ends\n"
    os.close(keyboard)


def test_ctrl_c_while_it_waits_ends_quietly(process: Start, run: Path) -> None:
    with process("predict", run, stdin=subprocess.PIPE) as started:
        started.stdin.write("cat\n")
        started.stdin.flush()
        assert started.stdout.readline()
        started.send_signal(signal.SIGINT)
        assert started.wait(timeout=60) == 130
        assert started.stderr.read() == ""


def test_ctrl_c_in_training_saves_and_resume_ends_as_if_nothing_had_been(
    process: Start, answer: Callable[..., Any], corpus: Path, folder: Path
) -> None:
    settings = [f"data.source={corpus}", "training.steps=200", "training.evaluate_every=20"]
    arguments = ["train", "tiny/words", "--json", *(word for setting in settings for word in ("--set", setting))]
    with process(*arguments, "--output", "runs") as started:
        history = folder / "runs" / "words" / "0" / "history.jsonl"
        wait_for(lambda: history.is_file() and history.read_text().count("validation") > 0, started)
        started.send_signal(signal.SIGINT)
        told, said = started.communicate(timeout=60)
    run = folder / "runs" / "words" / "0"
    assert started.returncode == 1
    assert told == ""
    assert "runs/words/0: interrupted after step " in said
    assert said.endswith("    try: labelloom train --resume runs/words/0\n")
    resumed = answer("train", "--resume", run, "--json")
    assert resumed["metrics"] == answer(*arguments, "--output", "whole")["metrics"]


def wait_for(happened: Callable[[], bool], started: subprocess.Popen[str]) -> None:
    """Wait until something has happened, as long as the process lives."""
    deadline = time.monotonic() + 120
    while not happened():
        assert started.poll() is None, started.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_module_runs_the_same_command(folder: Path) -> None:
    command = [sys.executable, "-m", "labelloom", "--version"]
    result = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=True)
    assert result.stdout.startswith("labelloom ")
