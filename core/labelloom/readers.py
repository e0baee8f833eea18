"""What the records of who reads data have in common: the keys of `[data]` that they use, and the options that they add.

A source and a format are such records.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

from labelloom.records import TARGET, Record

FIELDS = ("text", "labels", "label_separator", "label_names", "label_descriptions", "id", "delimiter", "quotes")
"""The keys of `[data]` about fields and columns."""


@dataclass(frozen=True, kw_only=True)
class DataReader(Record):
    """The record of a function that reads data.

    Args:
        settings: the keys of `[data]` about fields and columns that it uses; others are refused.
        config: `module:Class` of its own options, a `labelloom.config.Config` in a light module; empty for no options.
            A spec writes them into `[data]`, and the function takes them as one more argument, the last.
    """

    keys: ClassVar[tuple[str, ...]] = FIELDS
    """What `settings` may have."""

    settings: frozenset[str] = frozenset()
    config: str = ""

    def validate_names(self) -> None:
        """Check the name, the target, the settings and the name of the config. Raises BundleError."""
        super().validate_names()
        if unknown := sorted(self.as_set("settings") - set(self.keys)):
            close = get_close_matches(unknown[0], self.keys, n=1)
            raise self.wrong(f"settings has the unknown key {unknown[0]!r}", (close or [", ".join(self.keys)])[0])
        if not isinstance(self.config, str) or (self.config and not TARGET.fullmatch(self.config)):
            raise self.wrong(f"config {self.config!r} is not module:Class", '"labelloom_mybundle.config:Options"')
