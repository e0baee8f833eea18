"""Trains in processes of their own that end as kill -9 ends them, at a chosen instant or from outside.

Run as a script, it trains once, so that everything is imported, and then forks for every line of JSON that it reads:

    {"spec": ..., "output": ..., "die": "history", "call": 3}

`die` names the call before or in which the process kills itself, `call` which one: its number from 1, or for "rename"
the name that a file would get. Without `die` it trains to
the end, or until somebody kills the process whose id it prints first. It prints the status with which that one ended;
what was wrong, if anything, is in the file `error.txt` of the output.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Killable:
    """The script's process, as tests use it."""

    def __init__(self, spec: dict[str, Any], output: Path) -> None:
        first = json.dumps({"spec": spec, "output": str(output)})
        self.process = subprocess.Popen(
            [sys.executable, __file__, first], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, spec: dict[str, Any], output: Path, die: str = "", call: int | str = 0) -> int:
        """Starts to train; the id of the process that does."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"spec": spec, "output": str(output), "die": die, "call": call}) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def ended(self) -> int:
        """Waits; the exit code, or minus the signal that ended it."""
        return int(self._line())

    def close(self) -> None:
        """Ends the script itself."""
        self.process.communicate(timeout=30)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


def _serve() -> None:
    first = json.loads(sys.argv[1])
    _train(first["spec"], Path(first["output"]))
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _arm(order["die"], order["call"])
            sys.stdout = sys.stderr
            os._exit(_train(order["spec"], Path(order["output"])))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _train(spec: dict[str, Any], output: Path) -> int:
    from labelloom import LabelloomError, train

    try:
        train(spec, output=output)
    except LabelloomError as error:
        (output / "error.txt").write_text(str(error))
        return 1
    return 0


def _arm(die: str, call: Any) -> None:
    from labelloom.runs import weights
    from labelloom.training import checkpoints, history

    if die == "rename":
        os.replace = _fatal_to(call)  # what Path.replace calls too
    elif die == "remove":
        shutil.rmtree = _fatal(shutil.rmtree, call, lambda path, **_: _half_removed(Path(path)))  # type: ignore[assignment]
    elif die == "save":
        checkpoints.save_file = _fatal(checkpoints.save_file, call, _half_written)  # type: ignore[attr-defined]
    elif die == "weights":
        weights.save_model = _fatal(weights.save_model, call, _half_written)  # type: ignore[attr-defined]
    elif die == "history":
        history.History.add = _fatal(history.History.add, call, _half_a_line)  # type: ignore[method-assign]


def _fatal_to(name: str) -> Callable[..., None]:
    rename = os.replace

    def wrapped(source: Any, target: Any) -> None:
        if Path(target).name == name:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)

    return wrapped


def _fatal(function: Callable[..., Any], call: int, instead: Callable[..., object]) -> Callable[..., Any]:
    calls = 0

    def wrapped(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            instead(*arguments, **options)
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    return wrapped


def _half_written(_: object, path: object) -> None:
    Path(str(path)).write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")


def _half_removed(path: Path) -> None:
    files = sorted(path.rglob("*")) if path.is_dir() else []
    for file in files[: len(files) // 2 + 1]:
        if file.is_file():
            file.unlink()


def _half_a_line(self: Any, **event: Any) -> None:
    with self.path.open("a") as file:
        file.write(json.dumps(event)[:20])


if __name__ == "__main__":
    _serve()
