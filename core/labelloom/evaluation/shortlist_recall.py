"""How much of a model's exact ranking its shortlists hold: the model is measured against itself, not the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from labelloom.evaluation.ranking import Ranking


@dataclass(frozen=True)
class ShortlistRecall:
    """Of the k best labels of all, the share that is on the shortlist, for each k; a mean over documents.

    `count` labels of `label_count` are on a shortlist, which `index` finds. `documents` of `of` were ranked both ways.
    """

    count: int
    label_count: int
    index: str
    documents: int
    of: int
    recall: Mapping[int, float]

    @property
    def share(self) -> float:
        """Which share of all labels is scored."""
        return self.count / self.label_count


def share_held(exact: Ranking, listed: Ranking, k: int) -> float:
    """The mean share of the first k labels of `exact` that `listed`, of the same documents, ranks at all.

    Places in `listed` do not matter, so that a difference of rounding does not count. Raises ValueError for rankings
    of different documents or labels, and for a k that `exact` does not have.
    """
    if (len(exact), exact.label_count) != (len(listed), listed.label_count) or not len(exact):
        raise ValueError(
            f"two rankings of the same documents are compared, found {len(exact)} documents with {exact.label_count} "
            f"labels and {len(listed)} with {listed.label_count}"
        )
    if not 1 <= k <= exact.depth:
        raise ValueError(f"k must lie between 1 and {exact.depth}, the labels that are ranked, not {k}")
    starts = np.arange(len(exact), dtype=np.int64)[:, None] * exact.label_count
    return float(np.isin(starts + exact.labels[:, :k], starts + listed.labels).mean())
