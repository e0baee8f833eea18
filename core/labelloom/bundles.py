"""Load and resolve bundles: the only place that touches plugin managers and imports by name.

Loading imports one bundle's `hooks.py`. A broken bundle is an error for who uses it; for everyone else it is a line in
`labelloom list`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import operator
import sys
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import pluggy

from labelloom import hookspecs
from labelloom.commands import Command
from labelloom.components import API, Component, Kind
from labelloom.errors import BundleError, LabelloomError, Problem, UnknownNameError
from labelloom.finding import Bundle, find_bundles
from labelloom.formats import FORMS, DataFormat
from labelloom.wording import with_article


@dataclass(frozen=True)
class BundleState:
    """A bundle as `labelloom list` shows it: `state` is "ok" or "broken", `error` says why."""

    bundle: Bundle
    state: str
    error: str
    components: tuple[Component, ...]
    formats: tuple[DataFormat, ...] = ()
    commands: tuple[Command, ...] = ()


Record = Component | DataFormat | Command
What = Literal["component", "format", "command"]


@dataclass(frozen=True)
class _Records:
    """What one bundle's hooks return, by name."""

    components: dict[str, Component]
    formats: dict[str, DataFormat]
    commands: dict[str, Command]

    def add(self, record: Record, where: str) -> None:
        """Enter `record` under its name. Raises BundleError where one of its sort has it."""
        own: dict[str, Any] = self.components
        if not isinstance(record, Component):
            own = self.formats if isinstance(record, DataFormat) else self.commands
        if record.name in own:
            raise BundleError(f"names {record.name!r} twice", where=where)
        own[record.name] = record


class Catalogue:
    """The installed bundles of one process, loaded one by one as names ask for them."""

    def __init__(self, path: list[str] | None = None) -> None:
        self.bundles = find_bundles(path)
        self._loaded: dict[str, _Records] = {}

    def component(self, name: str, kind: Kind | None = None) -> Component:
        """The record of `bundle/component`, of whatever kind it is.

        Raises:
            UnknownNameError: no installed bundle has it; with up to three close names, first those of `kind`.
            BundleError: its bundle is broken, claimed twice, or written for another API number.
        """
        bundle_name = name.partition("/")[0]
        if "/" not in name or not any(bundle.name == bundle_name for bundle in self.bundles):
            raise self._unknown(name, "component", kind)
        components = self.load(bundle_name)
        if name not in components:
            raise self._unknown(name, "component", kind)
        return components[name]

    def format(self, name: str) -> DataFormat:
        """The record of the format `bundle/format`, which is none of the core's own. Raises as `component` does."""
        bundle_name = name.partition("/")[0]
        if "/" in name and any(bundle.name == bundle_name for bundle in self.bundles):
            found = self._load(bundle_name).formats.get(name)
            if found is not None:
                return found
        raise self._unknown(name, "format")

    def command(self, name: str) -> Command:
        """The record of the command `bundle/command`. Raises as `component` does."""
        bundle_name = name.partition("/")[0]
        if any(bundle.name == bundle_name for bundle in self.bundles):
            found = self._load(bundle_name).commands.get(name)
            if found is not None:
                return found
        raise self._unknown(name, "command")

    def load(self, name: str) -> dict[str, Component]:
        """The components of one bundle by name; imports its `hooks.py` and nothing else of it. Raises BundleError."""
        return self._load(name).components

    def _load(self, name: str) -> _Records:
        if name not in self._loaded:
            claims = [bundle for bundle in self.bundles if bundle.name == name]
            if not claims:
                raise self._unknown(name, "component")
            if len(claims) > 1:
                origins = " and ".join(bundle.origin for bundle in claims)
                raise BundleError(
                    f"two distributions claim the bundle {name!r}: {origins}",
                    where=f"bundle {name}",
                    suggestions=[f"pip uninstall {claims[-1].distribution}"],
                )
            self._loaded[name] = _load(claims[0])
        return self._loaded[name]

    def states(self) -> list[BundleState]:
        """Every bundle, loaded as far as it can be; a broken one is shown and does not stop the others."""
        states = []
        for bundle in self.bundles:
            try:
                records = self._load(bundle.name)
                each = (records.components, records.formats, records.commands)
                loaded: list[tuple[Any, ...]] = [tuple(own.values()) for own in each]
                states.append(BundleState(bundle, "ok", "", *loaded))
            except BundleError as error:
                states.append(BundleState(bundle, "broken", str(error), ()))
        return states

    def components(self) -> list[Component]:
        """The records of every bundle that loads."""
        return [component for state in self.states() for component in state.components]

    def formats(self) -> list[DataFormat]:
        """The formats of every bundle that loads."""
        return [record for state in self.states() for record in state.formats]

    def commands(self) -> list[Command]:
        """The commands of every bundle that loads."""
        return [record for state in self.states() for record in state.commands]

    def suppliers(self, name: str) -> list[Component]:
        """The installed components whose record gives `name`."""
        return [component for component in self.components() if name in component.gives]

    def specs(self) -> dict[str, Path]:
        """The specs that bundles ship, by name (`standard/minilm`): files `specs/*.toml` in each bundle's package."""
        found: dict[str, Path] = {}
        for bundle in self.bundles:
            package = importlib.util.find_spec(bundle.module.partition(".")[0])
            for folder in (package.submodule_search_locations or []) if package else []:
                for file in sorted(Path(folder).glob("specs/*.toml")):
                    found.setdefault(f"{bundle.name}/{file.stem}", file)
        return found

    def close_to(self, name: str, kind: Kind | None) -> list[str]:
        """Components that `name` may mean, those of `kind` first; with a kind, others are told as what they are."""
        wanted = {component.name: component for component in self.components() if kind in (None, component.kind)}
        others = {component.name: component for component in self.components() if component.name not in wanted}
        close = _close_names(name, sorted(wanted))
        told = (others[other] for other in _close_names(name, sorted(others)) if other != name)
        return [*close, *(f"{other.name}, but that is {with_article(other.kind)}" for other in told)]

    def _unknown(self, name: str, what: What, kind: Kind | None = None) -> UnknownNameError:
        # pydantic, which the registry is read with, would double the time of a listing, which never comes here.
        from labelloom.registry import read_registry

        installed = sorted({bundle.name for bundle in self.bundles})
        installs = read_registry().installs(name, installed)
        if what != "component":
            records: list[DataFormat] | list[Command] = self.formats() if what == "format" else self.commands()
            close = _close_names(name, sorted({record.name for record in records}))
            close += get_close_matches(name, FORMS, n=1) if what == "format" else []
        else:
            close = self.close_to(name, kind)
        return UnknownNameError(
            f"no installed {what} is called {name!r} (installed bundles: {', '.join(installed) or 'none'})",
            where="data.format" if what == "format" else name,
            suggestions=[*installs, *close][:3]
            or ["labelloom list" if what == "component" else f"labelloom list {what}s"],
        )


def _close_names(name: str, known: list[str]) -> list[str]:
    """What `name` may mean of what is known: misspelt in its own bundle, the same in another, misspelt anywhere."""
    bundle, _, short = name.rpartition("/")
    own = {other.rpartition("/")[2]: other for other in known if other.startswith(f"{bundle}/")}
    close = [own[other] for other in get_close_matches(short, own, n=3, cutoff=0.5)]
    close += [other for other in known if other.rpartition("/")[2] == short]
    # Names of one bundle start alike, so only others are compared as wholes.
    close += get_close_matches(name, [other for other in known if other not in own.values()], n=3, cutoff=0.8)
    return list(dict.fromkeys(close))


def _load(bundle: Bundle) -> _Records:
    where = f"bundle {bundle.name} ({bundle.origin})"
    loaded = _Records({}, {}, {})
    for record in _records(bundle, where):
        _check(record, bundle, where)
        loaded.add(record, where)
    return loaded


_HOOKS: dict[str, type] = {
    "labelloom_components": Component,
    "labelloom_formats": DataFormat,
    "labelloom_commands": Command,
}
"""The hooks that return records, and of which kind."""


def _records(bundle: Bundle, where: str) -> list[Any]:
    """What the bundle's hooks return: each record of the kind that its hook is for, not yet checked otherwise."""
    manager = pluggy.PluginManager("labelloom")
    manager.add_hookspecs(hookspecs)
    try:
        module = import_module(bundle.module)
        manager.register(module, name=bundle.name)
        manager.check_pending()
        answers = {hook: getattr(manager.hook, hook)() for hook in _HOOKS}
        records = {hook: [record for answer in answered for record in answer] for hook, answered in answers.items()}
    except BundleError as error:
        raise _inside(error, where) from error
    except pluggy.PluginValidationError as error:
        hooks = [name for name in vars(hookspecs) if name.startswith("labelloom_")]
        raise BundleError(str(error), where=where, suggestions=hooks) from error
    # A bundle is other people's code: whatever it raises, SystemExit too, must not end the listing.
    except (Exception, SystemExit) as error:
        raise BundleError(
            f"cannot be loaded: {type(error).__name__}: {error}",
            where=where,
            suggestions=[f"pip install --upgrade labelloom {bundle.distribution}"],
        ) from error
    if not manager.get_hookcallers(module):
        raise BundleError(
            f"{bundle.module} implements no hook", where=where, suggestions=["@labelloom.hookimpl above the function"]
        )
    for hook, kind in _HOOKS.items():
        if not answers[hook] and getattr(manager.hook, hook).get_hookimpls():
            raise BundleError(f"{hook} returned None, not a list of {kind.__name__}s", where=where)
        for record in records[hook]:
            if not isinstance(record, kind):
                raise BundleError(f"{hook} returned {record!r}, not a {kind.__name__}", where=where)
    return [record for found in records.values() for record in found]


def _inside(error: BundleError, where: str) -> LabelloomError:
    """`error`, with the bundle before the place that it names."""
    return BundleError.from_problems(
        [Problem(f"{where}, {problem.where}", problem.message, problem.suggestions) for problem in error.problems]
    )


def _check(record: Record, bundle: Bundle, where: str) -> None:
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


def load_target(target: str, where: str) -> Any:
    """The object that `module:Name` names. Raises BundleError when it cannot be imported."""
    module_name, _, attribute = target.partition(":")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        package = missing.partition(".")[0]
        if package in sys.modules:
            raise BundleError(f"{target}: there is no module {missing!r}", where=where) from error
        raise BundleError(
            f"{target} needs the module {missing!r}, which is not installed",
            where=where,
            suggestions=[f"pip install {package.replace('_', '-')}"],
        ) from error
    except Exception as error:
        raise BundleError(f"{target} cannot be imported: {type(error).__name__}: {error}", where=where) from error
    try:
        return operator.attrgetter(attribute)(module)
    except AttributeError as error:
        close = get_close_matches(attribute, [name for name in vars(module) if not name.startswith("_")], n=3)
        raise BundleError(f"the module {module_name!r} has no {attribute!r}", where=where, suggestions=close) from error


def load_local(use: str, folder: Path, kind: Kind | None, allowed: bool) -> tuple[Component, type]:
    """The record and class of `use = "./file.py:Class"`, a component in a file beside the spec.

    The class carries its record: `component = Component(kind="task", needs={"scores"}, trains="probabilities")`; its
    options are its attribute `Config`, if it has one. Raises BundleError without permission or when anything is
    missing.
    """
    file_name, _, attribute = use.rpartition(":")
    file = (folder / file_name).resolve()
    if not allowed:
        raise BundleError(
            "this is code from a file; running it needs your permission",
            where=use,
            suggestions=["add --allow-local-code, if you trust the file"],
        )
    if not file_name or not attribute:
        raise BundleError(
            "the class is missing", where=use, suggestions=[f'use = "{file_name or attribute}:MyPart", file and class']
        )
    if not file.is_file():
        raise BundleError(f"there is no file {file}", where=use)
    module_name = f"labelloom_local_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, file)
        assert spec is not None, file
        assert spec.loader is not None, file
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[module_name]
            raise BundleError(f"{file} cannot be loaded: {type(error).__name__}: {error}", where=use) from error
    part = getattr(sys.modules[module_name], attribute, None)
    record = getattr(part, "component", None)
    if not isinstance(part, type) or not isinstance(record, Component):
        raise BundleError(
            f"{file} has no class {attribute!r} with an attribute `component`, its record",
            where=use,
            suggestions=[f'component = Component(kind="{kind or "task"}", needs={{"scores"}})'],
        )
    config = f"{module_name}:{attribute}.Config" if getattr(part, "Config", None) else ""
    return replace(record, name=use, target=f"{module_name}:{attribute}", config=config), part
