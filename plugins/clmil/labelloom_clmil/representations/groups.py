"""Which of head, middle and tail the labels of a document are in: the seven colours of a picture of documents."""

from __future__ import annotations

import numpy as np

from labelloom.data.label_sets import LabelSets

CLASSES = ("no label", "tail", "mid", "mid, tail", "head", "head, tail", "head, mid", "head, mid, tail")
"""By 4 h + 2 m + l: [h, m, l] says whether a head, a middle and a tail label are there (Li et al. 2023 figure 3)."""


def classes_of(sets: LabelSets, groups: np.ndarray) -> np.ndarray:
    """(N,) int64 into `CLASSES` of documents, from the group (L,) of each label: 0 head, 1 middle, 2 tail."""
    found = np.zeros(len(sets), dtype=np.int64)
    np.bitwise_or.at(found, sets.rows, np.array([4, 2, 1])[groups[sets.values]])
    return found
