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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple, cast

from labelloom.data.records import kind_of
from labelloom.errors import DataError
from labelloom.wording import counted

_BYTES = 1 << 18
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv", ".txt": "lines"}
_EXAMPLE = 'one object a line: {"text": "…"}'


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


def chunks(lines: Lines, form: str, text_field: str, size: int) -> Iterator[list[Document]]:
    """The documents in lists of at most `size`: those that are there already, and at least one.

    Raises DataError at the line of the first that is wrong, after those before it.
    """
    chunk: list[Document] = []
    try:
        for document in _READERS[form](lines, text_field):
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


def read_lines(lines: Lines, text_field: str) -> Iterator[Document | None]:
    """A document a line; an empty line is an empty text, so that every line has its answer."""
    for line in lines:
        yield Document(lines.number, line.removesuffix("\n").removesuffix("\r"))


def read_jsonl(lines: Lines, text_field: str) -> Iterator[Document | None]:
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
        yield _document(fields, text_field, lines)


def _document(fields: dict[str, object], text_field: str, lines: Lines) -> Document:
    if text_field not in fields:
        found = ", ".join(repr(name) for name in fields) or "no field at all"
        raise lines.wrong(f"no field {text_field!r}; the object has {found}", _field_option(text_field, fields))
    text, name = fields[text_field], fields.get("id")
    if not isinstance(text, str):
        raise lines.wrong(f"the text must be a string, not {kind_of(text)}")
    if isinstance(name, bool) or not isinstance(name, str | int | None):
        raise lines.wrong(f"the id must be a string or a whole number, not {kind_of(name)}")
    try:
        f"{text}{name}".encode()
    except UnicodeEncodeError as error:
        half = f"{text}{name}"[error.start]
        raise lines.wrong(f"half a character, \\u{ord(half):04x}: something cut the text inside one") from error
    return Document(lines.number if name is None else name, text)


def _field_option(wanted: str, there: Iterable[str]) -> str:
    close = get_close_matches(wanted, there, n=1)
    return f"--text-field {close[0] if close else '<the one that holds the text>'}"


def read_csv(lines: Lines, text_field: str) -> Iterator[Document | None]:
    """A document a row under a header, the cells between commas; None for a blank row."""
    yield from _read_rows(lines, text_field, ",", "CSV", "commas")


def read_tsv(lines: Lines, text_field: str) -> Iterator[Document | None]:
    """The same, the cells between tabs."""
    yield from _read_rows(lines, text_field, "\t", "TSV", "tabs")


def _read_rows(lines: Lines, text_field: str, delimiter: str, kind: str, signs: str) -> Iterator[Document | None]:
    csv.field_size_limit(2**31 - 1)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    header = _row(rows, lines, 1, kind)
    if header is None:
        return
    if text_field not in header:
        found = ", ".join(map(repr, header))
        raise lines.wrong(
            f"no column {text_field!r}; the header has {found}", _field_option(text_field, header), line=1
        )
    start = lines.number + 1
    while (row := _row(rows, lines, start, kind)) is not None:
        if row and len(row) != len(header):
            fields = counted(len(row), "field")
            remedy = f"put a text with {signs} or line ends between double quotes"
            raise lines.wrong(f"the row has {fields}, the header {len(header)}", remedy, line=start)
        cells = dict(zip(header, row, strict=True)) if row else {}
        yield Document(cells.get("id") or start, cells[text_field]) if row else None
        start = lines.number + 1


def _row(rows: Iterator[list[str]], lines: Lines, start: int, kind: str) -> list[str] | None:
    try:
        return next(rows, None)
    except csv.Error as error:
        raise lines.wrong(
            f"broken {kind}: {error}", "a text's own double quotes are written twice", line=start
        ) from error


_READERS: dict[str, Callable[[Lines, str], Iterator[Document | None]]] = {
    "lines": read_lines,
    "jsonl": read_jsonl,
    "csv": read_csv,
    "tsv": read_tsv,
}
