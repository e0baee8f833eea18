"""Strings of many documents in arrow files that are mapped into memory, not read into it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

_TABLE_SCHEMA = pa.schema([("id", pa.large_string()), ("text", pa.large_string())])


class Texts:
    """N strings: the texts of a split, or its ids.

    `rows` chooses and orders the rows of `column`; without it, all of them as they are.
    """

    def __init__(self, column: pa.ChunkedArray, rows: np.ndarray | None = None) -> None:
        self._column = column
        self._rows = rows

    @classmethod
    def from_list(cls, texts: Sequence[str]) -> Texts:
        """Strings in memory."""
        return cls(pa.chunked_array([pa.array(texts, pa.large_string())]))

    def __len__(self) -> int:
        return len(self._column) if self._rows is None else len(self._rows)

    def __getitem__(self, row: int) -> str:
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        row %= len(self)
        return str(self._column[int(row) if self._rows is None else int(self._rows[row])].as_py())

    def __iter__(self) -> Iterator[str]:
        for batch in self.batches(1000):
            yield from batch

    def batches(self, size: int) -> Iterator[list[str]]:
        """All strings in order, `size` at a time."""
        for start in range(0, len(self), size):
            if self._rows is None:
                yield self._column.slice(start, size).to_pylist()
            else:
                yield self.take(np.arange(start, min(start + size, len(self))))

    def take(self, rows: np.ndarray | Sequence[int]) -> list[str]:
        """The strings of `rows`, in that order."""
        wanted = np.asarray(rows, dtype=np.int64)
        if self._rows is not None:
            wanted = self._rows[wanted]
        # One scalar after the other: ChunkedArray.take joins all chunks in memory first.
        return [self._column[row].as_py() for row in wanted.tolist()]

    def select(self, rows: np.ndarray) -> Texts:
        """The strings of `rows` as `Texts`, without copying any."""
        rows = np.asarray(rows, dtype=np.int64)
        return Texts(self._column, rows if self._rows is None else self._rows[rows])


class TextWriter:
    """Writes ids and texts of documents to an arrow file as they come. A context manager."""

    _BATCH = 1000
    _CHARACTERS = 8_000_000

    def __init__(self, path: Path) -> None:
        self._writer = pa.ipc.new_file(str(path), _TABLE_SCHEMA)
        self._ids: list[str] = []
        self._texts: list[str] = []
        self._characters = 0

    def __enter__(self) -> TextWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()

    def add(self, document_id: str, text: str) -> None:
        """One document."""
        self._ids.append(document_id)
        self._texts.append(text)
        self._characters += len(text)
        if len(self._ids) >= self._BATCH or self._characters >= self._CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        if self._ids:
            columns = [pa.array(self._ids, pa.large_string()), pa.array(self._texts, pa.large_string())]
            self._writer.write_batch(pa.record_batch(columns, schema=_TABLE_SCHEMA))
            self._ids, self._texts, self._characters = [], [], 0


def read_texts(path: Path) -> tuple[Texts, Texts]:
    """The ids and the texts in a file that `TextWriter` wrote, mapped into memory."""
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    return Texts(table["id"]), Texts(table["text"])
