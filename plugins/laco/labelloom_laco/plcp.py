"""`laco/plcp`: pairwise label co-occurrence prediction (Zhang et al. 2021 eq. 5)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, Loss, States, Targets, Task
from labelloom_laco.config import PairwiseConfig
from labelloom_standard.pairs import draw_one, pair_noise, vectors_at


class PairwiseCooccurrence(Task):
    """Takes two labels of a document, the first of which it carries, and asks whether it carries the other.

    Pairs are drawn anew in every step: with probability gamma / (1 + gamma) the other is one that the document
    carries, else one that it does not. A document with one label has only pairs of the second kind, one with all
    labels only of the first; one without labels has none.
    """

    def __init__(self, config: PairwiseConfig, context: Context) -> None:
        super().__init__(config, context)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(2 * context.width("labels"), 1)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The cross-entropy of each pair, counting pairs."""
        labels = states.first("labels")  # (B, C, K)
        carried = targets.dense(batch.label_ids) & batch.countable
        first, second, valid = self.pairs(carried, batch)
        truth = carried.gather(1, second)  # (B, P)
        if self.config.swap:
            turned = batch.noise(self.config.pairs, self.path, "swap") < 0.5
            first, second = torch.where(turned, second, first), torch.where(turned, first, second)
        pairs = torch.cat([vectors_at(labels, first), vectors_at(labels, second)], -1)  # (B, P, 2K)
        # What is not drawn may be anything, NaN too.
        logits = self.out(self.dropout(pairs.masked_fill(~valid[..., None], 0)))[..., 0]
        losses = F.binary_cross_entropy_with_logits(logits.float(), truth.float(), reduction="none")
        return Loss.over(losses, valid)

    def pairs(self, carried: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """First and second label of each pair (B, P) int64, and (B, P) bool whether there is such a pair.

        `carried` (B, C): the labels to count that the document carries.
        """
        count, labels = self.config.pairs, carried.shape[1]

        def noise(stream: str) -> Tensor:
            return pair_noise(batch, count, labels, self.path, stream)

        own = carried[:, None].expand(-1, count, -1)  # (B, P, C)
        first, there = draw_one(own, noise("first"))
        other = torch.arange(labels, device=own.device) != first[..., None]
        with_it, without_it = own & other, (batch.countable[:, None] & ~own)
        share = self.config.gamma / (1 + self.config.gamma)
        wanted = batch.noise(count, self.path, "which") < share
        positive = torch.where(wanted, with_it.any(-1), ~without_it.any(-1))
        second, found = draw_one(torch.where(positive[..., None], with_it, without_it), noise("second"))
        return first, second, there & found
