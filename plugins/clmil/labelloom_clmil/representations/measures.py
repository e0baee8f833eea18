"""How vectors of documents lie: uniformity and alignment (Wang and Isola 2020), cosines, principal components."""

from __future__ import annotations

import numpy as np

_AT_ONCE = 2**22
"""Pairs of documents that are compared at once."""


def normalised(vectors: np.ndarray) -> np.ndarray:
    """(N, D) float64: `vectors` (N, D) by their lengths; those of length 0 stay."""
    vectors = vectors.astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1))


def uniformity(vectors: np.ndarray) -> float:
    """log of the mean of exp(-2 |x - y|^2) over pairs of different documents (Wang and Isola 2020 section 4.1.2).

    `vectors` (N, D), N at least 2, are of length 1. 0 where all are alike; lower is more uniform.
    """
    squares = (vectors**2).sum(1)
    size = max(1, _AT_ONCE // len(vectors))
    total = 0.0
    for start in range(0, len(vectors), size):
        some = vectors[start : start + size]
        # Not from cosines: a document without words may have a vector of zeros.
        distances = squares[start : start + size, None] + squares - 2 * (some @ vectors.T)
        near = np.exp(-2 * np.maximum(distances, 0))
        near[np.arange(len(some)), start + np.arange(len(some))] = 0  # itself
        total += float(near.sum())
    return float(np.log(total / (len(vectors) * (len(vectors) - 1))))


def mean_cosine(vectors: np.ndarray) -> float:
    """The mean of x . y over pairs of different documents; `vectors` (N, D), N at least 2, are of length 1."""
    # The sum over all pairs, a document with itself among them, is the square of the sum.
    together = float((vectors.sum(0) ** 2).sum() - (vectors**2).sum())
    return together / (len(vectors) * (len(vectors) - 1))


def alignment(ones: np.ndarray, others: np.ndarray) -> float:
    """The mean of |x - x+|^2 over two passes (N, D) of documents, of length 1 (Wang and Isola 2020 section 4.1.1)."""
    return float(((ones - others) ** 2).sum(1).mean())


def principal_components(vectors: np.ndarray, count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """The places (N, count) of `vectors` (N, D) along their principal axes, and each axis's share of the variance.

    Of the two directions of an axis that is taken in which the largest of its loadings is positive. Axes that there are
    not, of few documents or narrow vectors, are zeros.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    left, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(1)]
    places = left[:, :count] * (sizes * np.where(largest < 0, -1, 1))[:count]
    variance = float((sizes**2).sum())
    shares = sizes**2 / variance if variance > 0 else np.zeros_like(sizes)
    missing = max(0, count - len(sizes))
    return np.pad(places, ((0, 0), (0, missing))), np.pad(shares[:count], (0, missing))
