"""Commands that bundles bring: looked up when they are named, `labelloom mybundle/count`."""

from __future__ import annotations

from typing import Any

import typer

from labelloom.bundles import Catalogue
from labelloom.cli.failing import told

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
"""What every command understands."""


def bundle_command(name: str) -> Any:
    """The command `bundle/command`, with its bundle's code imported.

    Raises:
        UnknownNameError: no installed bundle has it.
        BundleError: its bundle is broken, or its function cannot be imported, or is none of a command.
    """
    catalogue = Catalogue()
    code = catalogue.code(catalogue.command(name))
    # rich's help pages would be those of these commands alone.
    app = typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=SETTINGS
    )
    app.command(name)(told(code.function))
    try:
        return typer.main.get_command(app)
    except Exception as error:  # typer says in many ways what it cannot make an option of
        raise code.wrong(f"cannot be a command: {type(error).__name__}: {error}") from error
