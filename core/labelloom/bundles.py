"""Resolve the names of what bundles bring, and import the code that their records name.

Looking up a name imports the `hooks.py` of its bundle. A broken bundle is an error for who uses it; for everyone else
it is a line in `labelloom list`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import operator
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

from labelloom.commands import Command
from labelloom.components import Component, Kind
from labelloom.errors import BundleError, DataError, LabelloomError, Problem, UnknownNameError, UnknownSpecError
from labelloom.finding import Bundle, find_bundles
from labelloom.formats import FORMS, DataFormat
from labelloom.loading import Records, load_bundle, spec_files
from labelloom.readers import DataReader
from labelloom.records import Record
from labelloom.sources import DataSource
from labelloom.wording import with_article

R = TypeVar("R", bound=Record)

_SPEC = re.compile(r"[\w-]+(/[\w-]+)?")
"""What may be meant for the name of a spec, and is the path of no file with an ending."""


@dataclass(frozen=True)
class BundleState:
    """A bundle as `labelloom list` shows it: `state` is "ok" or "broken", `error` says why."""

    bundle: Bundle
    state: str
    error: str
    loaded: Records

    def records(self, kind: type[R]) -> tuple[R, ...]:
        """Its records of one kind; none of a broken bundle."""
        return tuple(cast("dict[str, R]", self.loaded.get(kind, {})).values())

    @property
    def components(self) -> tuple[Component, ...]:
        """Its components."""
        return self.records(Component)


@dataclass(frozen=True)
class Code:
    """A bundle's function or class, imported; `where` names what it is with its distribution and version."""

    target: str
    function: Callable[..., Any]
    where: str

    def __call__(self, *arguments: Any) -> Any:
        """What it answers. It is other people's code: what it raises of its own becomes a BundleError that names it."""
        try:
            return self.function(*arguments)
        except LabelloomError:
            raise
        except (Exception, SystemExit) as error:
            raise self.wrong(f"raised {type(error).__name__}: {error}".rstrip(": ")) from error

    def wrong(self, message: str) -> BundleError:
        """The error that it `message`: "answered 3, not a Source"."""
        return BundleError(f"{self.target} {message}", where=self.where)


class Catalogue:
    """The installed bundles of one process, loaded one by one as names ask for them."""

    def __init__(self, path: list[str] | None = None) -> None:
        self.bundles = find_bundles(path)
        self._loaded: dict[str, Records] = {}

    def record(self, kind: type[R], name: str, where: str = "") -> R:
        """The record of `bundle/thing`, one of `kind`; `where` is the place that asks, by default the name itself.

        Raises:
            UnknownNameError: no installed bundle has it; with up to three close names.
            BundleError: its bundle is broken, claimed twice, or written for another API number.
        """
        found = self.find(kind, name)
        if found is None:
            raise self._unknown(name, kind, where)
        return found

    def find(self, kind: type[R], name: str) -> R | None:
        """The same, or None where no installed bundle has it. Loads no other bundle. Raises BundleError."""
        bundle_name, slash, _ = name.partition("/")
        if not slash or all(bundle.name != bundle_name for bundle in self.bundles):
            return None
        return cast("R | None", self._load(bundle_name)[kind].get(name))

    def called(self, kind: type[R], name: str, where: str = "") -> R:
        """The same for a name that may lack its bundle, where only one bundle has a thing called so."""
        if "/" in name:
            return self.record(kind, name, where)
        found = [record for record in self.records(kind) if record.name.partition("/")[2] == name]
        if len(found) > 1:
            raise BundleError(
                f"{len(found)} bundles have a {kind.what} called {name!r}",
                where=where or name,
                suggestions=[record.name for record in found],
            )
        if found:
            return found[0]
        broken = [
            Problem("", f"the bundle {bundle} is broken, so its {kind.what}s are not known")
            for bundle in dict.fromkeys(state.bundle.name for state in self.states() if state.error)
        ]
        raise UnknownNameError.from_problems([*self._unknown(name, kind, where).problems, *broken])

    def records(self, kind: type[R]) -> list[R]:
        """The records of one kind of every bundle that loads."""
        return [record for state in self.states() for record in state.records(kind)]

    def origin(self, record: Record) -> str:
        """Distribution and version of the bundle that brings a record, for messages."""
        return next(bundle.origin for bundle in self.bundles if bundle.name == record.bundle)

    def code(self, record: Record) -> Code:
        """What the record names, imported. Raises BundleError where it cannot be, or is neither function nor class."""
        where = f"{record.what} {record.name} ({self.origin(record)})"
        function = load_target(record.target, where)
        if not callable(function):
            raise BundleError(f"{record.target} is no {record.code.lower()}", where=where)
        return Code(record.target, function, where)

    def component(self, name: str, kind: Kind | None = None) -> Component:
        """The record of `bundle/component`, of whatever kind it is.

        Raises as `record` does; close names are first those of `kind`.
        """
        try:
            return self.record(Component, name)
        except UnknownNameError as error:
            raise self._unknown(name, Component, kind=kind) from error

    def format(self, name: str) -> DataFormat:
        """The record of the format `bundle/format`, which is none of the core's own. Raises as `record` does."""
        return self.record(DataFormat, name, "data.format")

    def readers_called(self, name: str) -> list[DataReader]:
        """The source and the format `bundle/thing`, of which there may be none. Raises BundleError as `record` does."""
        found = (self.find(DataSource, name), self.find(DataFormat, name))
        return [reader for reader in found if reader is not None]

    def sources_called(self, name: str) -> list[DataSource]:
        """The sources whose scheme, with its bundle or without, is `name`."""
        return [record for record in self.records(DataSource) if name in (record.name, record.scheme)]

    def command(self, name: str) -> Command:
        """The record of the command `bundle/command`. Raises as `record` does."""
        return self.record(Command, name)

    def load(self, name: str) -> dict[str, Component]:
        """The components of one bundle by name; imports its `hooks.py` and nothing else of it. Raises BundleError."""
        return cast("dict[str, Component]", self._load(name)[Component])

    def _load(self, name: str) -> Records:
        if name not in self._loaded:
            if contested := self._contested(name):
                raise contested
            bundle = next((bundle for bundle in self.bundles if bundle.name == name), None)
            if bundle is None:
                raise self._unknown(name, Component)
            self._loaded[name] = load_bundle(bundle)
        return self._loaded[name]

    def _contested(self, name: str) -> BundleError | None:
        """The error of a bundle that several distributions claim, so that nobody can say which is meant."""
        claims = [bundle for bundle in self.bundles if bundle.name == name]
        if len(claims) < 2:
            return None
        return BundleError(
            f"{'two' if len(claims) == 2 else len(claims)} distributions claim the bundle {name!r}: "
            f"{' and '.join(bundle.origin for bundle in claims)}",
            where=f"bundle {name}",
            suggestions=[f"pip uninstall {' '.join(bundle.distribution for bundle in claims[1:])}"],
        )

    def states(self) -> list[BundleState]:
        """Every bundle, loaded as far as it can be; a broken one is shown and does not stop the others."""
        states = []
        for bundle in self.bundles:
            try:
                states.append(BundleState(bundle, "ok", "", self._load(bundle.name)))
            except BundleError as error:
                states.append(BundleState(bundle, "broken", str(error), {}))
        return states

    def components(self) -> list[Component]:
        """The components of every bundle that loads."""
        return self.records(Component)

    def formats(self) -> list[DataFormat]:
        """The formats of every bundle that loads."""
        return self.records(DataFormat)

    def readers(self) -> list[DataReader]:
        """The sources and formats of every bundle that loads."""
        return [*self.records(DataSource), *self.records(DataFormat)]

    def commands(self) -> list[Command]:
        """The commands of every bundle that loads."""
        return self.records(Command)

    def suppliers(self, name: str) -> list[Component]:
        """The installed components whose record gives `name`."""
        return [component for component in self.components() if name in component.gives]

    def specs(self) -> dict[str, Path]:
        """The specs that bundles ship, by name (`standard/minilm`): files `specs/*.toml` in each bundle's package.

        None of a bundle that two distributions claim; `helping` says so to who asks for one.
        """
        sole = [bundle for bundle in self.bundles if self._contested(bundle.name) is None]
        return {f"{bundle.name}/{file.stem}": file for bundle in sole for file in spec_files(bundle)}

    @contextmanager
    def helping(self, source: str = "") -> Iterator[None]:
        """Within, an error that there is no such spec says what may be meant, and one that `source` is no data as well.

        That is a bundle that two distributions claim, told in its place; or what installs it, and close specs.
        """
        try:
            yield
        except (UnknownSpecError, DataError) as error:
            where = error.problems[0].where
            if isinstance(error, UnknownSpecError):
                source = where
            elif where != "data.source" or self.sources_called(source):
                raise
            if not _SPEC.fullmatch(source) or Path(source).exists():
                raise
            raise self._not_found(source, error) from error

    def _not_found(self, name: str, error: LabelloomError) -> LabelloomError:
        if contested := self._contested(name.partition("/")[0]):
            return contested
        installs, unread = self.installs(name)
        first, *others = error.problems
        hints = dict.fromkeys([*installs, *_close_names(name, sorted(self.specs())), *first.suggestions])
        return type(error).from_problems([replace(first, suggestions=tuple(hints)[:3]), *others, *unread])

    def close_to(self, name: str, kind: Kind | None) -> list[str]:
        """Components that `name` may mean, those of `kind` first; with a kind, others are told as what they are."""
        wanted = {component.name: component for component in self.components() if kind in (None, component.kind)}
        others = {component.name: component for component in self.components() if component.name not in wanted}
        close = _close_names(name, sorted(wanted))
        told = (others[other] for other in _close_names(name, sorted(others)) if other != name)
        return [*close, *(f"{other.name}, but that is {with_article(other.kind)}" for other in told)]

    def installs(self, name: str) -> tuple[list[str], tuple[Problem, ...]]:
        """The commands that may bring what is called `name`, a component or a spec among others, as the registry knows.

        Of a catalogue of the user's that is broken the problems, to be told beside that of the name.
        """
        # pydantic, which the registry is read with, would double the time of a listing, which never comes here.
        from labelloom.registry import known_bundles

        try:
            return list(known_bundles().installs(name, {bundle.name for bundle in self.bundles})), ()
        except BundleError as error:
            return [], error.problems

    def _unknown(self, name: str, sort: type[Record], where: str = "", kind: Kind | None = None) -> UnknownNameError:
        installed = sorted({bundle.name for bundle in self.bundles})
        installs, unread = self.installs(name)
        if sort is Component:
            close = self.close_to(name, kind)
        else:
            close = _close_names(name, sorted({record.name for record in self.records(sort)}))
            close += get_close_matches(name, FORMS, n=1) if sort is DataFormat else []
        what = sort.what
        unknown = Problem(
            where or name,
            f"no installed {what} is called {name!r} (installed bundles: {', '.join(installed) or 'none'})",
            tuple([*installs, *close][:3]) or ("labelloom list" if sort is Component else f"labelloom list {what}s",),
        )
        return UnknownNameError.from_problems([unknown, *unread])


def _close_names(name: str, known: list[str]) -> list[str]:
    """What `name` may mean of what is known: misspelt in its own bundle, the same in another, misspelt anywhere."""
    bundle, slash, short = name.rpartition("/")
    if not slash:
        shorts = {other.rpartition("/")[2] for other in known}
        alike = [short] if short in shorts else get_close_matches(short, sorted(shorts), n=3, cutoff=0.7)
        return [other for each in alike for other in known if other.rpartition("/")[2] == each]
    own = {other.rpartition("/")[2]: other for other in known if other.startswith(f"{bundle}/")}
    close = [own[other] for other in get_close_matches(short, own, n=3, cutoff=0.5)]
    close += [other for other in known if other.rpartition("/")[2] == short]
    # Names of one bundle start alike, so only others are compared as wholes.
    close += get_close_matches(name, [other for other in known if other not in own.values()], n=3, cutoff=0.8)
    return list(dict.fromkeys(close))


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
    # As in `load_bundle`: what a module raises, SystemExit too, is told and ends nothing else.
    except (Exception, SystemExit) as error:
        raise BundleError(f"{target} cannot be imported: {type(error).__name__}: {error}", where=where) from error
    try:
        return operator.attrgetter(attribute)(module)
    except AttributeError as error:
        close = get_close_matches(attribute, [name for name in vars(module) if not name.startswith("_")], n=3)
        raise BundleError(f"the module {module_name!r} has no {attribute!r}", where=where, suggestions=close) from error


def component_class(component: Component, target: str, key: str) -> type[Any]:
    """The class that a component's record names, its `target` or its `config`; `key` is where a spec names it.

    Raises BundleError with the component, its distribution and version.
    """
    try:
        found = load_target(target, key)
        if not isinstance(found, type):
            raise BundleError(f"{target} is no class", where=key)
    except BundleError as error:
        # A part is built far from any catalogue, and nobody asks for its origin but here.
        origin = next((bundle.origin for bundle in find_bundles() if bundle.name == component.bundle), "")
        title = f"component {component.name} ({origin})" if origin else f"component {component.name}"
        told = [
            replace(problem, where=title)
            if key == component.name
            else replace(problem, where=key, message=f"{title}: {problem.message}")
            for problem in error.problems
        ]
        raise BundleError.from_problems(told) from error
    return found


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
