"""All splits of a source, read once: every record is checked, numbered and stored before anything trains."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from labelloom.data.checking import Document, checked
from labelloom.data.labels import close_codes
from labelloom.data.records import Source, SourceSplit
from labelloom.data.texts import TextWriter
from labelloom.errors import DataError, Problem
from labelloom.wording import counted

SHOWN = 20
"""Problems of one split that are shown; the rest are counted."""


@dataclass(frozen=True)
class ReadSplit:
    """What was read of one split of N documents, besides the texts and ids in `<name>.arrow`.

    Labels are numbered as `LabelNumbers` met them. `text_hashes` is 0 where the text is blank. `files` are the names
    of the split's files.
    """

    name: str
    files: tuple[str, ...]
    parts: np.ndarray  # (N,) places in `files`
    lines: np.ndarray  # (N,)
    id_hashes: np.ndarray  # (N,)
    text_hashes: np.ndarray  # (N,)
    label_counts: np.ndarray  # (N,)
    labels: np.ndarray  # (sum of label_counts,)
    notes: list[str]

    def first(self, row: int) -> str:
        """ "first: line 2", with the file where there are several."""
        return first_at(self.files, int(self.parts[row]), int(self.lines[row]))


def first_at(files: tuple[str, ...], part: int, line: int) -> str:
    """ "first: line 2", or "first: b.csv, line 2" where there are several files."""
    return f"first: {files[part]}, line {line}" if len(files) > 1 else f"first: line {line}"


class LabelNumbers:
    """Numbers codes in the order in which they occur, or as the source names them; keeps what documents call them."""

    def __init__(self, source: Source) -> None:
        self.place = source.labels_place
        self.named = source.label_names
        self._numbers = {code: number for number, code in enumerate(self.named or ())}
        self._close: dict[str, tuple[str, ...]] = {}
        self._said: dict[tuple[str, str], tuple[str, str]] = {}

    def of(self, code: str) -> int | None:
        """The number of a code; None for one that the source does not name although it names labels."""
        if self.named is not None:
            return self._numbers.get(code)
        return self._numbers.setdefault(code, len(self._numbers))

    def close_to(self, code: str) -> tuple[str, ...]:
        """Codes that look like `code`; each is looked up once, since the search reads them all."""
        if code not in self._close:
            self._close[code] = tuple(close_codes(code, self._numbers))
        return self._close[code]

    def ordered(self) -> tuple[list[str], np.ndarray]:
        """The codes in the label order, sorted unless the source has one, and (L,) number to label id."""
        codes = list(self._numbers) if self.named is not None else sorted(self._numbers)
        ids = np.empty(len(codes), dtype=np.int64)
        ids[[self._numbers[code] for code in codes]] = np.arange(len(codes))
        return codes, ids

    def say(self, what: str, code: str, value: str, where: str) -> Problem | None:
        """Keeps the "name" or "description" of a code; the `Problem` where another document says another one."""
        known, place = self._said.setdefault((what, code), (value, where))
        if known == value:
            return None
        remedies = ("one name for a code in all documents", "a file that names the labels: label_file under [data]")
        return Problem(where, f"the label {code!r} has the {what} {value!r} here and {known!r} in {place}", remedies)

    def said(self, what: str) -> dict[str, str]:
        """The names or descriptions that documents told, by code."""
        return {code: value for (kind, code), (value, _) in self._said.items() if kind == what}


@dataclass
class _Problems:
    """The fatal problems of one split: the first ones, and how many there are."""

    place: str
    options: tuple[str, ...] = ()
    """What to try where documents are missing: options of the source may leave them out."""
    shown: list[Problem] = field(default_factory=list)
    count: int = 0

    def add(self, problem: Problem) -> None:
        self.count += 1
        if not self.full:
            self.shown.append(problem)

    @property
    def full(self) -> bool:
        return len(self.shown) >= SHOWN

    def all(self) -> list[Problem]:
        more = self.count - len(self.shown)
        summary = [Problem(self.place, f"and {counted(more, 'more problem')}")] if more else []
        return self.shown + summary


def documents(count: int) -> str:
    """ "1 document" or "1,200 documents"."""
    return counted(count, "document")


def read_source(
    source: Source, folder: Path, limit: int | None, options: Mapping[str, Any]
) -> tuple[list[ReadSplit], LabelNumbers]:
    """Reads all splits and writes ids and texts to `folder`; `options` are those that the source was told.

    Raises DataError with every fatal problem: the first `SHOWN` of each split and a count of the rest, after what other
    formats said that refused the source.
    """
    labels = LabelNumbers(source)
    splits: list[ReadSplit] = []
    problems: list[Problem] = []
    told = ", ".join(
        f"{name} = {json.dumps(value, ensure_ascii=False, default=str)}" for name, value in options.items()
    )
    hints = (f"without {told}, which may leave documents out",) if told else ()
    for split in source.splits:
        found = _Problems(split.place, hints)
        splits.append(_read_split(split, labels, folder, limit, found))
        problems += found.all()
    if problems:
        raise DataError.from_problems([*source.refused, *problems])
    return splits, labels


def _read_split(
    split: SourceSplit, labels: LabelNumbers, folder: Path, limit: int | None, problems: _Problems
) -> ReadSplit:
    seen: dict[str, int] = {}  # the document of an id, in the order of the documents
    parts, lines = array("i"), array("q")
    text_hashes, numbers, counts = array("q"), array("q"), array("q")
    tolerated: dict[str, tuple[int, int, int]] = {}  # how many documents, and the first one's file and line
    files = tuple(Path(part.place).name for part in split.parts)
    numbered = 0

    with TextWriter(folder / f"{split.name}.arrow") as writer:
        for part, document in _documents(split, limit, problems):
            numbered += document.id is None
            name = _name(document, split, part) if document.id is None else document.id
            row = seen.setdefault(name, len(seen))
            if row < len(lines):
                problems.add(_repeated_id(name, split, (parts[row], lines[row]), (part, document.line)))
                continue
            parts.append(part)
            lines.append(document.line)
            distinct = {labels.of(code) for code in document.labels}
            if None in distinct:
                _add_unknown_labels(document, labels, split.parts[part].place, problems)
            if document.names or document.descriptions:
                _keep_names(document, labels, split.parts[part].place, problems)
            blank = not document.text.strip()
            for holds, what in (
                (blank, "with no text, kept"),
                (not distinct, "with no label, kept"),
                (len(distinct) < len(document.labels), "with a repeated label, counted once"),
            ):
                if holds:
                    count, first, line = tolerated.get(what, (0, part, document.line))
                    tolerated[what] = (count + 1, first, line)
            numbers.extend(number for number in distinct if number is not None)
            counts.append(len(distinct))
            text_hashes.append(0 if blank else hash(document.text))
            writer.add(name, document.text)

    if not seen and not problems.count:
        remedy = () if split.name == "train" else (f"remove the {split.name} split: one can be cut from train",)
        message = f"the {split.name} split is empty; expected at least one document"
        problems.add(Problem(split.place, message, (*problems.options, *remedy)))
    elif split.name == "train" and not numbers and not problems.count:
        remedy = ("check that data.labels is the field that holds them",)
        problems.add(Problem(split.place, "no document of the train split has a label: nothing can be learnt", remedy))
    notes = [
        f"{split.name}: {documents(count)} {what} ({first_at(files, part, line)})"
        for what, (count, part, line) in tolerated.items()
    ]
    if 0 < numbered < len(seen):
        notes.append(f"{split.name}: {documents(numbered)} with no id, numbered by line")
    return ReadSplit(
        split.name,
        files,
        np.array(parts, dtype=np.int32),
        np.array(lines, dtype=np.int64),
        np.fromiter(map(hash, seen), np.int64, len(seen)),
        np.array(text_hashes, dtype=np.int64),
        np.array(counts, dtype=np.int64),
        np.array(numbers, dtype=np.int64),
        notes,
    )


def _name(document: Document, split: SourceSplit, part: int) -> str:
    """The id of a document that has none: `train-7`, of the second of several files `train-2-7`."""
    return f"{split.name}-{part + 1}-{document.line}" if len(split.parts) > 1 else f"{split.name}-{document.line}"


def _documents(split: SourceSplit, limit: int | None, problems: _Problems) -> Iterator[tuple[int, Document]]:
    """The documents, each with the file that it stands in."""
    records = ((place, record) for place, part in enumerate(split.parts) for record in part.read())
    for part, record in islice(records, limit):
        found = record if isinstance(record, Problem) else checked(record, split.parts[part].place)
        if isinstance(found, Problem):
            problems.add(found)
        else:
            yield part, found


def _repeated_id(name: str, split: SourceSplit, first: tuple[int, int], again: tuple[int, int]) -> Problem:
    remedy = "give each document its own id, or leave the ids out: then documents are numbered by line"
    file = f" of {split.parts[first[0]].place}" if first[0] != again[0] else ""
    where = f"{split.parts[again[0]].place}:{again[1]}"
    return Problem(where, f"the id {name!r} occurs twice, first in line {first[1]}{file}", (remedy,))


def _add_unknown_labels(document: Document, labels: LabelNumbers, place: str, problems: _Problems) -> None:
    for code in document.labels:
        if labels.of(code) is None:
            close = () if problems.full else labels.close_to(code)
            problems.add(Problem(f"{place}:{document.line}", f"the label {code!r} is not in {labels.place}", close))


def _keep_names(document: Document, labels: LabelNumbers, place: str, problems: _Problems) -> None:
    for what, values in (("name", document.names), ("description", document.descriptions)):
        for code, value in zip(document.labels, values, strict=False):
            if value.strip():  # a description may be unknown here and told elsewhere
                problem = labels.say(what, code, value, f"{place}:{document.line}")
                if problem:
                    problems.add(problem)
