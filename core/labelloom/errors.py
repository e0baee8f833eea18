"""Every error that labelloom raises on purpose.

    LabelloomError
    ├── BundleError             a bundle that is broken, claimed twice or written for another API number
    │   └── UnknownNameError    a name that no installed bundle has
    ├── SpecError               a spec that cannot be read, or says something that no model is
    │   ├── UnknownSpecError    a name that is neither a file nor a shipped spec
    │   └── CompositionError    parts that are fine alone and do not fit together
    ├── DataError               a corpus that cannot be used; `where` is `file:line`
    ├── RunError                a run folder that cannot be read, scored or continued
    └── TrainingError           training cannot go on
        └── NonFiniteLossError  the loss became NaN or infinite

An error is a list of problems, so that one run of `labelloom check` shows all of them. Each problem names
the place, what is wrong and what was expected, and what would mend it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    `where` is a place a person can go to: `file:line` for data, a key of the spec (`model.encoder.hidden`)
    for specs, a distribution with its version for bundles. `suggestions` are things to write instead or to do,
    the most likely first.
    """

    where: str
    message: str
    suggestions: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return "\n".join([text, *(f"    try: {suggestion}" for suggestion in self.suggestions)])


class LabelloomError(Exception):
    """The root of the tree. `problems` holds one `Problem` or more."""

    problems: tuple[Problem, ...]

    def __init__(self, message: str, *, where: str = "", suggestions: Iterable[str] = ()) -> None:
        self.problems = (Problem(where, message, tuple(suggestions)),)
        super().__init__(str(self))

    @classmethod
    def from_problems(cls, problems: Sequence[Problem]) -> Self:
        """One error that carries all of `problems`, in their order."""
        if not problems:
            raise ValueError("an error needs at least one problem")
        error = cls(problems[0].message, where=problems[0].where, suggestions=problems[0].suggestions)
        error.problems = tuple(problems)
        error.args = (str(error),)
        return error

    def also(self, suggestion: str) -> Self:
        """The same error with one thing more to do, the last one for its last problem."""
        *others, last = self.problems
        return self.from_problems([*others, replace(last, suggestions=(*last.suggestions, suggestion))])

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class BundleError(LabelloomError):
    """A bundle that is broken, claimed by two distributions, or written for another API number."""


class UnknownNameError(BundleError):
    """A name that no installed bundle has."""


class SpecError(LabelloomError):
    """A spec that cannot be read, or that says something no model is."""


class UnknownSpecError(SpecError):
    """A name that is neither a file nor a shipped spec."""


class CompositionError(SpecError):
    """Parts that are fine alone and do not fit together."""


class DataError(LabelloomError):
    """A corpus that cannot be used."""


class RunError(LabelloomError):
    """A run folder that cannot be read, scored or continued."""


class TrainingError(LabelloomError):
    """Training cannot go on."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite; the last good checkpoint is kept."""
