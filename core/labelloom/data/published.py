"""Published statistics of the field's data sets, and which of them a corpus is nearest to."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from labelloom.data.figures import Overview

_FILE = Path(__file__).with_name("published.toml")
_WORD = re.compile(r"[^\W_]+")
_NEAR = 0.02
"""How far, as a share, documents or cardinality may lie from the published ones of a set that has another name."""


class PublishedSet(BaseModel):
    """`[[sets]]` of published.toml: a data set as it was published."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    names: tuple[str, ...] = Field(min_length=1, description="How folders and files of the set are called.")
    documents: int | None = Field(None, gt=0, description="Of all splits; default their sum, if test is told.")
    train: int | None = Field(None, gt=0)
    validation: int | None = Field(None, gt=0)
    test: int | None = Field(None, gt=0)
    labels: int = Field(gt=0)
    cardinality: float | None = Field(None, gt=0, description="Labels a document, on average.")
    words: float | None = Field(None, gt=0, description="Words a document, on average.")
    source: str = Field(min_length=1, description="Who counted, and where it stands.")

    @property
    def total(self) -> int | None:
        """Documents of all splits, as far as that is known."""
        if self.documents is not None or self.test is None:
            return self.documents
        return (self.train or 0) + (self.validation or 0) + self.test


@dataclass(frozen=True)
class Figure:
    """One figure of a published set beside that of a corpus; None where the corpus has no such split."""

    name: str
    published: float
    measured: float | None


@dataclass(frozen=True)
class Comparison:
    """A corpus beside the published set that it is nearest to, by its name or by its figures."""

    published: PublishedSet
    by: Literal["name", "figures"]
    figures: tuple[Figure, ...]

    @property
    def same_counts(self) -> bool:
        """Whether documents and labels are the published ones, in every split that the source tells of."""
        counted = ("documents", "train", "validation", "test", "labels")
        return all(figure.measured == figure.published for figure in self.figures if figure.name in counted)

    def to_json(self) -> dict[str, Any]:
        return {
            "title": self.published.title,
            "source": self.published.source,
            "matched_by": self.by,
            "same_counts": self.same_counts,
            "figures": [asdict(figure) for figure in self.figures],
        }


@cache
def published_sets() -> tuple[PublishedSet, ...]:
    """Every set in published.toml."""
    return tuple(PublishedSet.model_validate(each) for each in tomllib.loads(_FILE.read_text(encoding="utf-8"))["sets"])


def nearest(told: Overview, names: Iterable[str] = ()) -> Comparison | None:
    """The published set that `told` is nearest to, or None where none is near.

    A set whose name is made of words of the corpus's name, its format's or one of `names` comes first, the longest such
    name before shorter ones; then one with as many labels and nearly as many documents or labels a document.
    """
    called = {words for name in (told.name, told.format, *names) for words in _runs(name)}
    by_name = [(len(name), each) for each in published_sets() for name in map(_plain, each.names) if name in called]
    if by_name:
        longest = max(length for length, _ in by_name)
        return Comparison(found := next(e for n, e in by_name if n == longest), "name", _figures(found, told))
    alike = [each for each in published_sets() if _alike(each, told)]
    return Comparison(alike[0], "figures", _figures(alike[0], told)) if alike else None


def _plain(name: str) -> str:
    return "".join(_WORD.findall(name.lower()))


def _runs(name: str) -> set[str]:
    """Every run of words in a name, written as one: "aapd", "small" and "aapdsmall" of "aapd-small"."""
    words = _WORD.findall(name.lower())
    return {"".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1)}


def _alike(each: PublishedSet, told: Overview) -> bool:
    pairs = ((each.total, told.whole.documents), (each.cardinality, told.whole.cardinality))
    near = [abs(own - known) <= _NEAR * known for known, own in pairs if known is not None]
    return each.labels == told.whole.labels and any(near)


def _figures(each: PublishedSet, told: Overview) -> tuple[Figure, ...]:
    splits = {name: split.documents for name, split in told.splits.items()}
    rows: list[tuple[str, float | None, float | None]] = [
        ("documents", each.total, told.whole.documents),
        *((name, getattr(each, name), splits.get(name)) for name in ("train", "validation", "test")),
        ("labels", each.labels, told.whole.labels),
        ("labels a document", each.cardinality, told.whole.cardinality),
        ("words", each.words, told.whole.words.mean),
    ]
    return tuple(Figure(name, known, own) for name, known, own in rows if known is not None)
