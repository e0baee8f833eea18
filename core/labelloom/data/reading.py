"""All splits of a source, read once: every record is checked, numbered and stored before anything trains."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

import numpy as np

from labelloom.data.checking import Document, checked
from labelloom.data.records import Source, SourceSplit
from labelloom.data.texts import TextWriter
from labelloom.errors import DataError, Problem

SHOWN = 20
"""Problems of one split that are shown; the rest are counted."""


@dataclass(frozen=True)
class ReadSplit:
    """What was read of one split of N documents, besides the texts and ids in `<name>.arrow`.

    Labels are numbered as `LabelNumbers` met them. `text_hashes` is 0 where the text is blank.
    """

    name: str
    lines: np.ndarray  # (N,)
    id_hashes: np.ndarray  # (N,)
    text_hashes: np.ndarray  # (N,)
    label_counts: np.ndarray  # (N,)
    labels: np.ndarray  # (sum of label_counts,)
    notes: list[str]


class LabelNumbers:
    """Numbers codes in the order in which they occur, or as the source names them."""

    def __init__(self, source: Source) -> None:
        self.place = source.labels_place
        self.names = source.label_names
        self._numbers = {code: number for number, code in enumerate(self.names or ())}
        self._close: dict[str, tuple[str, ...]] = {}

    def of(self, code: str) -> int | None:
        """The number of a code; None for one that the source does not name although it names labels."""
        if self.names is not None:
            return self._numbers.get(code)
        return self._numbers.setdefault(code, len(self._numbers))

    def close_to(self, code: str) -> tuple[str, ...]:
        """Codes that look like `code`; each is looked up once, since the search reads them all."""
        if code not in self._close:
            self._close[code] = tuple(get_close_matches(code, self._numbers, n=3))
        return self._close[code]

    def ordered(self) -> tuple[list[str], np.ndarray]:
        """The codes in the label order, sorted unless the source has one, and (L,) number to label id."""
        codes = list(self._numbers) if self.names is not None else sorted(self._numbers)
        ids = np.empty(len(codes), dtype=np.int64)
        ids[[self._numbers[code] for code in codes]] = np.arange(len(codes))
        return codes, ids


@dataclass
class _Problems:
    """The fatal problems of one split: the first ones, and how many there are."""

    place: str
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
        summary = [Problem(self.place, f"and {more:,} more problem{'' if more == 1 else 's'}")] if more else []
        return self.shown + summary


def documents(count: int) -> str:
    """ "1 document" or "1,200 documents"."""
    return f"{count:,} document{'' if count == 1 else 's'}"


def read_source(source: Source, folder: Path, limit: int | None) -> tuple[list[ReadSplit], LabelNumbers]:
    """Reads all splits and writes ids and texts to `folder`.

    Raises DataError with every fatal problem: the first `SHOWN` of each split and a count of the rest.
    """
    labels = LabelNumbers(source)
    splits: list[ReadSplit] = []
    problems: list[Problem] = []
    for split in source.splits:
        found = _Problems(split.place)
        splits.append(_read_split(split, labels, folder, limit, found))
        problems += found.all()
    if problems:
        raise DataError.from_problems(problems)
    return splits, labels


def _read_split(
    split: SourceSplit, labels: LabelNumbers, folder: Path, limit: int | None, problems: _Problems
) -> ReadSplit:
    lines: dict[str, int] = {}  # by id, in the order of the documents
    text_hashes, numbers, counts = array("q"), array("q"), array("q")
    tolerated: dict[str, list[int]] = {}  # how many documents, and the first line
    numbered = 0

    with TextWriter(folder / f"{split.name}.arrow") as writer:
        for document in _documents(split, limit, problems):
            numbered += document.id is None
            name = f"{split.name}-{document.line}" if document.id is None else document.id
            first = lines.setdefault(name, document.line)
            if first != document.line:
                problems.add(_repeated_id(name, first, f"{split.place}:{document.line}"))
                continue
            distinct = {labels.of(code) for code in document.labels}
            if None in distinct:
                _add_unknown_labels(document, labels, problems)
                continue
            blank = not document.text.strip()
            for holds, what in (
                (blank, "with no text, kept"),
                (not distinct, "with no label, kept"),
                (len(distinct) < len(document.labels), "with a repeated label, counted once"),
            ):
                if holds:
                    tolerated.setdefault(what, [0, document.line])[0] += 1
            numbers.extend(distinct)  # type: ignore[arg-type]
            counts.append(len(distinct))
            text_hashes.append(0 if blank else hash(document.text))
            writer.add(name, document.text)

    if not lines and not problems.count:
        remedy = () if split.name == "train" else (f"remove the {split.name} split: one can be cut from train",)
        problems.add(Problem(split.place, f"the {split.name} split is empty; expected at least one document", remedy))
    elif split.name == "train" and not numbers and not problems.count:
        remedy = ("check that data.labels is the field that holds them",)
        problems.add(Problem(split.place, "no document of the train split has a label: nothing can be learnt", remedy))
    notes = [f"{split.name}: {documents(n)} {what} (first: line {line})" for what, (n, line) in tolerated.items()]
    if 0 < numbered < len(lines):
        notes.append(f"{split.name}: {documents(numbered)} with no id, numbered by line")
    return ReadSplit(
        split.name,
        np.fromiter(lines.values(), np.int64, len(lines)),
        np.fromiter(map(hash, lines), np.int64, len(lines)),
        np.array(text_hashes, dtype=np.int64),
        np.array(counts, dtype=np.int64),
        np.array(numbers, dtype=np.int64),
        notes,
    )


def _documents(split: SourceSplit, limit: int | None, problems: _Problems) -> Iterator[Document]:
    for record in islice(split.read(), limit):
        found = record if isinstance(record, Problem) else checked(record, split.place)
        if isinstance(found, Problem):
            problems.add(found)
        else:
            yield found


def _repeated_id(name: str, first: int, where: str) -> Problem:
    remedy = "give each document its own id, or leave the ids out: then documents are numbered by line"
    return Problem(where, f"the id {name!r} occurs twice, first in line {first}", (remedy,))


def _add_unknown_labels(document: Document, labels: LabelNumbers, problems: _Problems) -> None:
    for code in document.labels:
        if labels.of(code) is None:
            close = () if problems.full else labels.close_to(code)
            where = f"{problems.place}:{document.line}"
            problems.add(Problem(where, f"the label {code!r} is not in {labels.place}", close))
