"""Positives against negatives: the one loss over `relation`, for rankings as for InfoNCE."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from labelloom.interfaces import Loss


def contrast(similarity: Tensor, relation: Tensor) -> Loss:
    """-log(P / (P + N)) of each row, where P and N sum exp(similarity) over its positives and over its negatives.

    Dot products make it the ranking of Liu et al. (2020 eq. 3), cosines divided by a temperature InfoNCE (van den Oord
    et al. 2018 eq. 4). It logs the "accuracy": how often a positive is the most similar; where several are, the share
    of positives among them, which is what drawing lots would give.

    Args:
        similarity: (B, B); computed with in fp32. What lies where `relation` is 0 may be anything, NaN too.
        relation: (B, B) int8: to row i, row j is a positive (+1), a negative (-1) or nothing (0).

    Returns:
        The sum over the rows that have a positive and a negative; no other row is counted or gets a gradient.
    """
    positive, negative = relation > 0, relation < 0
    counted = positive.any(1) & negative.any(1)  # (B,)
    compared = (positive | negative) & counted[:, None]  # (B, B)
    similarity = similarity.float().masked_fill(~compared, 0)

    def log_sum(those: Tensor) -> Tensor:
        # A row that is not counted has no sum of its own; the zeros in it make one that is finite.
        return similarity.masked_fill(~those & counted[:, None], -torch.inf).logsumexp(1)

    # As log(1 + N / P): a loss near zero would be rounded away in the difference of two large logarithms.
    loss = Loss.over(F.softplus(log_sum(negative) - log_sum(positive)), counted)
    highest = similarity.masked_fill(~compared, -torch.inf).amax(1, keepdim=True)
    first = compared & (similarity == highest)
    right = (first & positive).sum(1) / first.sum(1).clamp(min=1)  # (B,), 0 in rows that are not counted
    return Loss(loss.total, loss.count, {"accuracy": right.sum().detach()})
