"""What a bundle says about a command of its own: a frozen record that names the function by string."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labelloom.records import Record


@dataclass(frozen=True, kw_only=True)
class Command(Record):
    """The record of one command: `labelloom bundle/command ARGUMENTS`.

    Args:
        name: `bundle/command`, what stands on the command line. No command of the core has a slash in its name.
        target: `module:function`, imported only when the command is named. Its parameters are the command's arguments
            and options, annotated as typer has them; the first paragraph of its docstring is its help. What it raises
            is told as the core's commands tell it.
        summary: one line for people.
        api: the contract it was written for.
    """

    what: ClassVar[str] = "command"
    example: ClassVar[str] = "labelloom_mybundle.count:count_words"
