"""The lines of text files, plain or gzipped: UTF-8, with or without a byte-order mark."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from labelloom.errors import DataError, Problem

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)
"""What reading a gzip file raises that is cut off or none."""


class Line(NamedTuple):
    """A line with its end; `number` counts from 1."""

    number: int
    text: str


def read_lines(path: Path) -> Iterator[Line | Problem]:
    """The lines of a file in their order; a `Problem` for each that is not UTF-8, and for a file that is broken.

    A line ends with \\n, as editors and `grep -n` count.
    """
    position = 0
    try:
        with opened(path) as stream:
            for number, raw in enumerate(stream, start=1):
                if number == 1 and raw.startswith(_UTF_16):
                    yield Problem(str(path), "is UTF-16; expected UTF-8", (convert(path, "UTF-16"),))
                    return
                if number == 1 and raw.startswith(codecs.BOM_UTF8):
                    raw, position = raw[len(codecs.BOM_UTF8) :], len(codecs.BOM_UTF8)
                try:
                    yield Line(number, raw.decode("utf-8"))
                except UnicodeDecodeError as error:
                    where = f"byte 0x{raw[error.start]:02x} at position {position + error.start} of the file"
                    yield Problem(f"{path}:{number}", f"not UTF-8: {where}", (convert(path),))
                position += len(raw)
    except DAMAGED as error:
        yield Problem(str(path), f"is not a whole gzip file: {error}", ("copy or download it again",))
    except OSError as error:
        yield Problem(str(path), f"cannot be read: {error.strerror or error}")


def all_lines(path: Path) -> list[str]:
    """All lines of a file with their ends. Raises DataError with everything that `read_lines` finds wrong."""
    lines = list(read_lines(path))
    problems = [line for line in lines if isinstance(line, Problem)]
    if problems:
        raise DataError.from_problems(problems)
    return [line.text for line in lines if isinstance(line, Line)]


def read_text(path: Path) -> str:
    """The whole text of a file. Raises DataError as `all_lines` does."""
    return "".join(all_lines(path))


def first_line(path: Path) -> str:
    """The first line without its end, "" where there is none or it cannot be read: to tell what a file is."""
    line = next(read_lines(path), None)
    return line.text.rstrip("\r\n") if isinstance(line, Line) else ""


def opened(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked if its name ends with .gz."""
    packed = unpacked_name(path) != path.name
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def unpacked_name(path: Path) -> str:
    """The name of a file without .gz, in small or capital letters."""
    return path.name[:-3] if path.name.lower().endswith(".gz") else path.name


def convert(path: Path, encoding: str = "<its encoding>") -> str:
    """What to do about a file that is not UTF-8."""
    name = unpacked_name(path)
    return f"convert it: iconv -f {encoding} -t UTF-8 {name} > new{Path(name).suffix}"
