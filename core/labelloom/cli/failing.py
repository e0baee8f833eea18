"""How a command fails: one message without a traceback, and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import typer

from labelloom.cli.output import from_here
from labelloom.errors import LabelloomError, Problem, SpecError

debug = False
"""Whether errors are shown with their traceback; set by `--debug`."""


def told(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, every error of which is told on standard error and ends the program with status 1.

    Ctrl-C ends it with 130, and a reader of standard output that goes away with 0: both without a word.
    """

    @wraps(command)
    def run(*args: Any, **options: Any) -> None:
        with telling():
            command(*args, **options)
            sys.stdout.flush()

    return run


@contextmanager
def telling() -> Iterator[None]:
    """What happens within fails as commands do; see `told`."""
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # Or the interpreter would fail again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except LabelloomError as error:
        if debug:
            raise
        # What is wrong with a spec is the same in every process: the first one tells it.
        if not (isinstance(error, SpecError) and process_number()):
            print_problems(error.problems)
        raise typer.Exit(1) from None
    except Exception as error:
        if debug:
            raise
        text = f"unexpected {type(error).__name__}: {error}".rstrip(": ")
        print_problems([Problem("", text, ("the same command with --debug shows where it comes from",))])
        raise typer.Exit(1) from None


def print_problems(problems: Any) -> None:
    """The problems on standard error, in colour on a terminal; paths are told from the current folder."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
    number = process_number()
    for problem in problems:
        text = Text(f"process {number}: " if number else "")
        if problem.where:
            text.append(f"{from_here(problem.where)}: ", style="bold")
        text.append(from_here(problem.message), style="red")
        for suggestion in problem.suggestions:
            text.append("\n    try: ", style="dim").append(from_here(suggestion))
        console.print(text)


def process_number() -> int:
    """Which one of several processes this is, as their launcher says; 0 for the first and for a lone one."""
    return int(os.environ.get("RANK") or 0)
