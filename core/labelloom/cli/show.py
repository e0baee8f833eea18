"""`labelloom show`: one component or shipped spec."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelloom.bundles import Catalogue, load_target
from labelloom.cli.options import Json
from labelloom.cli.output import console, in_order, print_json, table
from labelloom.components import Component
from labelloom.errors import Problem, UnknownNameError

if TYPE_CHECKING:
    from rich.console import Console

SCALES = {"probabilities": "probabilities", "distribution": "a distribution over all labels", "ranks": "ranks"}
"""What tasks make of scores, in words."""


def show_name(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A component (bundle/component) or a shipped spec (bundle/spec).")
    ],
    as_json: Json = False,
) -> None:
    """Show one component or shipped spec.

    Of a component: what it needs and gives, and its options. Of a spec: its text.
    """
    catalogue = Catalogue()
    specs = catalogue.specs()
    component = _component(name, catalogue, specs)
    options = _options(component) if component else []
    path = specs.get(name)
    if as_json:
        print_json(
            {
                "component": component and _told(component, options),
                "spec": path and {"name": name, "path": str(path), "text": path.read_text(encoding="utf-8")},
            }
        )
        return
    out = console()
    if component:
        _print_component(out, component, options, catalogue)
    if path:
        out.print("\n" * (component is not None) + name, style="bold", end="")
        out.print(f"  spec, {path}\n", soft_wrap=True)
        typer.echo(path.read_text(encoding="utf-8"), nl=False)


def _component(name: str, catalogue: Catalogue, specs: dict[str, Path]) -> Component | None:
    """The component called `name`; None if only a spec is. Raises UnknownNameError if nothing is."""
    try:
        return catalogue.component(name)
    except UnknownNameError as error:
        if name in specs:
            return None
        unknown, *unread = error.problems
        close = tuple(dict.fromkeys([*get_close_matches(name, specs, n=3, cutoff=0.6), *unknown.suggestions]))[:3]
        message = "no installed component or shipped spec is called this"
        raise UnknownNameError.from_problems([Problem(name, message, close), *unread]) from None


def _options(component: Component) -> list[dict[str, Any]]:
    """What the component can be told, as its config's fields say. Raises BundleError when the config is broken."""
    from labelloom.config import held_kinds
    from labelloom.spec.describe import type_text

    if not component.config:
        return []
    config = load_target(component.config, component.name)
    schema = config.model_json_schema()
    held = held_kinds(config)
    return [
        {
            "name": name,
            "type": type_text(told, held.get(name)),
            "required": name in schema.get("required", ()),
            "default": told.get("default"),
            "description": told.get("description", ""),
            "stage": name in component.stage_options,
        }
        for name, told in schema.get("properties", {}).items()
    ]


def _told(component: Component, options: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": component.name,
        "kind": component.kind,
        "bundle": component.bundle,
        "needs": in_order(component.needs),
        "gives": in_order(component.gives),
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
    facts.add_row("needs", ", ".join(in_order(component.needs)) or "nothing")
    facts.add_row("gives", ", ".join(in_order(component.gives)) or "nothing")
    facts.add_row("labels", "works only on every label" if component.labels == "all" else "works on any of them")
    if component.trains:
        facts.add_row("trains", f"scores, to be {SCALES[component.trains]}")
    if component.logs:
        facts.add_row("logs", ", ".join(sorted(component.logs)))
    out.print(facts)
    if component.config and _depends_on_options(component):
        out.print("What it needs and gives depends on its options: `labelloom check` tells it for a spec.")
    out.print()
    if not options:
        out.print("It has no options.")
        return
    rows = table("option", "type", "default", "")
    for option in options:
        default = "required" if option["required"] else default_text(option["default"])
        stage = " A stage may change it." if option["stage"] else ""
        rows.add_row(option["name"], option["type"], default, f"{option['description']}{stage}")
    out.print(rows)


def _depends_on_options(component: Component) -> bool:
    return callable(getattr(load_target(component.config, component.name), "signature", None))


def default_text(value: Any) -> str:
    """A default as TOML writes it; a dash for none."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
