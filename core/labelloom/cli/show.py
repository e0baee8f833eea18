"""`labelloom show`: one component, source or format of data, or shipped spec."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelloom.bundles import Catalogue, component_class
from labelloom.cli.option_text import described, print_options
from labelloom.cli.options import Json
from labelloom.cli.output import console, in_order, print_json, table
from labelloom.cli.show_reader import print_reader, reader_told
from labelloom.components import Component
from labelloom.errors import Problem, UnknownNameError

if TYPE_CHECKING:
    from rich.console import Console

    from labelloom.compose.variants import Variant
    from labelloom.config import Signature

SCALES = {"probabilities": "probabilities", "distribution": "a distribution over all labels", "ranks": "ranks"}
"""What tasks make of scores, in words."""


def show_name(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A component, a source or format of data, or a shipped spec: bundle/name."),
    ],
    as_json: Json = False,
) -> None:
    """Show one component, source or format of data, or shipped spec.

    Of a component: what it needs and gives, and its options. Of a source or format: what it reads, the keys of [data]
    that it uses, and its options. Of a spec: its text.
    """
    catalogue = Catalogue()
    specs = catalogue.specs()
    reading = catalogue.readers_called(name)
    component = _component(name, catalogue, specs, found=bool(reading) or name in specs)
    options = _options(component) if component else []
    path = specs.get(name)
    if as_json:
        print_json(
            {
                "component": component and _told(component, options, catalogue),
                "readers": [reader_told(reader, catalogue) for reader in reading],
                "spec": path and {"name": name, "path": str(path), "text": path.read_text(encoding="utf-8")},
            }
        )
        return
    out = console()
    if component:
        _print_component(out, component, options, catalogue)
    for place, reader in enumerate(reading):
        out.print("\n" * (component is not None or place > 0), end="")
        print_reader(out, reader, catalogue)
    if path:
        out.print("\n" * (component is not None or len(reading) > 0) + name, style="bold", end="")
        out.print(f"  spec, {path}\n", soft_wrap=True)
        typer.echo(path.read_text(encoding="utf-8"), nl=False)


def _component(name: str, catalogue: Catalogue, specs: Iterable[str], *, found: bool) -> Component | None:
    """The component called `name`; None if something else is `found`. Raises UnknownNameError if nothing is."""
    if found:
        return catalogue.find(Component, name)
    try:
        return catalogue.component(name)
    except UnknownNameError as error:
        unknown, *unread = error.problems
        others = [*specs, *(reader.name for reader in catalogue.readers())]
        close = tuple(dict.fromkeys([*get_close_matches(name, others, n=3, cutoff=0.6), *unknown.suggestions]))[:3]
        message = "no installed component, source, format or shipped spec is called this"
        raise UnknownNameError.from_problems([Problem(name, message, close), *unread]) from None


def _options(component: Component) -> list[dict[str, Any]]:
    """What the component can be told. Raises BundleError when its config is broken."""
    if not component.config:
        return []
    return described(component_class(component, component.config, component.name), component.stage_options)


def _told(component: Component, options: list[dict[str, Any]], catalogue: Catalogue) -> dict[str, Any]:
    default, changes = _by_options(component, catalogue)
    return {
        "name": component.name,
        "kind": component.kind,
        "bundle": component.bundle,
        "needs": in_order(default.needs if default else component.needs),
        "gives": in_order(default.gives if default else component.gives),
        "changes": [
            {
                "option": each.option,
                "values": list(each.values),
                "needs": in_order(each.signature.needs),
                "gives": in_order(each.signature.gives),
            }
            for each in changes
        ],
        "labels": component.labels,
        "trains": component.trains,
        "logs": sorted(component.logs),
        "summary": component.summary,
        "options": options,
    }


def _print_component(out: Console, component: Component, options: list[dict[str, Any]], catalogue: Catalogue) -> None:
    out.print(f"{component.name}", style="bold", end="")
    out.print(f"  {component.kind.replace('_', ' ')}, from {catalogue.origin(component)}")
    out.print(f"{component.summary}\n")
    facts = table("", "")
    default, changes = _by_options(component, catalogue)
    facts.add_row("needs", _names(default.needs if default else component.needs))
    facts.add_row("gives", _names(default.gives if default else component.gives))
    facts.add_row("labels", "works only on every label" if component.labels == "all" else "works on any of them")
    if component.trains:
        facts.add_row("trains", f"scores, to be {SCALES[component.trains]}")
    if component.logs:
        facts.add_row("logs", ", ".join(sorted(component.logs)))
    out.print(facts)
    if component.config and _depends_on_options(component):
        out.print("What it needs and gives depends on its options: `labelloom check` tells it for a spec.")
        for line in changes_told(default, changes):
            out.print(f"- {line}")
    out.print()
    print_options(out, options)


def _by_options(component: Component, catalogue: Catalogue) -> tuple[Signature | None, list[Variant]]:
    """What it needs and gives at its defaults, if it can do with them, and what single options change of that."""
    if not component.config or not _depends_on_options(component):
        return None, []
    from labelloom.compose.variants import by_options

    return by_options(component, catalogue)


def changes_told(default: Signature | None, changes: Iterable[Variant]) -> Iterator[str]:
    """A line for each change from `default`: 'with init = "names" | "descriptions" it needs tokens'."""
    for each in changes:
        values = " | ".join(json.dumps(value) for value in each.values)
        told = [
            f"{verb} {_names(now)}"
            for verb, now, then in (
                ("needs", each.signature.needs, default and default.needs),
                ("gives", each.signature.gives, default and default.gives),
            )
            if now != then
        ]
        yield f"with {each.option} = {values} it {' and '.join(told)}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(in_order(names)) or "nothing"


def _depends_on_options(component: Component) -> bool:
    return callable(getattr(component_class(component, component.config, component.name), "signature", None))
