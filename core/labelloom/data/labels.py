"""The label space: which labels there are, and in which order."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from labelloom.data.cache import digest_of
from labelloom.errors import DataError


@dataclass(frozen=True)
class LabelSpace:
    """The L labels. A label's id is its place in `codes`.

    `codes` are the strings in the data, without repeats; `names` the natural-language names, the code where none is
    known. Raises DataError when a code occurs twice or the two differ in length.
    """

    codes: tuple[str, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.codes) != len(self.names):
            raise DataError(f"a label space needs one name a code, found {len(self.codes)} and {len(self.names)}")
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
                suggestions=get_close_matches(code, self.codes, n=3),
            )
        return label

    @property
    def digest(self) -> str:
        """sha256, in hexadecimal, of the codes in their order."""
        return digest_of(self.codes)

    def to_json(self) -> str:
        """Codes and names in their order, as a JSON document that `from_json` reads."""
        return json.dumps({"codes": self.codes, "names": self.names}, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> LabelSpace:
        """The label space that `to_json` wrote."""
        stored = json.loads(text)
        return cls(tuple(stored["codes"]), tuple(stored["names"]))
