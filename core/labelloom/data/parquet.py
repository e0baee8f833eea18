"""Parquet: rows of typed cells in columns, read a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labelloom.data.fields import used
from labelloom.data.records import Record
from labelloom.data.tables import Row, table_records, wrong_header
from labelloom.errors import Problem
from labelloom.spec.data import DataSettings

_ROWS = 1000


def read_parquet(path: Path, settings: DataSettings) -> Iterator[Record | Problem]:
    """The records of a Parquet file; rows count from 1. An empty cell is an empty text, no label or no id."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            wrong = wrong_header(names, settings, str(path), "")
            if wrong:
                yield wrong
                return
            wanted = used(names, settings)
            yield from table_records(_batches(file, wanted, path), wanted, settings, str(path))
    except (pa.ArrowException, OSError) as error:
        yield Problem(str(path), f"cannot be read as Parquet: {error}", ("copy or download it again",))


def parquet_columns(path: Path, settings: DataSettings) -> list[str]:
    """The columns of a Parquet file; empty where it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except (pa.ArrowException, OSError):
        return []  # reading says what is wrong


def _batches(file: Any, columns: list[str], path: Path) -> Iterator[Row | Problem]:
    number = 1
    for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
        try:
            cells = [batch.column(name).to_pylist() for name in columns]
        except UnicodeDecodeError:
            yield from (_row(batch, columns, row, number + row, path) for row in range(batch.num_rows))
        else:
            yield from enumerate(map(list, zip(*cells, strict=True)), start=number)
        number += batch.num_rows


def _row(batch: Any, columns: list[str], row: int, number: int, path: Path) -> Row | Problem:
    """One row of a batch in which a string is not UTF-8, or the `Problem` with the string."""
    cells = []
    for name in columns:
        try:
            cells.append(batch.column(name)[row].as_py())
        except UnicodeDecodeError as error:
            byte = f"byte 0x{error.object[error.start]:02x} at position {error.start} of the cell"
            message = f"the column {name!r} is not UTF-8: {byte}"
            return Problem(f"{path}:{number}", message, ("write the column again as UTF-8",))
    return number, cells
