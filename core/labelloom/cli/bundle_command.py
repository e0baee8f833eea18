"""Commands that bundles bring: looked up when they are named, `labelloom mybundle/count`."""

from __future__ import annotations

from typing import Any

from labelloom.bundles import Catalogue
from labelloom.cli.commands import command_of


def bundle_command(name: str) -> Any:
    """The command `bundle/command`, with its bundle's code imported.

    Raises:
        UnknownNameError: no installed bundle has it.
        BundleError: its bundle is broken, or its function cannot be imported, or is none of a command.
    """
    catalogue = Catalogue()
    code = catalogue.code(catalogue.command(name))
    try:
        return command_of(name, code.function)
    except Exception as error:  # typer says in many ways what it cannot make an option of
        raise code.wrong(f"cannot be a command: {type(error).__name__}: {error}") from error
