"""Corpora of any size: labels by a power law, words that follow from the labels, rankings that are mostly right.

Everything follows from the seed and the number of documents. Nothing here depends on the labels' number squared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.ranking import Ranking

_CHUNK = 10_000
_EXPONENT = 0.8
"""The k-th label occurs about k to the power of minus this as often as the first: with 100,000 labels and 5 a document
the first is in a tenth of the documents, and half of the labels in fewer than 30 of a million."""
_VOCABULARY = 50_000


def write_corpus(
    path: Path, documents: int, labels: int, *, cardinality: int = 5, words: int = 60, seed: int = 0
) -> None:
    """Write JSON lines of documents with about `cardinality` labels and `words` words each."""
    vocabulary = np.array([f"w{word}" for word in range(_VOCABULARY)], dtype=object)
    shares = _shares(labels)
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, documents, _CHUNK):
            rng = np.random.default_rng([seed, start])
            count = min(_CHUNK, documents - start)
            drawn = _drawn(rng, shares, (count, cardinality))
            noise = rng.integers(_VOCABULARY, size=(count, words - cardinality))
            texts = vocabulary[np.concatenate([drawn % _VOCABULARY, noise], axis=1)]
            for row, (chosen, text) in enumerate(zip(drawn.tolist(), texts.tolist(), strict=True), start):
                codes = [f"L{label:06}" for label in dict.fromkeys(chosen)]
                file.write(json.dumps({"id": f"d{row}", "text": " ".join(text), "labels": codes}) + "\n")


def ranking_of(truth: LabelSets, depth: int, *, seed: int = 0) -> Ranking:
    """The best `depth` labels of each document: its own at random places in the first ten, others elsewhere."""
    places = min(10, depth)
    labels = np.empty((len(truth), depth), dtype=np.int64)
    scores = np.empty((len(truth), depth), dtype=np.float32)
    for start, stop in _chunks(len(truth)):
        rng = np.random.default_rng([seed, start])
        part = labels[start:stop]
        first = rng.integers(truth.label_count, size=(len(part), 1))
        part[:] = (first + np.arange(depth)) % truth.label_count  # no label twice in a row
        own = truth.take(np.arange(start, stop))
        rows, values = own.rows, own.values
        column = (rng.integers(places, size=len(part))[rows] + np.arange(len(values)) - own.offsets[rows]) % places
        there = (part[rows] == values[:, None]).any(axis=1)
        part[rows[~there], column[~there]] = values[~there]
        scores[start:stop] = -np.sort(-rng.random((len(part), depth), dtype=np.float32), axis=1)
    return Ranking(labels, scores, truth.label_count)


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, _CHUNK):
        yield start, min(start + _CHUNK, count)


def _shares(labels: int) -> np.ndarray:
    """(labels,) cumulative shares of the occurrences."""
    weights = np.arange(1, labels + 1, dtype=np.float64) ** -_EXPONENT
    return np.cumsum(weights / weights.sum())


def _drawn(rng: np.random.Generator, shares: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.minimum(np.searchsorted(shares, rng.random(shape)), len(shares) - 1)
