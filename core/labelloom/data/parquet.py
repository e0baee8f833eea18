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
            yield from table_records(_batches(file, wanted), wanted, settings, str(path))
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


def _batches(file: Any, columns: list[str]) -> Iterator[Row]:
    number = 1
    for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
        cells = [batch.column(name).to_pylist() for name in columns]
        for row in zip(*cells, strict=True):
            yield number, list(row)
            number += 1
