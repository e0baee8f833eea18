"""What a reader made of texts: computed once, kept in an arrow file, mapped into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from labelloom.data.cache import digest_of, written_beside
from labelloom.data.corpus import Split
from labelloom.errors import BundleError

Value = int | float | np.ndarray | list[np.ndarray]

_BATCH = 1000
_LISTS = (pa.int64(), pa.list_(pa.int32()), pa.list_(pa.list_(pa.int32())))
"""What integers are stored as, by how deep they lie in lists."""
_EXPECTED = "expected one integer or float a text, a list of integers below 2**31, or a list of such lists"


class Tokenizes(Protocol):
    """What is asked of a reader here. `key` names all that `tokenize` depends on."""

    @property
    def key(self) -> str: ...

    def tokenize(self, texts: list[str]) -> Mapping[str, Sequence[Any]]: ...


class Columns:
    """The columns of N documents: numbers, lists of integers, or lists of lists of integers; `length` is one of them.

    Lists are given as views of the mapped file, int32, not writable; integers below 2**31.
    """

    def __init__(self, table: pa.Table) -> None:
        self._rows = table.num_rows
        batches = table.to_batches()
        self._starts = np.cumsum([0, *(batch.num_rows for batch in batches)])[:-1]
        self._lists: dict[str, list[tuple[np.ndarray, ...]]] = {}
        self._numbers: dict[str, np.ndarray] = {}
        for name in table.column_names:
            if pa.types.is_list(table.schema.field(name).type):
                self._lists[name] = [_buffers(batch.column(name)) for batch in batches]
            else:
                self._numbers[name] = table.column(name).to_numpy()

    @classmethod
    def from_texts(cls, texts: Sequence[str], reader: Tokenizes) -> Columns:
        """The columns of texts that belong to no split, in memory. Raises BundleError as `tokenised` does."""
        parts = [list(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return cls(pa.Table.from_batches(_record_batches(parts or [[]], reader)))

    def __len__(self) -> int:
        return self._rows

    @property
    def names(self) -> list[str]:
        return [*self._numbers, *self._lists]

    @property
    def lengths(self) -> np.ndarray:
        """(N,) int64: the column `length`."""
        return self._numbers["length"]

    def rows(self, indices: np.ndarray | Sequence[int]) -> list[dict[str, Value]]:
        """The documents at `indices`, in that order, each by column. Raises IndexError outside [0, N)."""
        wanted = np.asarray(indices, dtype=np.int64)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= self._rows):
            raise IndexError(f"rows {wanted.min()} to {wanted.max()} of {self._rows}")
        parts = np.searchsorted(self._starts, wanted, side="right") - 1
        places = list(zip(parts.tolist(), (wanted - self._starts[parts]).tolist(), strict=True))
        columns: dict[str, list[Value]] = {name: values[wanted].tolist() for name, values in self._numbers.items()}
        for name, stored in self._lists.items():
            columns[name] = [_list_at(*stored[part], row=row) for part, row in places]
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def tokenised(split: Split, reader: Tokenizes, cache: Path) -> Columns:
    """The columns that `reader` makes of the texts of `split`, from the folder `cache` if they are there.

    The file is an arrow stream, as `datasets.Dataset.from_file` reads it. Raises BundleError when the reader's columns
    differ in length, hold something else, or lack `length`.
    """
    path = cache / "tokenised" / f"{digest_of(split.digest, reader.key)}.arrow"
    if not path.exists():
        with written_beside(path) as beside:
            _write(_record_batches(split.texts.batches(_BATCH), reader), beside)
    return Columns(pa.ipc.open_stream(pa.memory_map(str(path))).read_all())


def _write(batches: Iterator[pa.RecordBatch], path: Path) -> None:
    first = next(batches)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, first.schema) as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)


def _record_batches(parts: Iterable[list[str]], reader: Tokenizes) -> Iterator[pa.RecordBatch]:
    """One batch for each list of texts. Batches wait while a column has shown nothing but empty lists."""
    types: dict[str, pa.DataType | None] = {}
    waiting: list[dict[str, pa.Array]] = []
    for texts in parts:
        columns = _arrays(texts, reader)
        if types and types.keys() != columns.keys():
            raise BundleError(
                f"the reader gives the columns {', '.join(columns)} after it gave {', '.join(types)}", where=reader.key
            )
        found = {name: _type_of(name, array, reader) for name, array in columns.items()}
        types = {name: types.get(name) or kind for name, kind in found.items()}
        waiting.append(columns)
        if None not in types.values():
            yield from (_record_batch(each, types, reader) for each in waiting)
            waiting = []
    for name in (name for name, kind in types.items() if kind is None):
        types[name] = _LISTS[max(_depth(columns[name].type) for columns in waiting)]
    yield from (_record_batch(each, types, reader) for each in waiting)


def _arrays(texts: list[str], reader: Tokenizes) -> dict[str, pa.Array]:
    columns = {name: list(values) for name, values in reader.tokenize(texts).items()}
    if "length" not in columns:
        raise BundleError(f"the reader gives no column 'length'; it gives {', '.join(columns)}", where=reader.key)
    arrays = {}
    for name, values in columns.items():
        if len(values) != len(texts):
            message = f"the reader's column {name!r} has {len(values)} rows for {len(texts)} texts"
            raise BundleError(message, where=reader.key)
        try:
            arrays[name] = pa.array(values)
        except pa.ArrowException as error:
            raise BundleError(
                f"the reader's column {name!r} mixes kinds: {error}; {_EXPECTED}", where=reader.key
            ) from error
        if _has_nulls(arrays[name]):
            raise BundleError(f"the reader's column {name!r} holds None; {_EXPECTED}", where=reader.key)
    return arrays


def _type_of(name: str, array: pa.Array, reader: Tokenizes) -> pa.DataType | None:
    """The type to store a column as, or None where only empty lists tell."""
    depth, leaf = _depth(array.type), array.type
    for _ in range(depth):
        leaf = leaf.value_type
    if pa.types.is_null(leaf):
        return None
    if pa.types.is_floating(leaf) and depth == 0 and name != "length":
        return pa.float64()
    if pa.types.is_integer(leaf) and depth < (1 if name == "length" else len(_LISTS)):
        return _LISTS[depth]
    raise BundleError(f"the reader's column {name!r} holds {array.type}; {_EXPECTED}", where=reader.key)


def _record_batch(
    columns: Mapping[str, pa.Array], types: Mapping[str, pa.DataType | None], reader: Tokenizes
) -> pa.RecordBatch:
    arrays = {}
    for name, array in columns.items():
        try:
            arrays[name] = array.cast(types[name])
        except pa.ArrowException as error:
            message = f"the reader's column {name!r} cannot be stored as {types[name]}: {error}; {_EXPECTED}"
            raise BundleError(message, where=reader.key) from error
    return pa.RecordBatch.from_pydict(arrays)


def _depth(kind: pa.DataType) -> int:
    return 1 + _depth(kind.value_type) if pa.types.is_list(kind) else 0


def _has_nulls(array: pa.Array) -> bool:
    return bool(array.null_count) or (pa.types.is_list(array.type) and _has_nulls(array.values))


def _buffers(array: pa.ListArray) -> tuple[np.ndarray, ...]:
    """The offsets of each level of lists, outermost first, then the integers; views, nothing is copied."""
    inner = array.values
    below = _buffers(inner) if pa.types.is_list(inner.type) else (inner.to_numpy(),)
    return (array.offsets.to_numpy(), *below)


def _list_at(outer: np.ndarray, *below: np.ndarray, row: int) -> np.ndarray | list[np.ndarray]:
    if len(below) == 1:
        return below[0][outer[row] : outer[row + 1]]
    inner, values = below
    return [values[inner[place] : inner[place + 1]] for place in range(outer[row], outer[row + 1])]
