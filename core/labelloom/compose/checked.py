"""From a spec's file to a checked plan, with the problems of its keys and of its components told together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labelloom.bundles import Catalogue
from labelloom.components import Kind
from labelloom.compose.check import check
from labelloom.compose.plan import Plan
from labelloom.compose.resolve import Resolver
from labelloom.config import PartSpec
from labelloom.data.options import named_reader, read_options
from labelloom.errors import BundleError, CompositionError, DataError, LabelloomError, SpecError
from labelloom.metrics import ExtraMetric
from labelloom.spec import TaskSpec, read_raw, validate_spec
from labelloom.spec.data import DataSettings
from labelloom.spec.overrides import typed_keys


def read_checked(
    source: str | Path | Mapping[str, Any],
    overrides: Iterable[str] = (),
    catalogue: Catalogue | None = None,
    allow_local_code: bool = False,
) -> Plan:
    """The checked plan of a spec's file, of a shipped spec, or of a mapping; arguments as of `read_spec` and `check`.

    Raises:
        SpecError: with every problem that can be seen at once. Where a key is wrong, components and their options are
            looked at all the same; whether the parts fit together is told when all of that is right. An item of a list
            that `overrides` name is called as they do.
        BundleError: when no bundle has the data's format or source, or a metric; when two distributions claim the
            bundle of a shipped spec. A saved run is read without all of these.
    """
    catalogue, overrides = catalogue or Catalogue(), tuple(overrides)
    with catalogue.helping():
        raw, folder = read_raw(source, overrides, catalogue.specs())
    try:
        return _checked(raw, folder, catalogue, allow_local_code)
    except SpecError as error:
        typed = typed_keys(raw, overrides)
        told = [replace(problem, where=_as_typed(problem.where, typed)) for problem in error.problems]
        raise type(error).from_problems(told) from error


def _as_typed(key: str, typed: Mapping[str, str]) -> str:
    """`key` with the name of a list's item in place of its number, where that was typed."""
    for numbered, named in sorted(typed.items(), reverse=True):
        if f"{key}.".startswith(f"{numbered}."):
            return f"{named}{key.removeprefix(numbered)}"
    return key


def _checked(raw: Mapping[str, Any], folder: Path, catalogue: Catalogue, allow_local_code: bool) -> Plan:
    try:
        spec = validate_spec(raw, folder)
    except SpecError as error:
        resolver = Resolver(catalogue, folder, allow_local_code)
        for key, kind, table in _parts(raw):
            resolver.node(_part_spec(table, kind), kind, key, key)
        unread = _unread(raw.get("data"), catalogue)
        about_data = unread.problems if unread else ()
        problems = dict.fromkeys([*error.problems, *about_data, *resolver.problems])
        raise SpecError.from_problems(list(problems)) from error
    unread = _unread(spec.data, catalogue)
    try:
        plan = check(spec, folder, catalogue, allow_local_code)
    except CompositionError as error:
        if unread is None:
            raise
        raise CompositionError.from_problems([*unread.problems, *error.problems]) from error
    if unread is not None:
        raise unread
    for place, key in enumerate(spec.metrics):
        catalogue.record(ExtraMetric, key.partition("@")[0], f"metrics.{place}")
    return plan


def _unread(data: Any, catalogue: Catalogue) -> LabelloomError | None:
    """What is wrong with who reads the data, and with its options; None where `[data]` cannot say who that is."""
    settings = data if isinstance(data, DataSettings) else _as_far_as_valid(data)
    if settings is None:
        return None
    try:
        read_options(named_reader(settings, catalogue), settings, catalogue)
    except DataError as error:
        return SpecError.from_problems(error.problems)
    except BundleError as error:
        return error
    return None


def _as_far_as_valid(data: Any) -> DataSettings | None:
    """The settings in a table without the keys that are wrong in themselves, which are told already."""
    try:
        return DataSettings.model_validate(data)
    except ValidationError as error:
        wrong = {item["loc"][0] for item in error.errors(include_url=False) if item["loc"]}
    if not isinstance(data, Mapping) or not wrong & data.keys():
        return None
    return _as_far_as_valid({key: value for key, value in data.items() if key not in wrong})


def _part_spec(table: Mapping[str, Any], kind: Kind) -> PartSpec:
    # Not validated: what is wrong with a task's own keys has been told.
    return (TaskSpec if kind == "task" else PartSpec).model_construct(**table)


_HELD: tuple[tuple[str, Kind], ...] = (
    ("encoder", "encoder"),
    ("label_modules", "label_module"),
    ("predictor", "predictor"),
    ("samplers", "sampler"),
    ("tasks", "task"),
)


def _parts(raw: Mapping[str, Any]) -> Iterator[tuple[str, Kind, Mapping[str, Any]]]:
    """Every table of a spec, valid or not, that names a component: its key, the kind expected there, the table."""
    models = _tables(raw, "model")
    branches = [branch for key, table in models for branch in _tables(table, "branches", f"{key}.")]
    holders = [("", raw), *models, *branches, *_tables(raw, "stages")]
    for prefix, holder in holders:
        for name, kind in _HELD:
            for key, table in _tables(holder, name, f"{prefix}." if prefix else ""):
                if isinstance(table.get("use"), str):
                    yield key, kind, table


def _tables(holder: Mapping[str, Any], name: str, prefix: str = "") -> list[tuple[str, Mapping[str, Any]]]:
    """The tables under a key that holds one or a list of them, each with its own key."""
    value = holder.get(name)
    if isinstance(value, list):
        return [(f"{prefix}{name}.{place}", each) for place, each in enumerate(value) if isinstance(each, Mapping)]
    return [(f"{prefix}{name}", value)] if isinstance(value, Mapping) else []
