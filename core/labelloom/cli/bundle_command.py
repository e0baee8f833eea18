"""Commands that bundles bring: looked up when they are named, `labelloom mybundle/count`."""

from __future__ import annotations

from typing import Any

import typer

from labelloom.bundles import Catalogue, load_target
from labelloom.cli.failing import told
from labelloom.errors import BundleError

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
"""What every command understands."""


def bundle_command(name: str) -> Any:
    """The command `bundle/command`, with its bundle's code imported.

    Raises:
        UnknownNameError: no installed bundle has it.
        BundleError: its bundle is broken, or its function cannot be imported, or is none of a command.
    """
    catalogue = Catalogue()
    record = catalogue.command(name)
    origin = next(bundle.origin for bundle in catalogue.bundles if bundle.name == record.bundle)
    where = f"command {name} ({origin})"
    function = load_target(record.target, where)
    if not callable(function):
        raise BundleError(f"{record.target} is no function", where=where)
    # rich's help pages would be those of these commands alone.
    app = typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=SETTINGS
    )
    app.command(name)(told(function))
    try:
        return typer.main.get_command(app)
    except Exception as error:  # typer says in many ways what it cannot make an option of
        raise BundleError(
            f"{record.target} cannot be a command: {type(error).__name__}: {error}", where=where
        ) from error
