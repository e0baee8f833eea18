"""What losses over labels share: which scores count, and how their losses become one."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from labelloom.interfaces import Batch, Loss, States, Targets


def scores_and_truth(states: States, batch: Batch, targets: Targets) -> tuple[Tensor, Tensor]:
    """(B, C) scores in fp32, whatever they came in, and (B, C) bool truth.

    Scores that do not count are 0: masked after the loss, NaN times a gradient of zero would still be NaN.
    """
    scores = states.first("scores").float().masked_fill(~batch.countable, 0)
    return scores, targets.dense(batch.label_ids)


def reduced(losses: Tensor, batch: Batch, reduction: Literal["sum", "mean"]) -> Loss:
    """The (B, C) losses of what counts as one.

    "sum": the losses of a document's labels are summed, and documents with a label to count are counted. The gradient
    of a head is then as large for many labels as for few. "mean": labels are counted.
    """
    loss = Loss.over(losses, batch.countable)
    return loss if reduction == "mean" else Loss(loss.total, batch.countable.any(1).sum().float())
