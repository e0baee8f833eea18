"""What a source gives: splits of records, unchecked, each with its place.

A source is a function that takes `DataSettings` and answers a `Source`, or None where the settings name something
that it does not know. It reads; checking, numbering and storing are the same for every source (`checking.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from labelloom.errors import Problem
from labelloom.spec.data import DataSettings

SPLIT_NAMES = {
    "train": ("train",),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
"""The three splits, and the names that files and data sets give them."""


class Record(NamedTuple):
    """One document as it was found: any value may have any type. `line` counts from 1 in files; no id is None."""

    line: int
    text: object
    labels: object
    id: object = None


@dataclass(frozen=True)
class SourceSplit:
    """One split. `place` is what messages put before ":line"; `read` starts from the first record at each call.

    A record that cannot be read at all is given as the `Problem` that it is.
    """

    name: str
    place: str
    read: Callable[[], Iterable[Record | Problem]]


@dataclass(frozen=True)
class Source:
    """What was found under a name.

    `label_names` maps codes to names in the label order, and then no other code may occur; None where the source
    names no labels. `labels_place` is where it does so. `fingerprint` changes when the content does. `notes` are said
    to the user.
    """

    name: str
    splits: tuple[SourceSplit, ...]
    fingerprint: str
    label_names: Mapping[str, str] | None = None
    labels_place: str = ""
    notes: tuple[str, ...] = ()


def record_from_fields(fields: Mapping[str, object], line: int, place: str, settings: DataSettings) -> Record | Problem:
    """The record in named fields, as `settings` says which is which; a `Problem` where one is missing."""
    # Ids are optional under their usual name; who names another field means it.
    named = ("text", "labels") if settings.id == "id" else ("text", "labels", "id")
    for key in named:
        wanted = getattr(settings, key)
        if wanted not in fields:
            found = ", ".join(repr(name) for name in fields) or "no field at all"
            close = get_close_matches(wanted, list(fields), n=1)
            return Problem(
                f"{place}:{line}",
                f"no field {wanted!r}; the record has {found}",
                (f'{key} = "{close[0] if close else "<the field>"}" under [data] in the spec',),
            )
    return Record(line, fields[settings.text], fields[settings.labels], fields.get(settings.id))


def kind_of(value: object) -> str:
    """What a value is, in the words of a message."""
    words = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "true or false",
        int: "a number",
        float: "a decimal number",
        type(None): "null",
    }
    return words.get(type(value), f"a {type(value).__name__}")
