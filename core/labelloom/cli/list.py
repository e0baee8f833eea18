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
from labelloom.formats import FORMS, DataFormat
from labelloom.listeners import Listener
from labelloom.metrics import ExtraMetric
from labelloom.records import Record
from labelloom.sections import Section
from labelloom.sources import DataSource

if TYPE_CHECKING:
    from rich.console import Console

    from labelloom.registry import KnownBundle

_EXTRAS: dict[str, type[Record]] = {
    "sources": DataSource,
    "metrics": ExtraMetric,
    "listeners": Listener,
    "sections": Section,
    "commands": Command,
}
"""What else bundles bring, each with a name and a line about it."""

_CHOICES = (*KINDS, "formats", *_EXTRAS, "specs", "bundles")


def list_installed(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help=f"One of {', '.join(_CHOICES)}.")] = None,
    available: Annotated[
        bool, typer.Option("--available", help="Show the known bundles that are not installed, and what installs them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what is installed, or what could be.

    Components, formats of data, the sources, metrics, listeners, sections, commands and specs that bundles bring, and
    the bundles with their state. A broken bundle is shown with its error and hides nothing else.

    With --available, the bundles of labelloom's registry that are not installed, and those of the catalogues that
    `labelloom --registry` or the environment variable LABELLOOM_REGISTRY names.
    """
    if available:
        if kind is not None:
            raise typer.BadParameter("--available shows bundles; leave KIND out.", param_hint="KIND")
        _list_available(as_json)
        return
    chosen = _CHOICES if kind is None else (_choice(kind),)
    catalogue = Catalogue()
    states = catalogue.states()
    components = [component for state in states for component in state.components if component.kind in chosen]
    formats = _formats(states) if "formats" in chosen else []
    extras = {
        what: [record for state in states for record in state.records(kind)] if what in chosen else []
        for what, kind in _EXTRAS.items()
    }
    specs = catalogue.specs() if "specs" in chosen else {}
    shown = states if "bundles" in chosen else []
    if as_json:
        print_json(
            {
                "components": [_component(component) for component in components],
                "formats": formats,
                **{
                    what: [{"name": record.name, "summary": record.summary} for record in records]
                    for what, records in extras.items()
                },
                "specs": [{"name": name, "path": str(path)} for name, path in specs.items()],
                "bundles": [_bundle(state) for state in shown],
            }
        )
        return
    out = console()
    _print_components(out, components)
    _print_formats(out, formats)
    for what, records in extras.items():
        _print_extras(out, what, records)
    _print_specs(out, specs)
    _print_bundles(out, shown)
    if not states and kind is None:
        out.print("no bundle is installed: pip install labelloom-standard")
    elif not any((components, formats, *extras.values(), specs, shown)):
        out.print("nothing of that kind is installed")


def _list_available(as_json: bool) -> None:
    # Imported here: pydantic would double the time of the plain listing.
    from labelloom.registry import known_bundles

    installed = {bundle.name for bundle in Catalogue().bundles}
    missing = {name: known for name, known in sorted(known_bundles().bundles.items()) if name not in installed}
    if as_json:
        told = [{"name": name, "install": known.install, **known.model_dump()} for name, known in missing.items()]
        print_json({"available": told})
        return
    if not missing:
        typer.echo("every known bundle is installed")
        return
    rows = table("bundles", "to install", "")
    for name, known in missing.items():
        rows.add_row(name, known.install, _about(known))
    console().print(rows)


def _about(known: KnownBundle) -> str:
    """The summary, and below it the paper."""
    paper = known.paper
    return known.summary if paper is None else f"{known.summary}\n{paper.citation}: {paper.title}. {paper.venue}"


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
    for record in (record for state in states for record in state.records(DataFormat)):
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


def _print_extras(out: Console, what: str, records: Sequence[Record]) -> None:
    if records:
        rows = table(what, "")
        for record in records:
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
