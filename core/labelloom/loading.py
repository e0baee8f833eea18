"""Load one bundle: import its `hooks.py`, ask every hook, check each record. Nothing else of it is imported.

A bundle of specs alone implements no hook.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from difflib import get_close_matches
from importlib import import_module
from inspect import isroutine
from pathlib import Path
from types import ModuleType

import pluggy

from labelloom import hookspecs
from labelloom.commands import Command
from labelloom.components import Component
from labelloom.errors import BundleError, Problem
from labelloom.finding import Bundle
from labelloom.formats import DataFormat
from labelloom.listeners import Listener
from labelloom.metrics import ExtraMetric
from labelloom.records import API, Record
from labelloom.sections import Section
from labelloom.sources import DataSource
from labelloom.wording import with_article

HOOKS: dict[str, type[Record]] = {
    "labelloom_components": Component,
    "labelloom_formats": DataFormat,
    "labelloom_sources": DataSource,
    "labelloom_metrics": ExtraMetric,
    "labelloom_events": Listener,
    "labelloom_sections": Section,
    "labelloom_commands": Command,
}
"""The hooks that return records, and of which kind."""

_PLAIN = "a function without arguments, under @labelloom.hookimpl alone"
"""What every hook is."""

Records = dict[type[Record], dict[str, Record]]
"""What one bundle's hooks return: by kind, then by name."""


def load_bundle(bundle: Bundle) -> Records:
    """The records of `bundle`. Raises BundleError, which names it with its distribution and version."""
    where = f"bundle {bundle.name} ({bundle.origin})"
    loaded: Records = {kind: {} for kind in HOOKS.values()}
    for kind, records in _answers(bundle, where).items():
        for record in records:
            _check(record, bundle, where)
            if record.name in loaded[kind]:
                raise BundleError(f"names {record.name!r} twice", where=where)
            loaded[kind][record.name] = record
    return loaded


def spec_files(bundle: Bundle) -> Iterator[Path]:
    """The files `specs/*.toml` of the bundle's package, which is not imported."""
    package = importlib.util.find_spec(bundle.module.partition(".")[0])
    for folder in (package.submodule_search_locations or []) if package else []:
        yield from sorted(Path(folder).glob("specs/*.toml"))


def _answers(bundle: Bundle, where: str) -> dict[type[Record], list[Record]]:
    """What the bundle's hooks return: each record of the kind that its hook is for, not yet checked otherwise."""
    manager = pluggy.PluginManager("labelloom")
    manager.add_hookspecs(hookspecs)
    try:
        module = import_module(bundle.module)
        manager.register(module, name=bundle.name)
        unknown = _unknown_hooks(manager, module)
        unmarked = [
            name
            for name, value in vars(module).items()
            if name.startswith("labelloom_") and isroutine(value) and not manager.parse_hookimpl_opts(module, name)
        ]
        answers = {hook: getattr(manager.hook, hook)() for hook in HOOKS}
        records = {hook: [record for answer in answered for record in answer] for hook, answered in answers.items()}
    except BundleError as error:
        raise _inside(error, where) from error
    except pluggy.PluginValidationError as error:
        raise BundleError(str(error), where=where, suggestions=[_PLAIN]) from error
    # A bundle is other people's code: whatever it raises, SystemExit too, must not end the listing.
    except (Exception, SystemExit) as error:
        raise BundleError(
            f"cannot be loaded: {type(error).__name__}: {error}",
            where=where,
            suggestions=[f"pip install --upgrade labelloom {bundle.distribution}"],
        ) from error
    if unknown:
        raise BundleError(
            f"unknown hook {unknown[0]!r} in {bundle.module}", where=where, suggestions=_hooks_like(unknown[0]) or HOOKS
        )
    mark = ["@labelloom.hookimpl above the function"]
    if unmarked:
        raise BundleError(f"{bundle.module}.{unmarked[0]} is not marked as a hook", where=where, suggestions=mark)
    if not manager.get_hookcallers(module) and not any(spec_files(bundle)):
        raise BundleError(f"{bundle.module} implements no hook", where=where, suggestions=mark)
    for hook, kind in HOOKS.items():
        if not answers[hook] and getattr(manager.hook, hook).get_hookimpls():
            raise BundleError(f"{hook} returned None, not a list of {kind.__name__}s", where=where)
        for record in records[hook]:
            if not isinstance(record, kind):
                raise BundleError(f"{hook} returned {record!r}, not {with_article(kind.__name__)}", where=where)
    return {kind: records[hook] for hook, kind in HOOKS.items()}


def _unknown_hooks(manager: pluggy.PluginManager, module: ModuleType) -> list[str]:
    """The hooks that the module implements and labelloom does not have, but for those that it marks as optional."""
    callers = manager.get_hookcallers(module) or []
    return [
        caller.name
        for caller in callers
        if not caller.has_spec() and not all(made.optionalhook for made in caller.get_hookimpls())
    ]


def _hooks_like(name: str) -> list[str]:
    """The hooks that may be meant, by their names or by what they return: `labelloom_events` is that of listeners."""
    # All begin alike, so only what follows is compared.
    words = {hook.partition("_")[2]: hook for hook in HOOKS} | {f"{kind.what}s": hook for hook, kind in HOOKS.items()}
    close = get_close_matches(name.partition("_")[2] or name, words, n=3, cutoff=0.6)
    return list(dict.fromkeys(words[word] for word in close))


def _inside(error: BundleError, where: str) -> BundleError:
    """`error`, with the bundle before the place that it names."""
    return BundleError.from_problems(
        [Problem(f"{where}, {problem.where}", problem.message, problem.suggestions) for problem in error.problems]
    )


def _check(record: Record, bundle: Bundle, where: str) -> None:
    if not isinstance(record.api, int):
        message = f"{record.name}: api is {record.api!r}, not the number of a contract"
        raise BundleError(message, where=where, suggestions=[f"api={API}"])
    if record.api != API:
        newer = "labelloom" if record.api > API else bundle.distribution
        raise BundleError(
            f"{record.name} is written for API {record.api}; this labelloom has API {API}",
            where=where,
            suggestions=[f"pip install --upgrade {newer}"],
        )
    try:
        record.validate_names()
    except BundleError as error:
        raise _inside(error, where) from error
    if record.bundle != bundle.name:
        raise BundleError(f"{record.name!r} must start with {bundle.name + '/'!r}, the bundle's own name", where=where)
