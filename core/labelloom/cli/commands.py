"""How a function becomes a command, quickly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand

from labelloom.cli.failing import told

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
"""What every command understands."""


class Sparing:
    """Commands and groups that read only the options that are given.

    typer reads each by pydantic, also where there is nothing to read, and importing that takes as long as all else that
    `labelloom list` does.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """The parameters, that for help too."""
        found: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in found:
            if "process_value" not in vars(parameter):
                parameter.process_value = partial(_process_value, parameter, parameter.process_value)
        return found


class _Command(Sparing, TyperCommand):
    pass


def command_of(name: str, function: Callable[..., None]) -> Any:
    """The command that calls `function`, whose annotations are the options, and that fails as all commands do."""
    # rich's help pages take longer to import than the rest of `labelloom --help` together.
    app = typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=SETTINGS
    )
    app.command(name, cls=_Command)(told(function))
    return typer.main.get_command(app)


def _process_value(parameter: Any, process: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:
    if value is not None or parameter.required:
        return process(context, value)
    nothing = () if parameter.multiple or parameter.nargs == -1 else None
    return parameter.callback(context, parameter, nothing) if parameter.callback else nothing
