"""`lwpt/label-wise-ranking`: by the label's vector, the document that carries it is the nearest."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from labelloom.errors import TrainingError
from labelloom.interfaces import Batch, Loss, States, Targets, Task
from labelloom_standard.contrast import contrast


class LabelWiseRanking(Task):
    """-log softmax over the candidates c of the target t at the one that carries label k (Liu et al. 2020 eq. 2-3).

    A candidate scores Q_k^t . Q_k^c, where Q_k is what `labels` has of a document for the label that it was drawn for.
    It logs the "accuracy", how often the right candidate scores highest.
    """

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The sum over targets; `labels` must be (B, 1, K). Raises TrainingError for more labels than one."""
        labels = states.first("labels")
        if labels.shape[1] != 1:
            raise TrainingError(
                f"documents are compared by the one label that each was drawn for, but each comes with "
                f"{labels.shape[1]:,} labels",
                where=self.path,
                suggestions=["draw the labels of this stage with lwpt/candidates alone"],
            )
        relation = cast(Tensor, batch.relation)
        related = (relation != 0).any(0) | (relation != 0).any(1)
        # Rows of other samplers, which are compared with nothing, may be anything, NaN too.
        vectors = labels[:, 0].float().masked_fill(~related[:, None], 0)  # (B, K)
        with torch.autocast(vectors.device.type, enabled=False):
            similarity = vectors @ vectors.T
        return contrast(similarity, relation)
