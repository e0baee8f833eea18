"""What a bundle says about a command of its own: a frozen record that names the function by string."""

from __future__ import annotations

from dataclasses import dataclass

from labelloom.components import API, NAME, TARGET
from labelloom.errors import BundleError


@dataclass(frozen=True)
class Command:
    """The record of one command: `labelloom bundle/command ARGUMENTS`.

    Args:
        name: `bundle/command`, what stands on the command line. No command of the core has a slash in its name.
        target: `module:function`, imported only when the command is named. Its parameters are the command's arguments
            and options, annotated as typer has them; the first paragraph of its docstring is its help. What it raises
            is told as the core's commands tell it.
        summary: one line for people.
        api: the contract it was written for.
    """

    name: str
    target: str
    summary: str = ""
    api: int = API

    @property
    def bundle(self) -> str:
        """The owner: the part of the name before the slash."""
        return self.name.partition("/")[0]

    def validate_names(self) -> None:
        """Check the name and the target. Raises BundleError."""
        if not NAME.fullmatch(self.name):
            message, example = f"the name {self.name!r} is not bundle/command in lower case", '"mybundle/count"'
        elif not TARGET.fullmatch(self.target):
            message = f"target {self.target!r} is not module:function"
            example = '"labelloom_mybundle.count:count_words"'
        else:
            return
        raise BundleError(message, where=f"command {self.name or '?'}", suggestions=[example])
