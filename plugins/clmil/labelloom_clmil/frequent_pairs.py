"""Which labels come often with which in training: all that the bundle needs of the co-occurrence matrix."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from labelloom.data.statistics import CorpusStatistics


def pairs_above(statistics: CorpusStatistics, bound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ids k and j, (P,) int64 each, by k and then by j, of every two labels with M_kj above `bound` (L,) at k.

    M counts the training documents with two labels (Li et al. 2023 eq. 9). No bound is below 0, so that no pair that
    never occurs is among them and memory follows the pairs that do.
    """
    counts = statistics.cooccurrence
    first = np.repeat(np.arange(statistics.label_count, dtype=np.int64), np.diff(counts.indptr))
    above = counts.data > bound[first]
    return first[above], counts.indices[above].astype(np.int64)


def frequent_pairs(statistics: CorpusStatistics) -> np.ndarray:
    """(P,) int64, ascending: k * L + j for every two labels with M_kj above the mean of M_k over the L - 1 others.

    So label j is not in Y_k^lowfreq, with M and its means as in Li et al. (2023 eq. 9-10). It is not symmetric: j may
    come often with k while k, for a j that comes with much else, does not come often with j.
    """
    first, second = pairs_above(statistics, statistics.mean_cooccurrence)
    return first * statistics.label_count + second


def is_frequent(pairs: Tensor, label_count: int, one: Tensor, other: Tensor) -> Tensor:
    """Whether `other` comes often with `one`, ids of one shape or broadcast: bool of that shape.

    `pairs` (P,) are those of `frequent_pairs`. They are bisected, so that nothing is as large as L times L.
    """
    keys = one * label_count + other
    if len(pairs) == 0:
        return torch.zeros_like(keys, dtype=torch.bool)
    return pairs[torch.searchsorted(pairs, keys).clamp(max=len(pairs) - 1)] == keys
