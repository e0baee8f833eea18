"""`--set`: keys of a spec, before it is validated."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from labelloom.errors import SpecError
from labelloom.spec.data import options_in
from labelloom.spec.merging import absolute, other_component, other_reader
from labelloom.spec.models import TaskSpec, default_name
from labelloom.wording import nearest

_READERS = ("data.source", "data.format")
"""The keys that say who reads the data."""


def set_keys(raw: dict[str, Any], overrides: Iterable[str]) -> None:
    """Put the values of all `key=value` into `raw`, in place; first who reads the data, since options follow it.

    Raises SpecError as `set_key` does.
    """
    for override in sorted(overrides, key=lambda each: each.partition("=")[0].strip() not in _READERS):
        set_key(raw, override)


def set_key(raw: dict[str, Any], override: str) -> None:
    """Put the value of `key=value` into `raw`, in place; paths in it are from the current folder.

    Raises SpecError for what is no key and value, and for a key that leads nowhere.
    """
    text, equals, value_text = override.partition("=")
    path = _key_path(text) if equals else []
    if not path:
        raise SpecError(
            "expected key=value, the key as in TOML",
            where=f"--set {override}",
            suggestions=["--set training.epochs=3", """--set 'training.rates."model.encoder"=2e-5'"""],
        )
    try:
        value = tomllib.loads(f"value = {value_text}")["value"]
    except tomllib.TOMLDecodeError:
        value = value_text.strip()
    here: Any = raw
    for depth, part in enumerate(path[:-1]):
        here = _step(here, part, ".".join(path[: depth + 1]), override)
    last = path[-1]
    if isinstance(here, list):
        here[_index(here, last, ".".join(path), override)] = absolute(value, Path.cwd())
        return
    if not isinstance(here, dict):
        raise SpecError(f"{'.'.join(path[:-1])!r} is a value, not a table", where=f"--set {override}")
    if last == "use" and other_component(here, {"use": value}):
        for option in here.keys() - TaskSpec.model_fields.keys():
            del here[option]
    if ".".join(path) in _READERS and other_reader(here, {**here, last: value}):
        for option in options_in(here):
            del here[option]
    here[last] = absolute(value, Path.cwd())


def typed_keys(raw: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, str]:
    """The items of lists that `overrides` name and do not number: their keys by number, and as they were typed.

    `raw` has the overrides: {"model.branches.0": "model.branches.fine"}. An item that they called otherwise is left
    out.
    """
    typed: dict[str, str] = {}
    for override in overrides:
        here: Any = raw
        numbered: list[str] = []
        path = _key_path(override.partition("=")[0])
        for depth, part in enumerate(path, start=1):
            if isinstance(here, Mapping):
                numbered.append(part)
                here = here.get(part)
                continue
            names = [_name(item) for item in here] if isinstance(here, list) else []
            if names.count(part) != 1:
                break
            numbered.append(str(names.index(part)))
            typed[".".join(numbered)] = ".".join(path[:depth])
            here = here[names.index(part)]
    return typed


def _key_path(text: str) -> list[str]:
    """The parts of a dotted TOML key; empty if `text` is none."""
    try:
        here: Any = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        return []
    path = []
    while isinstance(here, dict) and len(here) == 1:
        ((part, here),) = here.items()
        path.append(part)
    return path


def _step(here: Any, part: str, so_far: str, override: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, part, so_far, override)]
    if not isinstance(here, dict):
        raise SpecError(f"{so_far!r} lies below a value, not a table", where=f"--set {override}")
    return here.setdefault(part, {})


def _index(items: list[Any], part: str, so_far: str, override: str) -> int:
    """The place that `part` means in a list of tables: its number, or the name or component of exactly one."""
    names = [_name(item) for item in items]
    if names.count(part) == 1:
        return names.index(part)
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    known = [name for name in names if name and names.count(name) == 1]
    near = nearest(part, known, cutoff=0.5)
    numbers = "0" if len(items) == 1 else f"a number from 0 to {len(items) - 1}"
    ways = near or [" | ".join([*known, numbers])] if items else []
    raise SpecError(f"{so_far!r}: the list has no {part!r}", where=f"--set {override}", suggestions=ways)


def _name(item: Any) -> str:
    if not isinstance(item, dict):
        return ""
    return str(item.get("name") or default_name(str(item.get("use", ""))))
