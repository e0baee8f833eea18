"""Which labels come often with which in training: all that label relations need of the co-occurrence matrix."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from labelloom.data.statistics import CorpusStatistics


def frequent_pairs(statistics: CorpusStatistics) -> np.ndarray:
    """(P,) int64, ascending: k * L + j for every two labels with M_kj above the mean of M_k over the L - 1 others.

    So label j is not in Y_k^lowfreq, with M and its means as in Li et al. (2023 eq. 9-10). It is not symmetric: j may
    come often with k while k, for a j that comes with much else, does not come often with j. No pair that never
    occurs is among them, so memory follows the pairs that do.
    """
    counts = statistics.cooccurrence
    first = np.repeat(np.arange(statistics.label_count, dtype=np.int64), np.diff(counts.indptr))
    frequent = counts.data > statistics.mean_cooccurrence[first]
    return first[frequent] * statistics.label_count + counts.indices[frequent]


def is_frequent(pairs: Tensor, label_count: int, one: Tensor, other: Tensor) -> Tensor:
    """Whether `other` comes often with `one`, ids of one shape or broadcast: bool of that shape.

    `pairs` (P,) are those of `frequent_pairs`. They are bisected, so that nothing is as large as L times L.
    """
    keys = one * label_count + other
    if len(pairs) == 0:
        return torch.zeros_like(keys, dtype=torch.bool)
    return pairs[torch.searchsorted(pairs, keys).clamp(max=len(pairs) - 1)] == keys
