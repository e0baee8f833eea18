"""`laco/clcp`: conditional label co-occurrence prediction (Zhang et al. 2021 eq. 6)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, Loss, States, Targets, Task
from labelloom_laco.config import ConditionalConfig


class ConditionalCooccurrence(Task):
    """Is given s of a document's labels, and asks of every other label whether the document carries it.

    A label's vector meets the mean of the given ones. The given labels are drawn anew in every step. A document with
    one label gives that one, so that all others are wrong; one without labels is left out.
    """

    def __init__(self, config: ConditionalConfig, context: Context) -> None:
        super().__init__(config, context)
        width = context.width("labels")
        self.label = _layer(width) if config.project else nn.Identity()
        self.given = _layer(width) if config.project else nn.Identity()
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(2 * width, 1)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The cross-entropy of each label that is not given; counts those labels, or documents for a sum."""
        countable = batch.countable
        # What does not count may be anything, NaN too.
        labels = states.first("labels").masked_fill(~countable[..., None], 0)  # (B, C, K)
        carried = targets.dense(batch.label_ids) & countable
        given = self.given_labels(carried, batch)
        weights = given.to(labels.dtype)
        mean = (weights[:, None] @ labels) / weights.sum(1).clamp(min=1)[:, None, None]  # (B, 1, K)
        pairs = torch.cat([self.label(labels), self.given(mean).expand_as(labels)], -1)
        logits = self.out(self.dropout(pairs))[..., 0]  # (B, C)
        asked = countable & ~given & given.any(1, keepdim=True)
        losses = F.binary_cross_entropy_with_logits(logits.float(), carried.float(), reduction="none")
        loss = Loss.over(losses, asked)
        return loss if self.config.reduction == "mean" else Loss(loss.total, asked.any(1).sum().float())

    def given_labels(self, carried: Tensor, batch: Batch) -> Tensor:
        """(B, C) bool: s labels of each row of `carried` (B, C), each set of s as likely; none where none is carried.

        s is 1, or uniform in 1 .. |Y| - 1; of a single label it is 1.
        """
        noise = batch.noise(carried.shape[1] + 1, self.path)
        ranks = noise[:, 1:].masked_fill(~carried, -1).argsort(1, descending=True).argsort(1)
        if self.config.given == "one":
            return carried & (ranks < 1)
        most = (carried.sum(1) - 1).clamp(min=1)
        count = 1 + (noise[:, 0] * most).long()  # at most |Y| - 1: no product with noise rounds up to `most`
        return carried & (ranks < count[:, None])


def _layer(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
