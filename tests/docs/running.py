"""Running the blocks of one page, in order, in one folder, as a reader would who follows it word for word."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import site
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from .pages import ROOT, Block
from .specs import check_toml

_HOME = "/home/you"
_SECONDS = 120
_WARM = Path(__file__).with_name("warm.py")
_PROGRAMS = {
    "labelloom": "labelloom",
    "pip": "pip",
    "pytest": "pytest",
    "torchrun": "torch.distributed.run",
    "accelerate": "accelerate.commands.accelerate_cli",
}
"""Commands that must find what a page installs; each is a module."""

_PROGRESS = re.compile(r"\w+ \d+/\d+ loss ")


class Reader:
    """Somebody with an empty folder and an installed labelloom.

    What the page installs goes to an environment of its own, on top of the one that runs the tests. With `warm`, the
    socket of a server that runs `labelloom`, nothing that the page installs is seen by it.
    """

    def __init__(self, folder: Path, environment: Path, warm: Path | None = None) -> None:
        self.folder = folder
        folder.mkdir()
        binaries = _environment(environment, warm)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHON", "COV_"))}
        self.variables = {
            **kept,
            "PATH": os.pathsep.join([str(binaries), str(Path(sys.executable).parent), kept["PATH"]]),
            "VIRTUAL_ENV": str(environment),
            "LABELLOOM_CACHE": str(environment / "cache"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def follow(self, block: Block) -> None:
        """Do what a block says. Raises AssertionError where what happens is not what the page says."""
        if block.said("skip") is not None:
            return
        if folder := block.said("environment"):
            _environment(self.folder / folder, None)
            return
        if block.file:
            target = self.folder / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        match block.language:
            case "toml":
                check_toml(block, self.folder)
            case "json" | "jsonl":
                for text in block.text.splitlines() if block.language == "jsonl" else [block.text]:
                    json.loads(text)
            case "python" if not block.file:
                self._run(["python", "-c", block.text], block, expected=0)
            case "sh" | "bash":
                self._run(["bash", "-euo", "pipefail", "-c", _appended(block.text, block)], block, _status(block))
            case "console":
                self._console(block)

    def _console(self, block: Block) -> None:
        steps = list(_steps(block.text))
        for place, (command, told) in enumerate(steps):
            last = place == len(steps) - 1
            output = self._run(
                ["bash", "-euo", "pipefail", "-c", _appended(command, block)], block, _status(block) if last else 0
            )
            compare(told, output, f"{block.place}\n$ {command}")

    def _run(self, command: list[str], block: Block, expected: int) -> str:
        """The output of a command, standard error with it, with the folder's name as on the page."""
        cwd = ROOT if block.said("in the checkout") is not None else self.folder
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        killing = Timer(_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
        killing.start()
        interrupt, lines = block.said("interrupt after"), []
        for line in process.stdout:
            lines.append(line)
            if interrupt is not None and interrupt in line:
                os.killpg(process.pid, signal.SIGINT)
                interrupt = None
        status = process.wait()
        killing.cancel()
        output = "".join(lines).replace(str(self.folder), _HOME)
        assert status == expected, f"{block.place}: exit status {status}, not {expected}\n{output}"
        return output


@contextmanager
def warm_server(folder: Path) -> Iterator[Path]:
    """The socket of a process that runs `labelloom` without importing torch each time."""
    path = folder / "socket"
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    server = subprocess.Popen([sys.executable, str(_WARM), "serve", str(path)], env=variables)
    try:
        ends = time.monotonic() + _SECONDS
        while not path.exists():
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < ends, "the server takes too long"
            time.sleep(0.05)
        yield path
    finally:
        server.terminate()
        server.wait()


def _environment(folder: Path, warm: Path | None) -> Path:
    """An environment that sees all that this one has, and its folder of programs."""
    venv.EnvBuilder(symlinks=True).create(folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    parents = "; ".join(f"site.addsitedir({parent!r})" for parent in site.getsitepackages())
    (packages / "parents.pth").write_text(f"import site; {parents}\n")
    for name, module in _PROGRAMS.items():
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(str(folder / "bin" / "python"))} -m {module} "$@"\n')
        program.chmod(0o755)
    if warm is not None:
        command = shlex.join([sys.executable, "-S", str(_WARM), "run", str(warm)])
        (folder / "bin" / "labelloom").write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    return folder / "bin"


def _steps(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a console block, each with the output that the page shows."""
    command, told = "", list[str]()
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, told
            command, told = line.removeprefix("$ "), []
        elif command.endswith("\\"):
            command = f"{command}\n{line}"
        else:
            told.append(line)
    yield command, told


def _appended(command: str, block: Block) -> str:
    more = block.said("append")
    return command if more is None else "\n".join(f"{line} {more}" for line in command.rstrip().splitlines())


def _status(block: Block) -> int:
    return int(block.said("exit") or 0)


def compare(told: list[str], output: str, place: str) -> None:
    """Whether what the page shows is what was printed, if it shows anything.

    Spaces, blank lines and decimal numbers may differ. An ellipsis stands for anything in its line, and a line of it
    for any lines. Lines that tell of progress come when they come.
    """
    printed = [line for line in map(_plain, output.splitlines()) if line and not _PROGRESS.match(line)]
    here, skipping = 0, not any(told)
    for line in told:
        wanted = _plain(line)
        if wanted in ("", "^C"):
            continue
        if wanted == "…":
            skipping = True
            continue
        pattern = re.compile(".*".join(map(re.escape, wanted.split("…"))))
        there = range(here, len(printed) if skipping else min(here + 1, len(printed)))
        found = next((number for number in there if pattern.fullmatch(printed[number])), None)
        assert found is not None, f"{place}\nnot printed{' here' * (not skipping)}: {line}\n\n{output}"
        here, skipping = found + 1, False
    assert skipping or here == len(printed), f"{place}\nmore is printed than shown: {printed[here]}\n\n{output}"


def _plain(line: str) -> str:
    line = re.sub(r"\d[\d,]*\.\d+(e[+-]?\d+)?|\d[\d,]*(?= (s|min|MiB|documents/s)\b)", "#", line)
    # Which validation is the best so far, which a star marks, hangs on the last digits.
    return " ".join(line.split()).removesuffix(" *")
