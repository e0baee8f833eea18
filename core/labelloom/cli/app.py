"""The commands and what is common to all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from labelloom import __version__
from labelloom.cli import failing
from labelloom.cli.bundle_command import bundle_command
from labelloom.cli.commands import SETTINGS, Sparing, command_of

FUNCTIONS = {
    "list": "labelloom.cli.list:list_installed",
    "show": "labelloom.cli.show:show_name",
    "init": "labelloom.cli.init:copy_spec",
    "new": "labelloom.cli.new:new_bundle",
    "data": "labelloom.cli.data:show_data",
    "check": "labelloom.cli.check:check_spec",
    "train": "labelloom.cli.train:train_spec",
    "baseline": "labelloom.cli.baseline:train_baselines",
    "evaluate": "labelloom.cli.evaluate:evaluate_run",
    "predict": "labelloom.cli.predict:predict_labels",
    "schema": "labelloom.cli.schema:print_schema",
}
"""The labelloom commands of the core, each with its function."""


class _Own(Mapping[str, Any]):
    """The commands of the core. The function of each is imported when it is asked for: a command waits for no other."""

    def __getitem__(self, name: str) -> Any:
        return _command(name)

    def __iter__(self) -> Iterator[str]:
        return iter(FUNCTIONS)

    def __len__(self) -> int:
        return len(FUNCTIONS)


@cache
def _command(name: str) -> Any:
    module, _, function = FUNCTIONS[name].partition(":")
    return command_of(name, getattr(import_module(module), function))


class Commands(Sparing, TyperGroup):
    """The group of all commands: `--debug` is understood before and after the command's name.

    A name with a slash is that of a bundle's command. Bundles are asked only then, so that help starts in a blink.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": _Own()})

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The global options of `args`; the rest goes to the command."""
        if "--debug" in args:
            args = ["--debug", *(arg for arg in args if arg != "--debug")]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command called `cmd_name`, or None."""
        if "/" not in cmd_name:
            return super().get_command(ctx, cmd_name)
        with failing.telling():
            return bundle_command(cmd_name)


# rich's help pages take longer to import than the rest of `labelloom --help` together.
app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=SETTINGS,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"labelloom {__version__}")
        raise typer.Exit


def _show_tracebacks(wanted: bool) -> None:
    failing.debug = wanted


def _add_catalogues(files: list[Path] | None) -> None:
    if files:
        # pydantic, which the registry is read with, takes longer to import than the rest of a listing.
        from labelloom.registry import VARIABLE

        before = os.environ.get(VARIABLE, "")
        os.environ[VARIABLE] = os.pathsep.join([*map(str, files), before])


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.", callback=_show_tracebacks)
    ] = False,
    registry: Annotated[
        list[Path] | None,
        typer.Option(
            "--registry",
            metavar="FILE",
            help="Know the bundles of this catalogue, too, before those of LABELLOOM_REGISTRY. May be given several "
            "times.",
            callback=_add_catalogues,
        ),
    ] = None,
) -> None:
    """Multi-label text classifiers woven from published parts.

    Start with `labelloom list`, then `labelloom init NAME`, `labelloom check SPEC`, `labelloom train SPEC`.

    Bundles bring commands of their own; `labelloom list commands` shows them.
    """
