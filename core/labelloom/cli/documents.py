"""The documents that `labelloom predict` reads as they come: lines, JSON lines, CSV or TSV, of a file or a pipe.

Nothing here waits for more input than the next document needs, so texts that are typed or piped one by one are answered
one by one.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import sys
import zlib
from collections import deque
from collections.abc import Callable, Collection, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple, cast

from labelloom.data.fields import join_texts
from labelloom.data.records import kind_of
from labelloom.errors import DataError
from labelloom.wording import counted

_BYTES = 1 << 18
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv", ".txt": "lines"}
_EXAMPLE = 'one object a line: {"text": "…"}'


@dataclass(frozen=True)
class Fields:
    """Where the text and the id of a document stand in a JSON object or a table's row.

    choices    the fields of the text, joined as in training; the first choice of which all are there is taken
    id         the field of the id, which may be missing
    delimiter  what separates the cells of CSV
    """

    choices: tuple[tuple[str, ...], ...] = (("text",),)
    id: str = "id"
    delimiter: str = ","

    def chosen(self, there: Container[str]) -> tuple[str, ...] | None:
        """The fields to read of those that are there."""
        return next((names for names in self.choices if all(name in there for name in names)), None)

    def lacking(self, there: Collection[str], what: str, where: str) -> tuple[str, str]:
        """What is wrong where nothing is chosen, and what to do."""
        wanted = next(name for name in self.choices[0] if name not in there)
        found = ", ".join(map(repr, there)) or "no field at all"
        close = get_close_matches(wanted, there, n=1)
        remedy = f"--text-field {close[0] if close else '<the one that holds the text>'}"
        return f"no {what} {wanted!r}; {where} has {found}", remedy


class Document(NamedTuple):
    """A text with the id that it came with, or else the number of its line, from 1."""

    id: str | int
    text: str


class Lines:
    """The lines of a stream as text, with their ends; `number` is that of the last one, from 1.

    Raises DataError for bytes that are not UTF-8 and for a broken gzip file.
    """

    def __init__(self, stream: BufferedReader, place: str) -> None:
        self.place = place
        self.number = 0
        self._stream = stream
        self._whole: deque[bytes] = deque()
        self._begun = b""
        self._ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self._fill():
            raise StopIteration
        raw = self._whole.popleft()
        self.number += 1
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.wrong(
                f"not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start} of the line",
                "convert the input: iconv -f <its encoding> -t UTF-8",
            ) from error

    @property
    def waiting(self) -> bool:
        """Whether a whole line is there already."""
        return bool(self._whole)

    def first_character(self) -> bytes:
        """That of the next line, spaces left out; waits for it, and takes nothing."""
        return self._whole[0].lstrip()[:1] if self._fill() else b""

    def wrong(self, message: str, *suggestions: str, line: int | None = None) -> DataError:
        """The error that `message` is about the line read last, or about `line`."""
        return DataError(message, where=f"{self.place}:{line or self.number}", suggestions=suggestions)

    def _fill(self) -> bool:
        while not self._whole and not self._ended:
            more = self._read()
            self._ended = not more
            *whole, self._begun = (self._begun + more).split(b"\n")
            self._whole.extend(line + b"\n" for line in whole)
            if self._ended and self._begun:
                self._whole.append(self._begun)
            if self.number == 0 and self._whole:
                self._whole[0] = self._whole[0].removeprefix(codecs.BOM_UTF8)
        return bool(self._whole)

    def _read(self) -> bytes:
        try:
            return self._stream.read1(_BYTES)  # what is there already, or else what comes next
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"is not a whole gzip file: {error}", where=self.place) from error
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", where=self.place) from error


@contextmanager
def opened(file: Path | None) -> Iterator[Lines]:
    """The lines of a file, gzipped if its name ends so, or of standard input. Raises DataError."""
    if file is None or str(file) == "-":
        yield Lines(cast(BufferedReader, sys.stdin.buffer), "standard input")
        return
    try:
        raw = file.open("rb")
    except OSError as error:
        raise DataError(
            f"cannot be read: {error.strerror or error}", where=str(file), suggestions=_files_like(file)
        ) from error
    with raw, gzip.open(raw) if file.suffix == ".gz" else raw as stream:
        yield Lines(cast(BufferedReader, stream), str(file))


def _files_like(file: Path) -> list[str]:
    """Files beside `file` that its name may mean: those that are called alike and end alike."""
    folder = file.parent
    beside = [other.name for other in folder.iterdir() if other.is_file()] if folder.is_dir() else []
    alike = [name for name in beside if Path(name).suffixes == file.suffixes]
    return [str(file.with_name(name)) for name in get_close_matches(file.name, alike, n=3)]


def format_of(file: Path | None, lines: Lines) -> str:
    """The format that the file's name tells; without a telling name, JSON lines if the first line starts with {."""
    suffix = Path(file.name.removesuffix(".gz")).suffix if file else ""
    return _SUFFIXES.get(suffix) or ("jsonl" if lines.first_character() == b"{" else "lines")


def chunks(lines: Lines, form: str, wanted: Fields, size: int) -> Iterator[list[Document]]:
    """The documents in lists of at most `size`: those that are there already, and at least one.

    Raises DataError at the line of the first that is wrong, after those before it.
    """
    chunk: list[Document] = []
    try:
        for document in _READERS[form](lines, wanted):
            if document is not None:
                chunk.append(document)
            if chunk and (len(chunk) == size or not lines.waiting):
                yield chunk
                chunk = []
    except DataError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def read_lines(lines: Lines, wanted: Fields) -> Iterator[Document | None]:
    """A document a line; an empty line is an empty text, so that every line has its answer."""
    for line in lines:
        yield Document(lines.number, line.removesuffix("\n").removesuffix("\r"))


def read_jsonl(lines: Lines, wanted: Fields) -> Iterator[Document | None]:
    """A document a line, None for a blank line."""
    for line in lines:
        if not line.strip():
            yield None
            continue
        try:
            fields = json.loads(line)
        except json.JSONDecodeError as error:
            hint = "--format lines, if these are plain texts"
            raise lines.wrong(f"broken JSON at column {error.colno}: {error.msg}", _EXAMPLE, hint) from error
        except (ValueError, RecursionError) as error:
            raise lines.wrong(f"broken JSON: {error}", _EXAMPLE) from error
        if not isinstance(fields, dict):
            raise lines.wrong(f"expected one object a line, found {kind_of(fields)}", _EXAMPLE)
        yield _document(fields, wanted, lines)


def _document(fields: dict[str, object], wanted: Fields, lines: Lines) -> Document:
    chosen = wanted.chosen(fields)
    if chosen is None:
        raise lines.wrong(*wanted.lacking(fields, "field", "the object"))
    for part in (fields[each] for each in chosen):
        if not isinstance(part, str):
            raise lines.wrong(f"the text must be a string, not {kind_of(part)}")
    text, name = _joined([str(fields[each]) for each in chosen]), fields.get(wanted.id)
    if isinstance(name, bool) or not isinstance(name, str | int | None):
        raise lines.wrong(f"the id must be a string or a whole number, not {kind_of(name)}")
    try:
        f"{text}{name}".encode()
    except UnicodeEncodeError as error:
        half = f"{text}{name}"[error.start]
        raise lines.wrong(f"half a character, \\u{ord(half):04x}: something cut the text inside one") from error
    return Document(lines.number if name is None else name, text)


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else join_texts(parts)


def read_csv(lines: Lines, wanted: Fields) -> Iterator[Document | None]:
    """A document a row under a header; None for a blank row."""
    yield from _read_rows(lines, wanted, wanted.delimiter, "CSV", "delimiters")


def read_tsv(lines: Lines, wanted: Fields) -> Iterator[Document | None]:
    """The same, the cells between tabs."""
    yield from _read_rows(lines, wanted, "\t", "TSV", "tabs")


def _read_rows(lines: Lines, wanted: Fields, delimiter: str, kind: str, signs: str) -> Iterator[Document | None]:
    csv.field_size_limit(2**31 - 1)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    header = _row(rows, lines, 1, kind)
    if header is None:
        return
    chosen = wanted.chosen(header)
    if chosen is None:
        message, remedy = wanted.lacking(header, "column", "the header")
        joined = len(header) == 1 and next((sign for sign in ";\t|," if sign in header[0]), None)
        remedies = [f"--delimiter {json.dumps(joined)}"] if joined else [remedy]
        raise lines.wrong(message, *remedies, line=1)
    start = lines.number + 1
    while (row := _row(rows, lines, start, kind)) is not None:
        if row and len(row) != len(header):
            fields = counted(len(row), "field")
            remedy = f"put a text with {signs} or line ends between double quotes"
            raise lines.wrong(f"the row has {fields}, the header {len(header)}", remedy, line=start)
        cells = dict(zip(header, row, strict=True)) if row else {}
        text = _joined([cells[each] for each in chosen]) if row else ""
        yield Document(cells.get(wanted.id) or start, text) if row else None
        start = lines.number + 1


def _row(rows: Iterator[list[str]], lines: Lines, start: int, kind: str) -> list[str] | None:
    try:
        return next(rows, None)
    except csv.Error as error:
        raise lines.wrong(
            f"broken {kind}: {error}", "a text's own double quotes are written twice", line=start
        ) from error


_READERS: dict[str, Callable[[Lines, Fields], Iterator[Document | None]]] = {
    "lines": read_lines,
    "jsonl": read_jsonl,
    "csv": read_csv,
    "tsv": read_tsv,
}
