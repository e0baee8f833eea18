"""What a bundle says about a section of a report: a frozen record that names the function by string."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from labelloom.records import Record

SectionNeed = Literal["network", "complete ranking", "probabilities", "training corpus"]
"""What a section may need besides truth, answers and the best labels of each document."""
_NEEDS: tuple[SectionNeed, ...] = get_args(SectionNeed)


@dataclass(frozen=True, kw_only=True)
class Section(Record):
    """The record of one section of what is told of a run, `labelloom evaluate RUN --section bundle/section`.

    Args:
        name: `bundle/section`.
        target: `module:function`. It takes a `labelloom.report.sections.Scored` and answers a
            `labelloom.report.sections.Content`.
        title: its heading.
        needs: a "network" (no linear baseline), a "complete ranking" of every label, scores that are "probabilities",
            the "training corpus" of the run. A run that lacks one is refused.
        summary: one line for people.
        api: the contract it was written for.
    """

    what: ClassVar[str] = "section"
    example: ClassVar[str] = "labelloom_mybundle.errors:common_errors"

    title: str
    needs: frozenset[SectionNeed] = frozenset()

    def validate_names(self) -> None:
        """Check the name, the target, the title and the needs. Raises BundleError."""
        super().validate_names()
        if not isinstance(self.title, str) or not self.title.strip():
            raise self.wrong("it has no title", 'title="Common errors"')
        if unknown := sorted(self.as_set("needs") - set(_NEEDS)):
            raise self.wrong(f"{unknown[0]!r} in needs is not one of {', '.join(_NEEDS)}", 'needs={"network"}')
