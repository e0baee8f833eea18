"""From a spec's file to a checked plan, with the problems of its keys and of its components told together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelloom.bundles import Catalogue
from labelloom.components import Kind
from labelloom.compose.check import check
from labelloom.compose.plan import Plan
from labelloom.compose.resolve import Resolver
from labelloom.config import PartSpec
from labelloom.errors import SpecError
from labelloom.formats import FORMS
from labelloom.metrics import ExtraMetric
from labelloom.records import NAME
from labelloom.sources import DataSource, address
from labelloom.spec import TaskSpec, read_raw, validate_spec


def read_checked(
    source: str | Path | Mapping[str, Any],
    overrides: Iterable[str] = (),
    catalogue: Catalogue | None = None,
    allow_local_code: bool = False,
) -> Plan:
    """The checked plan of a spec's file, of a shipped spec, or of a mapping; arguments as of `read_spec` and `check`.

    Raises:
        SpecError: with every problem that can be seen at once. Where a key is wrong, components and their options are
            looked at all the same; whether the parts fit together is told when all of that is right.
        BundleError: when no bundle has the data's format or source, or a metric. A saved run is read without them.
    """
    catalogue = catalogue or Catalogue()
    try:
        raw, folder = read_raw(source, overrides, catalogue.specs())
    except SpecError as error:
        raise _with_installs(error, catalogue) from error
    try:
        spec = validate_spec(raw, folder)
    except SpecError as error:
        resolver = Resolver(catalogue, folder, allow_local_code)
        for key, kind, table in _parts(raw):
            resolver.node(_part_spec(table, kind), kind, key, key)
        raise SpecError.from_problems(list(dict.fromkeys([*error.problems, *resolver.problems]))) from error
    plan = check(spec, folder, catalogue, allow_local_code)
    if spec.data.format and spec.data.format not in FORMS:
        catalogue.format(spec.data.format)
    if found := address(spec.data.source):
        catalogue.called(DataSource, found[0], "data.source")
    for place, key in enumerate(spec.metrics):
        catalogue.record(ExtraMetric, key.partition("@")[0], f"metrics.{place}")
    return plan


def _with_installs(error: SpecError, catalogue: Catalogue) -> SpecError:
    """`error`, first with what installs the spec that it misses, where a known bundle ships one of this name."""
    first, *others = error.problems
    if not NAME.fullmatch(first.where) or Path(first.where).exists():
        return error
    installs, unread = catalogue.installs(first.where)
    suggestions = tuple([*installs, *first.suggestions][:3])
    return SpecError.from_problems([replace(first, suggestions=suggestions), *others, *unread])


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
