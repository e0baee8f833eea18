"""`standard/softmax`: one label out of all, for every label that a document carries."""

from __future__ import annotations

import torch

from labelloom.interfaces import Batch, Loss, States, Targets, Task


class Softmax(Task):
    """The cross-entropy of softmax(scores) over the label set, picked for each label that the document carries.

    With y_i the truth of label i: -sum_i y_i / (sum_j y_j) log softmax(scores)_i, pick-all-labels normalised, or
    without the division, pick-all-labels (Menon et al. 2019). The scores become a distribution over labels.
    Documents without a label have no loss and are not counted.
    """

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The sum over documents; only labels of `batch.countable` take part in the softmax."""
        countable = batch.countable
        truth = targets.dense(batch.label_ids) & countable
        scores = states.first("scores").float().masked_fill(~countable, -torch.inf)
        # A row in which nothing counts has no softmax; any other numbers will do, for none of them is picked.
        scores = scores.masked_fill(~countable.any(1, keepdim=True), 0)
        losses = -scores.log_softmax(1).masked_fill(~truth, 0)  # (B, C)
        carried = truth.sum(1)  # (B,)
        if self.config.normalised:
            losses = losses / carried.clamp(min=1)[:, None]
        return Loss(losses.sum(), (carried > 0).sum().float())
