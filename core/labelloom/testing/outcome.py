"""What a check says: nothing, a `Failure`, or `Skipped` with its reason; and the report of many."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


class Failure(AssertionError):
    """A promise of the contract that a component does not keep.

    promised  what the contract says
    happened  what was seen instead, with numbers and shapes
    cause     what this usually comes from
    """

    def __init__(self, promised: str, happened: str, cause: str) -> None:
        super().__init__(promised, happened, cause)
        self.promised = promised
        self.happened = happened
        self.cause = cause

    def __str__(self) -> str:
        return f"promised: {self.promised}\nhappened: {self.happened}\nusually:  {self.cause}"


class Skipped(Exception):
    """A check that says nothing about this component, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ConformanceError(AssertionError):
    """Every failure of a bundle, one after the other."""

    def __init__(self, failures: Sequence[tuple[Case, Failure]]) -> None:
        self.failures = tuple(failures)
        told = [f"{case}\n{_indented(_traced(failure))}" for case, failure in failures]
        count = f"{len(told)} promise{'s' * (len(told) != 1)} of the contract not kept"
        super().__init__("\n\n".join([count, *told]))


@dataclass(frozen=True)
class Case:
    """One check of one component, or of a bundle as a whole.

    bundle     the bundle's name
    component  the component's name after the slash, or "bundle"
    check      what is checked: "padding", "records", ...
    """

    bundle: str
    component: str
    check: str
    body: Callable[[], None] = field(repr=False, compare=False)

    def run(self) -> None:
        """Check it. Raises Failure, or Skipped where the check says nothing about this component."""
        self.body()

    def __str__(self) -> str:
        return f"{self.bundle}/{self.component}::{self.check}"


@dataclass(frozen=True)
class Report:
    """The outcome of many cases, in their order."""

    passed: tuple[Case, ...]
    skipped: tuple[tuple[Case, str], ...]
    failed: tuple[tuple[Case, Failure], ...]

    def __str__(self) -> str:
        lines = [f"{case}: skipped, {reason}" for case, reason in self.skipped]
        counts = {"passed": self.passed, "skipped": self.skipped, "failed": self.failed}
        return "\n".join([*lines, ", ".join(f"{len(cases)} {name}" for name, cases in counts.items())])


def _traced(failure: Failure) -> str:
    """The traceback of what a component raised, if that is what happened, and the three lines."""
    raised = failure.__cause__
    return "".join([*(traceback.format_exception(raised) if raised else ()), str(failure)])


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
