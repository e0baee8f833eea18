"""Which documents are nearest to one by the vector of a label, and which labels they carry.

After Liu, Yuan and Wang 2020, section 3.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from labelloom.data.label_sets import LabelSets


@dataclass(frozen=True)
class Neighbour:
    """Another document: its id, the cosine of the two vectors, and the codes of its labels."""

    document: str
    similarity: float
    labels: tuple[str, ...]


@dataclass(frozen=True)
class LabelNeighbours:
    """What is near by the vector of one label, which the document may carry or not.

    `shares` maps the code of each label that a neighbour carries to the share of the neighbours that do, the largest
    first; `nearest` are the neighbours, the nearest first. Both are empty where the document's vector is zero, as that
    of a document without text may be: nothing is near it.
    """

    label: str
    name: str
    carried: bool
    shares: Mapping[str, float]
    nearest: tuple[Neighbour, ...]


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of `document`, which stands in `split` and carries `labels`, in the split `among`, by label.

    `compared` are the documents of `among` but itself, and `in_all` maps the code of each label that any of them
    carries to the share of them that do, the largest first: what the shares of the nearest are to be held against.
    """

    document: str
    split: str
    labels: tuple[str, ...]
    among: str
    compared: int
    in_all: Mapping[str, float]
    by_label: tuple[LabelNeighbours, ...]


def cosines(vectors: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(N, C) float64 in [-1, 1]: the cosine of each of `vectors` (N, C, K) with that of its label in `target` (C, K).

    A vector of zeros points nowhere: its cosine with any other is 0.
    """
    vectors, target = vectors.astype(np.float64), target.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=-1) * np.linalg.norm(target, axis=-1)  # (N, C)
    products = np.einsum("nck,ck->nc", vectors, target)
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0).clip(-1, 1)


def nearest(similarities: np.ndarray, count: int, left_out: int | None = None) -> np.ndarray:
    """The `count` rows of the highest of `similarities` (N,), the highest first, equal ones in the order of rows.

    Fewer where there are no more. The row `left_out` is none of them.
    """
    rows = np.argsort(-similarities, kind="stable")
    return (rows if left_out is None else rows[rows != left_out])[:count]


def label_shares(label_sets: LabelSets, rows: np.ndarray) -> dict[int, float]:
    """The share of `rows` that carry each label that any of them carries, by label id.

    The largest share comes first, equal ones in the order of ids.
    """
    counts = np.bincount(label_sets.take(rows).values, minlength=label_sets.label_count)
    order = np.argsort(-counts, kind="stable")
    return {int(label): counts[label].item() / len(rows) for label in order[: np.count_nonzero(counts)]}
