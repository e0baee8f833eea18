"""What a bundle says about a source of data of its own: a frozen record that names the function by string."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from labelloom.formats import FIELDS, refuse_unknown
from labelloom.records import Record

SETTINGS = (*(key for key in FIELDS if key not in ("delimiter", "quotes")), "hf_config", "revision")
"""The keys of `[data]` that a source may use."""

_ADDRESS = re.compile(r"(?P<scheme>[a-z0-9][a-z0-9-]+(/[a-z0-9][a-z0-9-]*)?):(?P<rest>.+)", re.DOTALL)


def address(source: str) -> tuple[str, str] | None:
    """The scheme and the rest of "hf:owner/name" or "standard/hf:owner/name"; None for names and paths.

    A file whose name begins like a scheme is meant by ./name.
    """
    found = _ADDRESS.fullmatch(source)
    return (found["scheme"], found["rest"]) if found else None


@dataclass(frozen=True, kw_only=True)
class DataSource(Record):
    """The record of where data comes from besides samples, files and folders: `source = "scheme:the rest"`.

    Args:
        name: `bundle/scheme`. A spec says `scheme:rest`, or `bundle/scheme:rest` where several bundles have the scheme.
        target: `module:function`. It takes `DataSettings`, whose `source` is as the spec has it, and the rest of it,
            and answers a `labelloom.data.records.Source`. What it cannot have it refuses with a DataError.
        settings: the keys of `[data]` that it uses beside `source`: {"text", "labels", "revision"}; others are refused.
        paths: whether the rest may be the path of a file or folder: a run then keeps it as an absolute one.
        summary: one line for people.
        api: the contract it was written for.
    """

    what: ClassVar[str] = "source"
    example: ClassVar[str] = "labelloom_mybundle.tickets:tickets"

    settings: frozenset[str] = frozenset()
    paths: bool = False

    @property
    def scheme(self) -> str:
        """What stands before the colon."""
        return self.name.partition("/")[2]

    def validate_names(self) -> None:
        """Check the name, the target and the settings. Raises BundleError."""
        super().validate_names()
        if len(self.scheme) < 2:
            raise self.wrong(f"a scheme of one letter, {self.scheme!r}, would be a drive", '"mybundle/tickets"')
        refuse_unknown(self, self.as_set("settings"), SETTINGS)
