"""What a run says about each document of a split, kept as one Parquet file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labelloom.data.label_sets import LabelSets
from labelloom.errors import RunError
from labelloom.evaluation.ranking import Ranking

_METADATA = b"labelloom"
_DOCUMENTS_AT_ONCE = 1 << 15
_CODES = pa.list_(pa.string())
_COLUMNS = [
    ("id", pa.string()),
    ("labels", _CODES),
    ("predicted", _CODES),
    ("top", _CODES),
    ("scores", pa.list_(pa.float32())),
]


@dataclass(frozen=True)
class Predictions:
    """The ids of N documents, their truth if it is known, the answers and the ranking behind them.

    `label_codes` (L,) are the labels' codes in the order of their ids. Raises ValueError if these do not fit together.
    """

    ids: list[str]
    truth: LabelSets | None
    predicted: LabelSets
    ranking: Ranking
    label_codes: tuple[str, ...]

    def __post_init__(self) -> None:
        for name, part in (("truth", self.truth), ("predicted", self.predicted), ("ranking", self.ranking)):
            if part is not None and (len(part), part.label_count) != (len(self.ids), len(self.label_codes)):
                raise ValueError(
                    f"{name} is about {len(part)} documents and {part.label_count} labels; "
                    f"there are {len(self.ids)} ids and {len(self.label_codes)} label codes"
                )
        if len(set(self.label_codes)) != len(self.label_codes):
            raise ValueError("label codes must differ from each other")

    def save(self, path: Path) -> None:
        """As Parquet at `path`: columns `id`, `labels` (the truth; null if unknown), `predicted`, `top`, `scores`.

        Labels are written as codes; the list of all codes is in the file's metadata, so that it can be read alone.
        Written to a `.partial` beside `path` and renamed, so `path` is never half a file.
        """
        facts = {"label_codes": self.label_codes, "depth": self.ranking.depth, "truth": self.truth is not None}
        schema = pa.schema(_COLUMNS, metadata={_METADATA: json.dumps(facts)})
        partial = path.with_suffix(".partial")
        with pq.ParquetWriter(partial, schema) as writer:
            for columns in self._blocks():
                writer.write_batch(pa.record_batch(columns, schema=schema))
        os.replace(partial, path)

    def _blocks(self) -> Iterator[list[pa.Array]]:
        codes = pa.array(self.label_codes, pa.string())
        for start in range(0, len(self.ids), _DOCUMENTS_AT_ONCE):
            end = min(start + _DOCUMENTS_AT_ONCE, len(self.ids))
            places = np.arange(end - start + 1, dtype=np.int32) * self.ranking.depth
            yield [
                pa.array(self.ids[start:end], pa.string()),
                _sets_as_codes(self.truth, start, end, codes)
                if self.truth is not None
                else pa.nulls(end - start, _CODES),
                _sets_as_codes(self.predicted, start, end, codes),
                pa.ListArray.from_arrays(places, codes.take(pa.array(self.ranking.labels[start:end].reshape(-1)))),
                pa.ListArray.from_arrays(places, pa.array(self.ranking.scores[start:end].reshape(-1))),
            ]

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """What `save` wrote, equal to the last bit. Raises RunError for a file that is missing or something else."""
        try:
            with pq.ParquetFile(path) as file:
                facts = json.loads((file.schema_arrow.metadata or {})[_METADATA])
                # One column at a time, so that only one of them is in memory as strings.
                codes = pa.array(facts["label_codes"], pa.string())
                top = _ids_of(_column(file, "top"), codes).values.reshape(-1, facts["depth"])
                scores = pc.list_flatten(_column(file, "scores")).to_numpy().reshape(top.shape)
                return cls(
                    _column(file, "id").to_pylist(),
                    _ids_of(_column(file, "labels"), codes) if facts["truth"] else None,
                    _ids_of(_column(file, "predicted"), codes),
                    Ranking(top, scores, len(codes)),
                    tuple(facts["label_codes"]),
                )
        except FileNotFoundError as error:
            raise RunError("there is no such file of predictions", where=str(path)) from error
        except (pa.ArrowInvalid, KeyError, ValueError) as error:
            raise RunError(
                f"this is no file of predictions that labelloom wrote: {error}",
                where=str(path),
                suggestions=("write it again with labelloom evaluate",),
            ) from error


def _sets_as_codes(sets: LabelSets, start: int, end: int, codes: pa.Array) -> pa.ListArray:
    offsets = sets.offsets[start : end + 1]
    values = sets.values[offsets[0] : offsets[-1]]
    return pa.ListArray.from_arrays((offsets - offsets[0]).astype(np.int32), codes.take(pa.array(values)))


def _column(file: pq.ParquetFile, name: str) -> pa.ChunkedArray:
    return file.read(columns=[name]).column(name)


def _ids_of(column: pa.ChunkedArray, codes: pa.Array) -> LabelSets:
    """The lists of codes as lists of label ids, in the order that the file has them."""
    counts = pc.list_value_length(column).to_numpy()
    ids = pc.index_in(pc.list_flatten(column), value_set=codes)
    if ids.null_count:
        raise ValueError("it names labels that are not among its label codes")
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    return LabelSets(offsets, ids.to_numpy().astype(np.int64), len(codes))
