"""`standard/bce`: binary cross-entropy."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Assets, Batch, Context, Loss, States, Targets, Task
from labelloom_standard.config import BCEConfig
from labelloom_standard.losses import reduced, scores_and_truth


class BCE(Task):
    """The negative log-likelihood of each label's truth under p = sigmoid(score): -w y log p - (1 - y) log(1 - p).

    The weight w of labels that a document carries is 1, a number, or each label's own from the training split.
    """

    @classmethod
    def prepare(cls, config: BCEConfig, corpus: Corpus) -> Assets:
        """The positive weight of each label, where it comes from the training split."""
        if not isinstance(config.positive_weight, str):
            return {}
        counts = corpus.statistics
        weights = balanced_weights(counts.frequency, counts.document_count)
        if config.positive_weight == "sqrt":
            weights = np.sqrt(weights)
        return {"positive_weight": np.minimum(weights, config.max_positive_weight or np.inf).astype(np.float32)}

    own_weights: torch.Tensor

    def __init__(self, config: BCEConfig, context: Context) -> None:
        super().__init__(config, context)
        weights = cast("np.ndarray | None", context.assets.get("positive_weight"))
        # The assets keep them, so the weights file need not.
        self.register_buffer("own_weights", None if weights is None else torch.from_numpy(weights), persistent=False)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The loss over `batch.countable`, in fp32 whatever the scores are."""
        scores, truth = scores_and_truth(states, batch, targets)
        weight = self.config.positive_weight
        if isinstance(weight, str):
            weight = self.own_weights[batch.label_ids]  # (1 or B, C)
        elif weight is not None:
            weight = scores.new_tensor(weight)
        losses = F.binary_cross_entropy_with_logits(scores, truth.to(scores.dtype), reduction="none", pos_weight=weight)
        return reduced(losses, batch, self.config.reduction)


def balanced_weights(frequency: np.ndarray, documents: int) -> np.ndarray:
    """(L,) float64: documents without each label by documents with it, so that both weigh the same.

    1 for a label that no document or every document carries: there is nothing to balance, and a weight of 0 would
    leave the label untrained.
    """
    without = documents - frequency
    either = (frequency > 0) & (without > 0)
    return np.where(either, without / np.maximum(frequency, 1), 1.0)
