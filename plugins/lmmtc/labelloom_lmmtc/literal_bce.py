"""`lmmtc/literal-bce`: binary cross-entropy over every slot, those that show the truth too (Song et al. 2021 eq. 4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from labelloom.interfaces import Batch, Context, Loss, States, Targets, Task


class LiteralBCE(Task):
    """Eq. 4 as it is printed, with labels shown in the input: its sum is over all labels of the document.

    It leaks, and on purpose is all that leaves the mask `batch.countable` aside: what a label's slot shows is also
    what it is asked for, so copying pays, while in predictions there is nothing to copy.
    """

    def __init__(self, config: object, context: Context) -> None:
        super().__init__(config, context)
        self.notes.append(
            "learns to copy the labels that the input shows, and predictions are shown none; standard/bce counts "
            "masked labels alone"
        )

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The mean over the labels of anchors, in fp32; labels that are shown have the truth that is shown."""
        counts = batch.label_mask & batch.is_anchor[:, None]  # (B, C)
        scores = states.first("scores").float().masked_fill(~counts, 0)
        truth = targets.dense(batch.label_ids)
        if batch.given is not None:
            shown = batch.pick(batch.given)  # (B, C)
            truth = torch.where(shown >= 0, shown == 1, truth)
        return Loss.over(F.binary_cross_entropy_with_logits(scores, truth.to(scores.dtype), reduction="none"), counts)
