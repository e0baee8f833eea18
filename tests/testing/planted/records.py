"""Records of the planted components: each class carries its own, as components in a file beside a spec do."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from labelloom import Component


def code(thing: type) -> str:
    """The class by string, as records name it."""
    return f"{thing.__module__}:{thing.__name__}"


def record_of(part: Any) -> Component:
    """The record of a planted component, complete with name and target: its own where it names one."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", part.__name__).lower()
    component: Component = part.component
    return replace(component, name=f"planted/{name}", target=component.target or code(part), summary=part.__doc__)


@dataclass(frozen=True)
class Wrong:
    """A component that is wrong in one way.

    part   the class; its docstring says what is wrong
    check  the name of the check that is about it
    told   what its failure must name
    """

    part: type
    check: str
    told: str

    def __str__(self) -> str:
        return f"{self.part.__module__.rpartition('.')[2]}.{self.part.__name__}"
