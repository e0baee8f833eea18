"""CSV and TSV: rows of text below a header."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from labelloom.data.lines import convert, read_lines
from labelloom.data.records import Record
from labelloom.data.tables import Row, table_records, wrong_header
from labelloom.errors import Problem
from labelloom.spec.data import DataSettings
from labelloom.wording import counted

_LONGEST = 2**31 - 1
"""Characters of a cell; `csv` stops at 131,072 unless it is told otherwise, and some documents are longer."""


def read_csv(path: Path, settings: DataSettings) -> Iterator[Record | Problem]:
    """The records of a file with cells between commas, or what `data.delimiter` says, below a header."""
    yield from _delimited(path, settings, settings.delimiter or ",")


def read_tsv(path: Path, settings: DataSettings) -> Iterator[Record | Problem]:
    """The records of a file with cells between tabs, below a header."""
    yield from _delimited(path, settings, "\t")


def csv_columns(path: Path, settings: DataSettings) -> list[str]:
    """The header of a CSV file; empty where it cannot be read."""
    return _header(path, settings, settings.delimiter or ",")


def tsv_columns(path: Path, settings: DataSettings) -> list[str]:
    """The header of a TSV file; empty where it cannot be read."""
    return _header(path, settings, "\t")


def _header(path: Path, settings: DataSettings, delimiter: str) -> list[str]:
    first = next(_rows(path, delimiter, settings.quotes), None)
    return [] if first is None or isinstance(first, Problem) else first[1]


def _delimited(path: Path, settings: DataSettings, delimiter: str) -> Iterator[Record | Problem]:
    rows = _rows(path, delimiter, settings.quotes)
    first = next(rows, None)
    if first is None:
        return  # an empty file: an empty split, which reading refuses
    if isinstance(first, Problem):
        yield first
        return
    header = first[1]
    wrong = wrong_header(header, settings, f"{path}:{first[0]}", delimiter)
    if wrong:
        yield wrong
        return
    yield from table_records(_whole(rows, header, path), header, settings, str(path))


def _rows(path: Path, delimiter: str, quotes: bool) -> Iterator[Row | Problem]:
    """The rows of a file that hold anything; ends after the first problem, since what follows hangs on it."""
    csv.field_size_limit(_LONGEST)
    lines = _Lines(path)
    if quotes:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    start = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except _BrokenLine as broken:
            yield broken.problem
            return
        except csv.Error as error:
            yield _broken(error, f"{path}:{start}", delimiter)
            return
        if row:
            yield start, [cell.replace("\0", "\r") for cell in row] if lines.stood_in else row
        start = lines.number + 1


class _BrokenLine(Exception):
    """Ends the reading of rows at a line that is a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class _Lines:
    """The lines of a file for `csv.reader`; `number` is that of the last one.

    `csv` writes a \\r in a text as it is and then cannot read it. A NUL, which is refused elsewhere, stands for it if
    `stood_in`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = read_lines(path)
        self.number = 0
        self.stood_in = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if isinstance(line, Problem):
            raise _BrokenLine(line)
        self.number = line.number
        if "\0" in line.text:
            message = "holds a NUL byte, which no text has: the file is broken or UTF-16 without a mark"
            raise _BrokenLine(Problem(f"{self._path}:{self.number}", message, (convert(self._path, "UTF-16"),)))
        body = line.text.removesuffix("\n").removesuffix("\r")
        if "\r" in body and (line.number > 1 or line.text.endswith("\n")):
            self.stood_in = True
            return body.replace("\r", "\0") + line.text[len(body) :]
        return line.text


def _broken(error: csv.Error, where: str, delimiter: str) -> Problem:
    if "new-line character" in str(error):
        return Problem(where, "lines end with \\r alone; expected \\n or \\r\\n", ("tr '\\r' '\\n' < old > new",))
    remedies = ("a cell's own double quotes are written twice, and the cell stands between double quotes",)
    never = "quotes = false under [data] in the spec, if double quotes mean nothing in this file"
    kind = "TSV" if delimiter == "\t" else "CSV"
    return Problem(where, f"broken {kind}: {error}", (*remedies, never))


def _whole(rows: Iterator[Row | Problem], header: list[str], path: Path) -> Iterator[Row | Problem]:
    for row in rows:
        if isinstance(row, tuple) and len(row[1]) != len(header):
            cells = counted(len(row[1]), "cell")
            remedy = "put a cell with separators or line ends between double quotes"
            yield Problem(f"{path}:{row[0]}", f"the row has {cells}, the header {len(header)}", (remedy,))
        else:
            yield row
