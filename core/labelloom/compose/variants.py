"""What a component needs and gives by its options alone: at their defaults, and with a single one at another value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from labelloom.bundles import Catalogue, component_class
from labelloom.components import Component
from labelloom.compose.resolve import Resolver
from labelloom.config import PartSpec, Signature


@dataclass(frozen=True)
class Variant:
    """One option at some values, under all of which the component's needs and gives are the same."""

    option: str
    values: tuple[Any, ...]
    signature: Signature


def single_options(config: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """One option at one value, of those that are on or off or one of a few words."""
    for name, info in config.model_fields.items():
        values = (False, True) if info.annotation is bool else ()
        if get_origin(info.annotation) is Literal:
            values = get_args(info.annotation)
        yield from ({name: value} for value in values)


def by_options(component: Component, catalogue: Catalogue) -> tuple[Signature | None, list[Variant]]:
    """What it needs and gives at its defaults, and the values of single options that change that.

    Only options that are on or off or one of a few words are tried. None and nothing where it must be told something,
    such as a part to hold.
    """
    default = _signature(component, {}, catalogue)
    if default is None or not component.config:
        return default, []
    found: dict[tuple[str, Any], Variant] = {}
    for options in single_options(component_class(component, component.config, component.name)):
        ((name, value),) = options.items()
        changed = _signature(component, options, catalogue)
        if changed is None or (changed.needs, changed.gives) == (default.needs, default.gives):
            continue
        key = (name, (changed.needs, changed.gives))
        before = found[key].values if key in found else ()
        found[key] = Variant(name, (*before, value), changed)
    return default, list(found.values())


def _signature(component: Component, options: dict[str, Any], catalogue: Catalogue) -> Signature | None:
    spec = PartSpec(use=component.name, **options)
    node = Resolver(catalogue, Path()).node(spec, component.kind, component.name, component.name)
    return node.signature if node else None
