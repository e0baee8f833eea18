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
from labelloom.wording import counted

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
                    f"{name} is about {counted(len(part), 'document')} and {counted(part.label_count, 'label')}; "
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
                codes = pa.array(facts["label_codes"], pa.string())
                top = _read_sets(file, "top", codes).values.reshape(-1, facts["depth"])
                scores = pc.list_flatten(file.read(columns=["scores"]).column(0)).to_numpy().reshape(top.shape)
                return cls(
                    file.read(columns=["id"]).column(0).to_pylist(),
                    _read_sets(file, "labels", codes) if facts["truth"] else None,
                    _read_sets(file, "predicted", codes),
                    Ranking(top, scores, len(codes)),
                    tuple(facts["label_codes"]),
                )
        except FileNotFoundError as error:
            raise RunError("there is no such file of predictions", where=str(path)) from error
        except (KeyError, ValueError) as error:  # pyarrow's own "invalid" is a ValueError
            raise RunError(
                f"this is no file of predictions that labelloom wrote: {error}",
                where=str(path),
                suggestions=("write it again with labelloom evaluate",),
            ) from error


def _sets_as_codes(sets: LabelSets, start: int, end: int, codes: pa.Array) -> pa.ListArray:
    offsets = sets.offsets[start : end + 1]
    values = sets.values[offsets[0] : offsets[-1]]
    return pa.ListArray.from_arrays((offsets - offsets[0]).astype(np.int32), codes.take(pa.array(values)))


def _read_sets(file: pq.ParquetFile, name: str, codes: pa.Array) -> LabelSets:
    """A column of lists of codes as lists of label ids, in the order that the file has them.

    In batches, so that few codes are in memory as strings at a time.
    """
    counts, ids = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for batch in file.iter_batches(_DOCUMENTS_AT_ONCE, columns=[name]):
        found = pc.index_in(pc.list_flatten(batch.column(0)), value_set=codes)
        if found.null_count:
            raise ValueError(f'its column "{name}" holds labels that are not among its label codes')
        counts.append(pc.list_value_length(batch.column(0)).to_numpy())
        ids.append(found.to_numpy())
    offsets = np.concatenate([[0], *counts]).cumsum()
    return LabelSets(offsets, np.concatenate(ids), len(codes))
