"""`labelloom list`: what is installed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from labelloom.bundles import BundleState, Catalogue
from labelloom.cli.options import Json
from labelloom.cli.output import console, flow, in_order, print_json, table
from labelloom.commands import Command
from labelloom.components import KINDS, Component
from labelloom.formats import FORMS

if TYPE_CHECKING:
    from rich.console import Console

_CHOICES = (*KINDS, "formats", "commands", "specs", "bundles")


def list_installed(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help=f"One of {', '.join(_CHOICES)}.")] = None,
    as_json: Json = False,
) -> None:
    """Show what is installed.

    Components, formats of data, the commands and specs that bundles bring, and the bundles with their state. A broken
    bundle is shown with its error and hides nothing else.
    """
    chosen = _CHOICES if kind is None else (_choice(kind),)
    catalogue = Catalogue()
    states = catalogue.states()
    components = [component for state in states for component in state.components if component.kind in chosen]
    formats = _formats(states) if "formats" in chosen else []
    commands = [record for state in states for record in state.commands] if "commands" in chosen else []
    specs = catalogue.specs() if "specs" in chosen else {}
    shown = states if "bundles" in chosen else []
    if as_json:
        print_json(
            {
                "components": [_component(component) for component in components],
                "formats": formats,
                "commands": [{"name": record.name, "summary": record.summary} for record in commands],
                "specs": [{"name": name, "path": str(path)} for name, path in specs.items()],
                "bundles": [_bundle(state) for state in shown],
            }
        )
        return
    out = console()
    _print_components(out, components)
    _print_formats(out, formats)
    _print_commands(out, commands)
    _print_specs(out, specs)
    _print_bundles(out, shown)
    if not states and kind is None:
        out.print("no bundle is installed: pip install labelloom-standard")
    elif not any((components, formats, commands, specs, shown)):
        out.print("nothing of that kind is installed")


def _choice(kind: str) -> str:
    """What `kind` means: "encoders" and "label-module" are understood. Raises BadParameter."""
    plain = kind.lower().replace("-", "_")
    for choice in _CHOICES:
        if plain.removesuffix("s") == choice.removesuffix("s"):
            return choice
    raise typer.BadParameter(f"{kind!r} is not one of {', '.join(_CHOICES)}.", param_hint="KIND")


def _component(component: Component) -> dict[str, object]:
    return {
        "name": component.name,
        "kind": component.kind,
        "bundle": component.bundle,
        "needs": in_order(component.needs),
        "gives": in_order(component.gives),
        "summary": component.summary,
    }


def _formats(states: Sequence[BundleState]) -> list[dict[str, object]]:
    """Those of bundles after the core's own, each with the files that tell it."""
    formats: list[dict[str, object]] = [
        {"name": name, "files": [" | ".join(f"*{suffix}" for suffix in suffixes)], "summary": summary}
        for name, (suffixes, summary) in FORMS.items()
    ]
    for record in (record for state in states for record in state.formats):
        formats.append({"name": record.name, "files": list(record.files), "summary": record.summary})
    return formats


def _bundle(state: BundleState) -> dict[str, object]:
    return {
        "name": state.bundle.name,
        "distribution": state.bundle.distribution,
        "version": state.bundle.version,
        "state": state.state,
        "error": state.error,
    }


def _print_components(out: Console, components: Sequence[Component]) -> None:
    for kind in KINDS:
        of_kind = [component for component in components if component.kind == kind]
        if not of_kind:
            continue
        rows = table(f"{kind.replace('_', ' ')}s", "needs → gives", "")
        for component in of_kind:
            rows.add_row(component.name, _flow(component), component.summary)
        out.print(rows)
        out.print()


def _flow(component: Component) -> str:
    """What it needs and gives; what only ever trains gives nothing, what else gives nothing has it from its options."""
    if component.gives or component.kind == "task":
        return flow(component.needs, component.gives)
    return "depends on its options"


def _print_formats(out: Console, formats: Sequence[Mapping[str, object]]) -> None:
    if formats:
        rows = table("formats", "files", "")
        for each in formats:
            rows.add_row(str(each["name"]), ", ".join(cast(list[str], each["files"])), str(each["summary"]))
        out.print(rows)
        out.print()


def _print_commands(out: Console, commands: Sequence[Command]) -> None:
    if commands:
        rows = table("commands", "")
        for record in commands:
            rows.add_row(record.name, record.summary)
        out.print(rows)
        out.print()


def _print_specs(out: Console, specs: Mapping[str, Path]) -> None:
    if specs:
        rows = table("specs", "")
        for name, path in specs.items():
            rows.add_row(name, _description(path))
        out.print(rows)
        out.print()


def _description(path: Path) -> str:
    try:
        return str(tomllib.loads(path.read_text(encoding="utf-8")).get("description", ""))
    except (OSError, ValueError) as error:  # a broken spec, too, hides nothing else
        return f"cannot be read: {error}"


def _print_bundles(out: Console, states: Sequence[BundleState]) -> None:
    if states:
        rows = table("bundles", "distribution", "state")
        for state in states:
            rows.add_row(state.bundle.name, state.bundle.origin, state.error or state.state)
        out.print(rows)
