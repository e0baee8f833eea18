"""The options of a component, source or format, as `labelloom show` tells them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labelloom.cli.output import table

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console


def described(config: type[BaseModel], stage_options: Collection[str] = ()) -> list[dict[str, Any]]:
    """What may be told, as the config's fields say."""
    from labelloom.config import held_kinds
    from labelloom.spec.describe import type_text

    schema = config.model_json_schema()
    held = held_kinds(config)
    return [
        {
            "name": name,
            "type": type_text(told, held.get(name)),
            "required": name in schema.get("required", ()),
            "default": told.get("default"),
            "description": told.get("description", ""),
            "stage": name in stage_options,
        }
        for name, told in schema.get("properties", {}).items()
    ]


def print_options(out: Console, options: Sequence[Mapping[str, Any]]) -> None:
    """A table of what `described` answers."""
    if not options:
        out.print("It has no options.")
        return
    rows = table("option", "type", "default", "")
    for option in options:
        default = "required" if option["required"] else default_text(option["default"])
        stage = " A stage may change it." if option["stage"] else ""
        rows.add_row(option["name"], option["type"], default, f"{option['description']}{stage}")
    out.print(rows)


def default_text(value: Any) -> str:
    """A default as TOML writes it; a dash for none."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
