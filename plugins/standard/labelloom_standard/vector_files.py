"""Files of word vectors: word2vec as text or binary, GloVe as text, each also compressed with gzip.

They are read as streams, and of the numbers only those of wanted words: a file of millions of words takes no memory.
"""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from labelloom.errors import DataError, SpecError

_HEADER = re.compile(rb"(\d+)[ \t]+(\d+)\s*")
_WIDEST = 100_000
_CHUNK = 1 << 20


class VectorFile:
    """A file of word vectors.

    `width` is how many numbers a vector has. Raises SpecError when there is no such file and DataError, with the line
    or the word, when it is broken.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            near = [f"{name}, in the same folder" for name in _close_files(path)]
            raise SpecError("there is no such file of word vectors", where=f'vectors = "{path}"', suggestions=near)
        self.path = path
        self.binary = path.name.lower().removesuffix(".gz").endswith(".bin")
        with self._open() as stream:
            # A binary file may have no line at all.
            line = stream.readline(_CHUNK).removeprefix(codecs.BOM_UTF8)
        header = _HEADER.fullmatch(line)
        if self.binary and not header:
            raise DataError(
                "a binary file of word vectors begins with how many words it has and how wide they are",
                where=f"{path}:1",
                suggestions=["a name that does not end in .bin, if it is text"],
            )
        self.count = int(header[1]) if header else None
        self.width = int(header[2]) if header else len(line.split()) - 1
        if not 0 < self.width <= _WIDEST:
            raise DataError(
                "expected a word and its numbers, or how many words there are and how wide",
                where=f"{path}:1",
                suggestions=["a name that ends in .bin, if it is word2vec's binary form"],
            )

    @property
    def fingerprint(self) -> str:
        """Changes when the file does."""
        about = self.path.stat()
        return f"{self.path.resolve()} {about.st_size} {about.st_mtime_ns}"

    def find(self, words: Sequence[str]) -> np.ndarray:
        """(N,) bool: which of `words` have a vector."""
        wanted = _Wanted(words)
        found = np.zeros(len(words), dtype=bool)
        for word, _, _ in self._entries():
            for place, _ in wanted.places(word):
                found[place] = True
        return found

    def read(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(N, width) float32 vectors of `words`, zeros where there is none, and (N,) bool: where there is one.

        A word's own entry counts, or else the first that equals it when case is ignored; of several the first.
        """
        wanted = _Wanted(words)
        vectors = np.zeros((len(words), self.width), dtype=np.float32)
        rank = np.full(len(words), 2)  # 0 for the word's own entry, 1 for one in another case, 2 for none
        for word, numbers, place_in_file in self._entries():
            places = [(place, own) for place, own in wanted.places(word) if own < rank[place]]
            if places:
                vector = self._vector(numbers, place_in_file)
                for place, own in places:
                    vectors[place], rank[place] = vector, own
        return vectors, rank < 2

    def _entries(self) -> Iterator[tuple[bytes, bytes, int]]:
        """Each word with its numbers as they stand in the file, and its line, or in a binary file its number."""
        with self._open() as stream:
            if self.count is not None:
                stream.readline()
            yield from self._binary_entries(stream) if self.binary else self._text_entries(stream)

    def _text_entries(self, stream: BinaryIO) -> Iterator[tuple[bytes, bytes, int]]:
        told = longer = 0
        for number, line in enumerate(stream, start=1 if self.count is None else 2):
            line = line.removeprefix(codecs.BOM_UTF8).rstrip() if number == 1 else line.rstrip()
            if line.count(b" ") == self.width and b"  " not in line:
                word, _, numbers = line.partition(b" ")
            else:
                word, *fields = line.split() or [b""]
                if not word:
                    continue
                if len(fields) < self.width:
                    raise DataError(
                        f"expected a word and {self.width} numbers, found {len(fields)} numbers: the file is damaged, "
                        "or cut off",
                        where=f"{self.path}:{number}",
                        suggestions=["get the file again", "a name that ends in .bin, if it is word2vec's binary form"],
                    )
                if len(fields) > self.width:
                    # An entry of several words, as GloVe's largest files have; no splitter makes one.
                    longer += 1
                    continue
                numbers = b" ".join(fields)
            told += 1
            yield word, numbers, number
        if self.count is not None and told + longer != self.count:
            raise self._cut(f"it has {told + longer:,} words and not the {self.count:,} that its first line tells")
        if longer and not told:
            raise DataError(
                f"no line is a word and {self.width} numbers, as the first line tells; all have more",
                where=str(self.path),
                suggestions=["get the file again"],
            )

    def _binary_entries(self, stream: BinaryIO) -> Iterator[tuple[bytes, bytes, int]]:
        size, buffer, at = 4 * self.width, b"", 0
        for number in range(1, cast(int, self.count) + 1):
            space = buffer.find(b" ", at)
            while space < 0 or len(buffer) < space + 1 + size:
                more = stream.read(max(_CHUNK, size))
                if not more:
                    raise self._cut(f"it ends within word {number:,} of the {self.count:,} that its first line tells")
                buffer, at = buffer[at:] + more, 0
                space = buffer.find(b" ")
            yield buffer[at:space].lstrip(b"\n"), buffer[space + 1 : space + 1 + size], number
            at = space + 1 + size
        if (buffer[at:] + stream.read(_CHUNK)).strip():
            raise DataError(
                f"it goes on after the {self.count:,} words of {self.width} numbers that its first line tells",
                where=str(self.path),
                suggestions=["get the file again"],
            )

    def _vector(self, numbers: bytes, place: int) -> np.ndarray:
        where = f"{self.path}, word {place:,}" if self.binary else f"{self.path}:{place}"
        try:
            vector = (
                np.frombuffer(numbers, dtype="<f4")
                if self.binary
                else np.array([float(number) for number in numbers.split(b" ")], dtype=np.float32)
            )
        except ValueError as error:
            raise DataError(f"not a number: {error}", where=where, suggestions=["get the file again"]) from error
        if not np.isfinite(vector).all():
            raise DataError("a vector has a number that is not finite", where=where, suggestions=["get the file again"])
        return vector

    def _cut(self, what: str) -> DataError:
        return DataError(f"the file is cut off: {what}", where=str(self.path), suggestions=["get the file again"])

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        try:
            with gzip.open(self.path) if self.path.name.lower().endswith(".gz") else self.path.open("rb") as stream:
                yield cast(BinaryIO, stream)
        except EOFError as error:
            raise self._cut("its compressed data ends too early") from error
        except (OSError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"cannot be read: {reason}", where=str(self.path)) from error


class _Wanted:
    """Where words of a file go: to the places of the words that equal them, or equal them when case is ignored."""

    def __init__(self, words: Sequence[str]) -> None:
        self._own = {word.encode(): place for place, word in enumerate(words)}
        self._folded: dict[str, list[int]] = {}
        for place, word in enumerate(words):
            self._folded.setdefault(word.lower(), []).append(place)

    def places(self, word: bytes) -> Iterator[tuple[int, int]]:
        """The places that `word` may fill, each with 0 where it is the very word and 1 where the case differs."""
        own = self._own.get(word)
        for place in self._folded.get(word.decode(errors="replace").lower(), ()):
            yield place, int(place != own)


def _close_files(path: Path) -> list[str]:
    names = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    return get_close_matches(path.name, names, n=3, cutoff=0.5)
