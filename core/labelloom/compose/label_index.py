"""The vectors of all labels in clusters, so that the nearest of a document are found without a look at all of them."""

from __future__ import annotations

from importlib import import_module
from math import ceil, isqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labelloom.errors import RunError
from labelloom.interfaces import LabelTable

_LABELS = 1 << 16
"""Labels whose vectors are put in at once."""
_EXAMPLES = 64
"""Labels that a cluster is made from, where there are so many: more add time and little else."""
_SHARE = 8
"""One cluster in so many is looked into."""
_ROOM = 4
"""As many times the labels asked for at least lie in the clusters that are looked into, on average."""


class LabelIndex:
    """An inverted file of faiss: sqrt(L) clusters of the vectors in `table`, which it holds a copy of.

    Raises RunError where a vector is not finite, of which no cluster can be made.
    """

    def __init__(self, table: LabelTable, label_count: int, device: torch.device) -> None:
        def vectors(ids: Tensor) -> np.ndarray:
            found = table(ids.to(device)).float().cpu().numpy()
            if not np.isfinite(found).all():
                raise RunError(
                    "the model has vectors of labels that are not finite",
                    suggestions=["train it anew with a lower training.learning_rate"],
                )
            return np.ascontiguousarray(found)

        self._label_count = label_count
        self._clusters = isqrt(label_count)
        library = faiss()
        library.omp_set_num_threads(torch.get_num_threads())
        every = torch.arange(label_count)
        examples = vectors(every[:: max(1, label_count // (_EXAMPLES * self._clusters))])
        layout = f"IVF{self._clusters},Flat"
        self._index = library.index_factory(examples.shape[1], layout, library.METRIC_INNER_PRODUCT)
        self._index.cp.min_points_per_centroid = 1  # few labels make small clusters, and no warning is due
        self._index.train(examples)
        for ids in every.split(_LABELS):
            self._index.add(vectors(ids))

    def nearest(self, views: Tensor, count: int) -> Tensor:
        """(B, count) int64: labels with high products with any of `views` (B, A, D), best first.

        Where the clusters that were looked into have fewer than `count`, the lowest other labels make it full.
        """
        batch, aspects, _ = views.shape
        self._index.nprobe = min(
            self._clusters,
            max(ceil(self._clusters / _SHARE), ceil(_ROOM * count * self._clusters / self._label_count)),
        )
        queries = np.ascontiguousarray(views.flatten(0, 1).float().cpu().numpy())
        scores, labels = self._index.search(queries, count)
        found = _best_once(scores.reshape(batch, aspects * count), labels.reshape(batch, aspects * count), count)
        return torch.from_numpy(_filled(found)).to(views.device)


def _best_once(scores: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """(B, count) int64: the labels of the highest of `scores` (B, N), each once; -1, which is no label, at the end.

    A label may stand in several places of `labels` (B, N); its highest score counts.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    labels = np.take_along_axis(labels, order, axis=1)
    by_label = np.argsort(labels, axis=1, kind="stable")
    sorted_labels = np.take_along_axis(labels, by_label, axis=1)
    again = np.zeros(labels.shape, dtype=bool)
    again[:, 1:] = sorted_labels[:, 1:] == sorted_labels[:, :-1]
    left_out = np.zeros(labels.shape, dtype=bool)
    np.put_along_axis(left_out, by_label, again | (sorted_labels < 0), axis=1)
    kept = np.argsort(left_out, axis=1, kind="stable")[:, :count]
    chosen = np.take_along_axis(labels, kept, axis=1)
    return np.where(np.take_along_axis(left_out, kept, axis=1), -1, chosen)


def _filled(labels: np.ndarray) -> np.ndarray:
    """`labels` (B, count) with the lowest that are not there in place of -1, ascending."""
    for row in np.flatnonzero((labels < 0).any(axis=1)):
        missing = labels[row] < 0
        others = np.setdiff1d(np.arange(labels.shape[1]), labels[row])
        labels[row, missing] = others[: missing.sum()]
    return labels


def faiss() -> Any:
    """The library, imported when it is used: it is an extra. Raises RunError, with the install that brings it."""
    try:
        return import_module("faiss")
    except ModuleNotFoundError as error:
        raise RunError(
            "a shortlist by faiss needs the package faiss-cpu, which is not installed",
            suggestions=['pip install "labelloom[faiss]"', "the index torch, which needs nothing more"],
        ) from error
