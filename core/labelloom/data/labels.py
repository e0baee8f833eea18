"""The label space: which labels there are, and in which order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from labelloom.data.cache import digest_of
from labelloom.errors import DataError

_COMPARED = 10_000
"""Codes that are compared letter by letter with a misspelt one; among more, those with a common beginning are."""


def close_codes(code: str, codes: Iterable[str]) -> list[str]:
    """Up to three of `codes` that look like `code`, the likeliest first."""
    known = list(codes)
    for shared in (1, 2, 3, 4):
        if len(known) <= _COMPARED:
            break
        known = [other for other in known if other[:shared] == code[:shared]]
    return get_close_matches(code, known[:_COMPARED], n=3)


@dataclass(frozen=True)
class LabelSpace:
    """The L labels. A label's id is its place in `codes`.

    `codes` are the strings in the data, without repeats; `names` the natural-language names, the code where none is
    known; `descriptions` a sentence or more on each label, "" where none is known, all of them if left out. Raises
    DataError when a code occurs twice or the three differ in length.
    """

    codes: tuple[str, ...]
    names: tuple[str, ...]
    descriptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.descriptions:
            object.__setattr__(self, "descriptions", ("",) * len(self.codes))
        for what, values in (("name", self.names), ("description", self.descriptions)):
            if len(self.codes) != len(values):
                raise DataError(f"a label space needs one {what} a code, found {len(self.codes)} and {len(values)}")
        if len(set(self.codes)) < len(self.codes):
            code, count = Counter(self.codes).most_common(1)[0]
            raise DataError(f"a label space names each code once, found {code!r} {count} times")

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {code: label for label, code in enumerate(self.codes)}

    def index(self, code: str) -> int:
        """The id of `code`. Raises DataError with the codes that look like it."""
        label = self._ids.get(code)
        if label is None:
            raise DataError(
                f"no label has the code {code!r}; there are {len(self)}",
                suggestions=close_codes(code, self.codes),
            )
        return label

    @property
    def digest(self) -> str:
        """sha256, in hexadecimal, of the codes in their order."""
        return digest_of(self.codes)

    def to_json(self) -> str:
        """Codes, names and what descriptions there are, in their order, as a JSON document that `from_json` reads."""
        stored = {"codes": self.codes, "names": self.names}
        if any(self.descriptions):
            stored["descriptions"] = self.descriptions
        return json.dumps(stored, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> LabelSpace:
        """The label space that `to_json` wrote."""
        stored = json.loads(text)
        return cls(tuple(stored["codes"]), tuple(stored["names"]), tuple(stored.get("descriptions", ())))
