"""What a bundle says about a source of data of its own: a frozen record that names the function by string."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from labelloom.readers import FIELDS, DataReader

_ADDRESS = re.compile(r"(?P<scheme>[a-z0-9][a-z0-9-]+(/[a-z0-9][a-z0-9-]*)?):(?P<rest>.+)", re.DOTALL)


def address(source: str) -> tuple[str, str] | None:
    """The scheme and the rest of "tickets:2024" or "mybundle/tickets:2024"; None for names and paths.

    A file whose name begins like a scheme is meant by ./name.
    """
    found = _ADDRESS.fullmatch(source)
    return (found["scheme"], found["rest"]) if found else None


@dataclass(frozen=True, kw_only=True)
class DataSource(DataReader):
    """The record of where data comes from besides samples, files and folders: `source = "scheme:the rest"`.

    Args:
        name: `bundle/scheme`. A spec says `scheme:rest`, or `bundle/scheme:rest` where several bundles have the scheme.
        target: `module:function`. It takes `DataSettings`, whose `source` is as the spec has it, the rest of it and,
            with a `config`, its options, and answers a `labelloom.data.records.Source`. What it cannot have it refuses
            with a DataError.
        settings: the keys of `[data]` about fields and columns that it uses: `{"text", "labels"}`; others are refused.
        config: `module:Class` of its own options, which a spec writes into `[data]` beside `source`.
        paths: whether the rest may be the path of a file or folder: a run then keeps it as an absolute one.
        names: what the rest may look like, as regular expressions, and what it is then: `{r"20\\d\\d": "a year of
            tickets"}`. Where `data.source` looks so and is neither file nor sample, its scheme is offered.
        summary: one line for people.
        api: the contract it was written for.
    """

    what: ClassVar[str] = "source"
    example: ClassVar[str] = "labelloom_mybundle.tickets:tickets"

    keys: ClassVar[tuple[str, ...]] = tuple(key for key in FIELDS if key not in ("delimiter", "quotes"))

    paths: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def scheme(self) -> str:
        """What stands before the colon."""
        return self.name.partition("/")[2]

    def what_is(self, name: str) -> str | None:
        """What `name` is, if it looks like something that it reads: "a data set of the hub"."""
        return next((what for pattern, what in self.names.items() if re.fullmatch(pattern, name)), None)

    def validate_names(self) -> None:
        """Check what every reader must have, the scheme, and what its names look like. Raises BundleError."""
        super().validate_names()
        if len(self.scheme) < 2:
            raise self.wrong(f"a scheme of one letter, {self.scheme!r}, would be a drive", '"mybundle/tickets"')
        example = r'names={r"20\d\d": "a year of tickets"}'
        if not isinstance(self.names, Mapping) or not all(isinstance(each, str) for each in self._patterns_and_words):
            raise self.wrong(f"names is {self.names!r}, which maps no patterns to what they are", example)
        for pattern in self.names:
            try:
                re.compile(pattern)
            except re.error as error:
                raise self.wrong(f"names has {pattern!r}, which is no regular expression: {error}", example) from error

    @property
    def _patterns_and_words(self) -> tuple[object, ...]:
        return (*self.names.keys(), *self.names.values())
