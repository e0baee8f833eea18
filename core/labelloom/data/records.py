"""What a source gives: splits of records, unchecked, each with its place.

A source is a function that takes `DataSettings` and answers a `Source`, or None where the settings name something
that it does not know. It reads; checking, numbering and storing are the same for every source (`checking.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from labelloom.errors import Problem
from labelloom.wording import counted

SPLIT_NAMES = {
    "train": ("train",),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
"""The three splits, and the names that files and data sets give them."""


class Record(NamedTuple):
    """One document as it was found: any value may have any type. `line` counts from 1 in files; no id is None.

    `names` and `descriptions` are those of the labels, in their order, where the document tells them.
    """

    line: int
    text: object
    labels: object
    id: object = None
    names: object = None
    descriptions: object = None


class SourcePart(NamedTuple):
    """One file of a split. `place` is what messages put before ":line"; `read` starts from the first record each time.

    A record that cannot be read at all is given as the `Problem` that it is.
    """

    place: str
    read: Callable[[], Iterable[Record | Problem]]


@dataclass(frozen=True)
class SourceSplit:
    """One split: its name, one of `SPLIT_NAMES`, and its files in the order of the documents."""

    name: str
    parts: tuple[SourcePart, ...]

    @property
    def place(self) -> str:
        """The first file, and how many others there are."""
        others = len(self.parts) - 1
        return self.parts[0].place + (f" and {counted(others, 'more file')}" if others else "")


@dataclass(frozen=True)
class Source:
    """What was found under a name.

    `label_names` maps codes to names in the label order, and then no other code may occur; None where the source
    names no labels. `labels_place` is where it does so. `label_descriptions` says more on some of the codes.
    `fingerprint` changes when the content does. `notes` are said to the user. `format` is the one in which it was
    read, as `data.format` calls it; `refused` is what other formats said that were asked, and is told where reading
    fails. A format of a bundle leaves both to whom it answers.
    """

    name: str
    splits: tuple[SourceSplit, ...]
    fingerprint: str
    label_names: Mapping[str, str] | None = None
    labels_place: str = ""
    notes: tuple[str, ...] = ()
    label_descriptions: Mapping[str, str] = field(default_factory=dict)
    format: str = ""
    refused: tuple[Problem, ...] = ()


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
