"""A spec over the one that it extends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labelloom.spec.data import options_in, reader_in


def absolute(value: Any, folder: Path) -> Any:
    """Strings that start with ./ or ../ as absolute paths, since specs in several folders are about to be merged."""
    if isinstance(value, dict):
        return {key: absolute(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [absolute(item, folder) for item in value]
    if isinstance(value, str) and value.startswith(("./", "../")) and "\n" not in value:
        return str((folder / value).resolve())
    return value


_EXCLUDED_BY = {
    "predictor": frozenset({"branches"}),
    "branches": frozenset({"predictor"}),
    "tasks": frozenset({"stages"}),
    "samplers": frozenset({"stages"}),
    "stages": frozenset({"tasks", "samplers"}),
}


def merge(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """`child` over `parent`: tables merge key by key, lists and values are replaced.

    A table whose `use` names another component than the parent's replaces it whole, since the old options would be
    unknown to the new component; in `[data]` the options of a source or format go with it. What excludes another key
    (branches a predictor, stages the top-level losses) takes its place.
    """
    merged = _merged(parent, child)
    before, own = parent.get("data"), child.get("data")
    if isinstance(before, Mapping) and isinstance(own, Mapping) and other_reader(before, merged["data"]):
        gone = {*options_in(before)} - {*own}
        merged["data"] = {key: value for key, value in merged["data"].items() if key not in gone}
    return merged


def _merged(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    merged = {key: value for key, value in parent.items() if not _EXCLUDED_BY.get(key, frozenset()) & child.keys()}
    for key, value in child.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and not other_component(before, value):
            merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged


def other_component(before: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Whether `value` names a component, and another one than `before`."""
    return "use" in value and value["use"] != before.get("use")


def other_reader(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a bundle's source or format reads `[data]` before, and now another one or none. `hf` is `standard/hf`."""
    old, new = reader_in(before), reader_in(now)
    if "/" in old and "/" in new:
        return old != new
    return bool(old) and old.rpartition("/")[2] != new.rpartition("/")[2]
