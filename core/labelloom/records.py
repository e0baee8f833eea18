"""What every record of a bundle has: a name that starts with the bundle's, and code named by string."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from labelloom.errors import BundleError

API = 1
"""The number of the contract in this release. A record written for another one is refused by name."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*")
"""What a thing of a bundle is called."""
TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""Code by string."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One thing that a bundle brings.

    Args:
        name: `bundle/thing`.
        target: the code as `module:name`, imported only when the thing is used.
        summary: one line for people.
        api: the contract it was written for.
    """

    what: ClassVar[str] = "thing"
    """What it is, in messages and in `labelloom list`; several of them with an s."""
    code: ClassVar[str] = "function"
    """What its target is."""
    example: ClassVar[str] = "labelloom_mybundle.thing:thing"
    """A target, for messages; its name is the example of a name."""

    name: str
    target: str
    summary: str = ""
    api: int = API

    @property
    def bundle(self) -> str:
        """The owner: the part of the name before the slash."""
        return self.name.partition("/")[0]

    def validate_names(self) -> None:
        """Check what everything packaged must have: a full name, a target and a line. Raises BundleError."""
        for field, example in (("name", self._called), ("target", self.example), ("summary", "What it does")):
            if not isinstance(getattr(self, field), str):
                raise self.wrong(f"{field} is {getattr(self, field)!r}, not a string", f'{field}="{example}"')
        if not NAME.fullmatch(self.name):
            raise self.wrong(f"the name {self.name!r} is not bundle/{self.what} in lower case", f'"{self._called}"')
        if not TARGET.fullmatch(self.target):
            raise self.wrong(f"target {self.target!r} is not module:{self.code}", f'"{self.example}"')

    @property
    def _called(self) -> str:
        """The name of the example."""
        return f"mybundle/{self.example.partition(':')[0].rpartition('.')[2].replace('_', '-')}"

    def as_set(self, field: str) -> frozenset[Any]:
        """The names in `field`, which are no string. Raises BundleError."""
        value = getattr(self, field)
        if isinstance(value, str):
            raise self.wrong(f"{field} is a string", f'{field}={{"{value}"}}')
        if not isinstance(value, Iterable) or not all(isinstance(name, str) for name in value):
            raise self.wrong(f"{field} is {value!r}, not a set of names", f"{field}=set()")
        return frozenset(value)

    def wrong(self, message: str, example: str) -> BundleError:
        """The error of a record that says `message`; `example` is what it might say instead."""
        return BundleError(message, where=f"{self.what} {self.name or '?'}", suggestions=[example])
