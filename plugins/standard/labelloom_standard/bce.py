"""`standard/bce`: binary cross-entropy."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from labelloom.interfaces import Batch, Loss, States, Targets, Task


class BCE(Task):
    """The negative log-likelihood of each label's truth under sigmoid(score).

    reduction = "sum": the losses of a document's labels are summed, and documents with a label to count are counted.
    The gradient of a head is then as large for many labels as for few. reduction = "mean" counts labels.
    """

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The loss over `batch.countable`, in fp32 whatever the scores are."""
        countable = batch.countable
        # Scores that do not count are replaced before the loss: NaN times a gradient of zero would still be NaN.
        scores = states.first("scores").float().masked_fill(~countable, 0)
        truth = targets.dense(batch.label_ids).to(scores.dtype)
        weight = self.config.positive_weight
        losses = F.binary_cross_entropy_with_logits(
            scores, truth, reduction="none", pos_weight=None if weight is None else scores.new_tensor(weight)
        )
        loss = Loss.over(losses, countable)
        return loss if self.config.reduction == "mean" else Loss(loss.total, documents_that_count(countable))


def documents_that_count(countable: torch.Tensor) -> torch.Tensor:
    """() float: how many rows of `countable` (B, C) have anything to count."""
    return countable.any(1).sum().float()
