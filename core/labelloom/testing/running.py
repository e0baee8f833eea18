"""The cases of a bundle or of one component, and how they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial

from labelloom.components import Component
from labelloom.testing import bundles
from labelloom.testing.checks import CHECKS, Check
from labelloom.testing.options import Options
from labelloom.testing.outcome import Case, ConformanceError, Failure, Report, Skipped
from labelloom.testing.workshop import With, Workshop
from labelloom.testing.worlds import World, worlds_of


def cases(bundle: str, examples: Mapping[str, Options] | None = None) -> list[Case]:
    """Every check of every component of an installed bundle, and of the bundle itself.

    `examples` are options, by the component's name, to look at it with instead of its defaults. Raises BundleError
    when the bundle is not installed or cannot be loaded.
    """
    catalogue = With()
    components = catalogue.load(bundle).values()
    workshop = Workshop(catalogue, examples, subjects=_elsewhere(components))
    whole = [bundles.light, bundles.specs, *([bundles.data] if bundles.configured(catalogue, bundle) else [])]
    made = [Case(bundle, "bundle", check.__name__, partial(_whole, check, catalogue, bundle)) for check in whole]
    for component in components:
        made += _of(component, workshop)
    return made


def cases_of(component: Component, options: Options | None = None, beside: Iterable[Component] = ()) -> list[Case]:
    """Every check of one component that need not be installed.

    `options` are what it is looked at with, by default its own defaults; `beside` are other records that are not
    installed and that it may need. Targets are names of modules that can be imported.
    """
    examples = {} if options is None else {component.name: options}
    name = component.name.partition("/")[2]
    body = partial(_whole, bundles.light_modules, bundles.config_modules([component]))
    light = Case(component.bundle, name, "light", body)
    return [light, *_of(component, Workshop(With([component, *beside]), examples))]


def check_bundle(bundle: str, examples: Mapping[str, Options] | None = None) -> Report:
    """Run every case of a bundle, and print what was skipped and why.

    Raises:
        ConformanceError: with every promise that is not kept.
        BundleError: the bundle is not installed or cannot be loaded.
    """
    passed: list[Case] = []
    skipped: list[tuple[Case, str]] = []
    failed: list[tuple[Case, Failure]] = []
    for case in cases(bundle, examples):
        try:
            case.run()
        except Skipped as skip:
            skipped.append((case, skip.reason))
        except Failure as failure:
            failed.append((case, failure))
        else:
            passed.append(case)
    report = Report(tuple(passed), tuple(skipped), tuple(failed))
    print(report)
    if failed:
        raise ConformanceError(failed)
    return report


def _elsewhere(components: Iterable[Component]) -> list[str]:
    """Those that are looked at in a second interpreter too."""
    return [component.name for component in components if "processes" in CHECKS[component.kind]]


def _of(component: Component, workshop: Workshop) -> list[Case]:
    subject = _Subject(component, workshop)
    name = component.name.partition("/")[2]
    return [Case(component.bundle, name, check, partial(subject.run, check)) for check in CHECKS[component.kind]]


class _Subject:
    """A component that is looked at: its worlds, furnished when they are first asked for, and how each check ended."""

    def __init__(self, component: Component, workshop: Workshop) -> None:
        self.component = component
        self.workshop = workshop
        self.ended: dict[str, Failure | Skipped | None] = {}

    @cached_property
    def worlds(self) -> list[World]:
        return worlds_of(self.workshop, self.component)

    def run(self, name: str) -> None:
        """Make one check, after those that it rests on. Raises as it ended, again if it was made before."""
        ended = self.end(name)
        if ended is not None:
            raise ended

    def end(self, name: str) -> Failure | Skipped | None:
        """How a check ends."""
        if name not in self.ended:
            check = CHECKS[self.component.kind][name]
            broken = next((found for before in check.after if (found := self.broken(before))), None)
            rests = Skipped(f"it rests on the check {broken!r}, which fails: mend that first") if broken else None
            self.ended[name] = rests or ending(check.look, partial(self.look, check))
        return self.ended[name]

    def broken(self, name: str) -> str | None:
        """The check that fails of this one and those that it rests on, the first in order."""
        for before in CHECKS[self.component.kind][name].after:
            if found := self.broken(before):
                return found
        return name if isinstance(self.end(name), Failure) else None

    def look(self, check: Check) -> None:
        """Make it in every world. Raises Failure, or Skipped where it says nothing in any."""
        reasons: list[Skipped] = []
        for world in self.worlds:
            try:
                check.look(world)
            except Skipped as reason:
                reasons.append(reason)
        if len(reasons) == len(self.worlds):
            raise reasons[0]


def _whole(check: Callable[..., None], *arguments: object) -> None:
    """A check of a bundle as a whole. Raises as it ends."""
    ended = ending(check, partial(check, *arguments))
    if ended is not None:
        raise ended


def ending(check: Callable[..., None], body: Callable[[], None]) -> Failure | Skipped | None:
    """How `body` ends; whatever a component raises is a promise not kept: the one that `check` is about."""
    try:
        body()
    except (Failure, Skipped) as ended:
        return ended
    except Exception as error:
        promised = (check.__doc__ or "").partition("\n")[0].rstrip(".")
        failure = Failure(promised, f"{type(error).__name__}: {error}", "what the error says; its traceback is above")
        failure.__cause__ = error
        return failure
    return None
