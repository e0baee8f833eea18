"""The best labels of documents: of scores for all labels at once, and of chunks of labels as they come."""

from __future__ import annotations

import torch
from torch import Tensor

_WAITING = 16
"""Labels of one document that may wait before they are sorted in: sorting costs more than waiting."""


def best(scores: Tensor, labels: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k highest of `scores` (B, C) with their `labels` (B, C), best first; equal ones stand as they came."""
    k = min(k, scores.shape[1])
    # NaN compares with nothing; as infinity it comes first, where whoever asked refuses it.
    scores = scores.nan_to_num(torch.inf, torch.inf, -torch.inf)
    edge = scores.topk(k, dim=1).values[:, -1:]
    above, level = scores > edge, scores == edge
    keep = above | (level & (level.cumsum(1) <= k - above.sum(1, keepdim=True)))
    places = keep.nonzero()[:, 1].view(len(scores), k)
    kept, order = scores.gather(1, places).sort(dim=1, descending=True, stable=True)
    return labels.gather(1, places.gather(1, order)), kept


class Best:
    """The k best labels of each of B documents, of those shown so far; the same as `best` of all of them at once.

    Labels must be shown in the order of their ids. When there are k, the first are sorted; from then on a score enters
    only above the k-th, so most chunks cost one maximum a document. What enters waits until some document has k of it
    (or 16), then all is sorted in: with labels in no special order that is about as often as their number doubles.
    Memory follows B * (2 k + chunk).
    """

    def __init__(self, k: int) -> None:
        self._k = k
        self._first: list[tuple[Tensor, Tensor]] = []  # labels and scores of the first chunks, (B, C) each
        self._seen = 0
        self._labels: Tensor | None = None  # (B, k), best first
        self._scores: Tensor | None = None
        self._waiting: list[tuple[Tensor, Tensor, Tensor]] = []  # documents, labels, scores: (M,) each
        self._counts = torch.empty(0)

    def add(self, scores: Tensor, ids: Tensor) -> None:
        """Show the labels `ids` (C,) int64, ascending and above all before, with their `scores` (B, C)."""
        scores = scores.float()
        if self._scores is None:
            self._first.append((ids.expand(len(scores), -1), scores))
            self._seen += len(ids)
            if self._seen >= self._k:
                self._sort_first()
            return
        edge = self._scores[:, -1]
        # Not "greater", which NaN never is.
        rows = (~(scores.amax(1) <= edge)).nonzero()[:, 0]
        if not len(rows):
            return
        near = scores if len(rows) == len(scores) else scores[rows]
        above = ~(near <= edge[rows, None])
        places, columns = above.nonzero(as_tuple=True)
        self._waiting.append((rows[places], ids[columns], near[places, columns]))
        self._counts[rows] += above.sum(1)
        if int(self._counts.max()) >= max(self._k, _WAITING):
            self._sort_in()

    def result(self) -> tuple[Tensor, Tensor]:
        """Labels (B, k) int64 and scores (B, k) fp32, best first; equal ones in the order of their ids."""
        if self._scores is None:
            self._sort_first()
        if self._waiting:
            self._sort_in()
        assert self._labels is not None
        assert self._scores is not None
        return self._labels, self._scores

    def _sort_first(self) -> None:
        labels, scores = (torch.cat(part, 1) for part in zip(*self._first, strict=True))
        self._labels, self._scores = best(scores, labels, self._k)
        self._counts = torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
        self._first = []

    def _sort_in(self) -> None:
        assert self._labels is not None
        assert self._scores is not None
        rows, labels, scores = (torch.cat(part) for part in zip(*self._waiting, strict=True))
        order = rows.argsort(stable=True)  # document by document, each one's labels in their order
        rows, labels, scores = rows[order], labels[order], scores[order].nan_to_num(torch.inf, torch.inf)
        columns = torch.arange(len(rows), device=rows.device) - (self._counts.cumsum(0) - self._counts)[rows]
        shape = (len(self._counts), int(self._counts.max()))
        # Padding stands behind everything that is there, equal or not, and so is cut off.
        more_scores = scores.new_full(shape, -torch.inf).index_put_((rows, columns), scores)
        more_labels = labels.new_zeros(shape).index_put_((rows, columns), labels)
        both = torch.cat([self._scores, more_scores], 1)
        kept, order = both.sort(dim=1, descending=True, stable=True)
        order = order[:, : self._k]
        # A copy, or what was cut off would stay in memory.
        self._scores = kept[:, : self._k].contiguous()
        self._labels = torch.cat([self._labels, more_labels], 1).gather(1, order)
        self._waiting = []
        self._counts = torch.zeros_like(self._counts)
