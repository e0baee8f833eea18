"""Every record of a source is checked, numbered and stored before anything trains."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.data.records import Record, Source, SourceSplit, kind_of
from labelloom.data.texts import TextWriter
from labelloom.errors import DataError, Problem

_SHOWN = 20
"""Problems of one split that are shown; the rest are counted."""


@dataclass
class CheckedSplit:
    """What was found in one split while its documents were written to `folder/<name>.arrow`."""

    name: str
    lines: np.ndarray  # (N,) the line of each document
    id_hashes: np.ndarray  # (N,)
    text_hashes: np.ndarray  # (N,) 0 where the text is blank
    label_sets: LabelSets
    notes: list[str]


class LabelIds:
    """Numbers the codes in the order in which they occur, or as the source names them."""

    def __init__(self, source: Source) -> None:
        self.closed = source.label_names is not None
        self.place = source.labels_place
        self._names = dict(source.label_names or {})
        self._ids = {code: label for label, code in enumerate(self._names)}
        self._suggestions: dict[str, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def of(self, code: str) -> int | None:
        """The number of a code; None for one that the source does not name although it names labels."""
        return self._ids.get(code) if self.closed else self._ids.setdefault(code, len(self._ids))

    def close_to(self, code: str) -> tuple[str, ...]:
        """Codes that look like `code`. Looked up once a code, since the search reads all of them."""
        if code not in self._suggestions:
            self._suggestions[code] = tuple(get_close_matches(code, self._ids, n=3))
        return self._suggestions[code]

    def final(self) -> tuple[list[str], list[str], np.ndarray]:
        """Codes and names in the label order (sorted, unless the source has one), and number -> label id."""
        codes = list(self._ids) if self.closed else sorted(self._ids)
        labels = np.empty(len(codes), dtype=np.int64)
        labels[[self._ids[code] for code in codes]] = np.arange(len(codes))
        return codes, [self._names.get(code, code) for code in codes], labels


@dataclass
class _Problems:
    """The fatal problems of one split: the first ones, and how many there are."""

    place: str
    shown: list[Problem] = field(default_factory=list)
    count: int = 0

    @property
    def full(self) -> bool:
        return len(self.shown) >= _SHOWN

    def add(self, problem: Problem) -> None:
        self.count += 1
        if not self.full:
            self.shown.append(problem)

    def all(self) -> list[Problem]:
        more = self.count - len(self.shown)
        return self.shown + ([Problem(self.place, f"and {more:,} more problems")] if more else [])


@dataclass
class _Counts:
    """What is tolerated: how often, and the first line."""

    found: dict[str, list[int]] = field(default_factory=dict)

    def add(self, what: str, line: int) -> None:
        self.found.setdefault(what, [0, line])[0] += 1

    def notes(self, split: str) -> list[str]:
        return [
            f"{split}: {documents(count)} {what} (first: line {line})" for what, (count, line) in self.found.items()
        ]


def documents(count: int) -> str:
    """ "1 document", "1,200 documents"."""
    return f"{count:,} document{'' if count == 1 else 's'}"


def check_source(
    source: Source, folder: Path, limit: int | None
) -> tuple[list[CheckedSplit], LabelIds]:
    """Checks all splits and writes their documents to `folder`; the label sets hold the numbers of `LabelIds`.

    Raises DataError with every fatal problem, `_SHOWN` of each split and a count of the rest.
    """
    labels = LabelIds(source)
    checked, problems = [], []
    for split in source.splits:
        found = _Problems(split.place)
        checked.append(_check_split(split, labels, folder, limit, found))
        problems += found.all()
    if problems:
        raise DataError.from_problems(problems)
    return checked, labels


def _check_split(
    split: SourceSplit, labels: LabelIds, folder: Path, limit: int | None, problems: _Problems
) -> CheckedSplit:
    lines: dict[str, int] = {}  # by id, in the order of the documents
    text_hashes, values, counts = array("q"), array("q"), array("q")
    tolerated = _Counts()
    with TextWriter(folder / f"{split.name}.arrow") as writer:
        for record in _well_formed(split, limit, problems):
            numbers = _numbers(record, labels, split.place, problems)
            name = f"{split.name}-{record.line}" if record.id is None else str(record.id)
            first = lines.setdefault(name, record.line)
            if first != record.line:
                problems.add(
                    Problem(
                        f"{split.place}:{record.line}",
                        f"the id {name!r} occurs twice, first in line {first}",
                        ("give each document its own id, or leave ids out: then documents are numbered by line",),
                    )
                )
            if numbers is None or first != record.line:
                continue
            text = str(record.text)
            blank = not text.strip()
            if blank:
                tolerated.add("with no text, kept", record.line)
            if not numbers:
                tolerated.add("with no label, kept", record.line)
            if len(set(numbers)) < len(numbers):
                tolerated.add("with a repeated label, counted once", record.line)
            distinct = sorted(set(numbers))
            values.extend(distinct)
            counts.append(len(distinct))
            text_hashes.append(0 if blank else hash(text))
            writer.add(name, text)
    if not lines and not problems.count:
        remedy = () if split.name == "train" else (f"remove the {split.name} split, then one can be cut from train",)
        problems.add(Problem(split.place, f"the {split.name} split is empty; expected a document a line", remedy))
    offsets = np.concatenate([[0], np.cumsum(np.array(counts, dtype=np.int64))])
    return CheckedSplit(
        split.name,
        np.fromiter(lines.values(), np.int64, len(lines)),
        np.fromiter(map(hash, lines), np.int64, len(lines)),
        np.array(text_hashes, dtype=np.int64),
        LabelSets(offsets.astype(np.int64), np.array(values, dtype=np.int64), len(labels)),
        tolerated.notes(split.name),
    )


def _well_formed(split: SourceSplit, limit: int | None, problems: _Problems) -> Iterator[Record]:
    """The records whose fields have the right types; the others become problems."""
    for record in islice(split.read(), limit):
        problem = record if isinstance(record, Problem) else _type_problem(record, f"{split.place}:{record.line}")
        if problem is None:
            yield record  # type: ignore[misc]
        else:
            problems.add(problem)


def _type_problem(record: Record, where: str) -> Problem | None:
    text, labels, name = record.text, record.labels, record.id
    if not isinstance(text, str):
        return Problem(where, f"the text must be a string, not {kind_of(text)}")
    if not isinstance(labels, list):
        example = f'["{labels}"]' if isinstance(labels, str) else '["a", "b"], or [] for none'
        return Problem(where, f"the labels must be a list of strings, not {kind_of(labels)}", (f"write {example}",))
    for label in labels:
        if not isinstance(label, str | int) or isinstance(label, bool):
            return Problem(where, f"a label must be a string or a whole number, not {kind_of(label)}")
        if label == "":
            return Problem(where, "a label is an empty string", ("write [] where there is no label",))
    if name is not None and (not isinstance(name, str | int) or isinstance(name, bool) or name == ""):
        found = "an empty string" if name == "" else kind_of(name)
        return Problem(where, f"the id must be a string or a whole number, not {found}")
    return _surrogate_problem([text, name, *labels], where)


def _surrogate_problem(values: list[object], where: str) -> Problem | None:
    """JSON can escape half a character (\\ud83d alone), which no encoding of text can hold."""
    for value in values:
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                half = f"\\u{ord(value[error.start]):04x}"
                return Problem(
                    where,
                    f"half a character, {half}, at character {error.start} of a string",
                    ("write the text again from where it is whole; something cut it inside a character",),
                )
    return None


def _numbers(record: Record, labels: LabelIds, place: str, problems: _Problems) -> list[int] | None:
    numbers: list[int] = []
    for label in record.labels:  # type: ignore[attr-defined]
        number = labels.of(str(label))
        if number is not None:
            numbers.append(number)
            continue
        close = () if problems.full else labels.close_to(str(label))
        problems.add(Problem(f"{place}:{record.line}", f"the label {str(label)!r} is not in {labels.place}", close))
        return None
    return numbers
