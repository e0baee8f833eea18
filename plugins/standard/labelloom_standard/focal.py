"""`standard/focal`: the focal loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from labelloom.interfaces import Batch, Loss, States, Targets, Task
from labelloom_standard.losses import reduced, scores_and_truth


class Focal(Task):
    """FL = -alpha_t (1 - p_t)^gamma log p_t (Lin et al. 2017 eq. 5), of each label by itself.

    p_t is sigmoid(score) for a label that the document carries and 1 - sigmoid(score) for another; alpha_t likewise
    alpha and 1 - alpha, or both 1.
    """

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The loss over `batch.countable`, in fp32 whatever the scores are."""
        scores, truth = scores_and_truth(states, batch, targets)
        margin = scores.where(truth, -scores)  # p_t = sigmoid(margin)
        # A power of 1 - p_t taken as a logarithm: it has a gradient where 1 - p_t rounds to 0.
        losses = -(self.config.gamma * F.logsigmoid(-margin)).exp() * F.logsigmoid(margin)
        if self.config.alpha is not None:
            losses = losses * torch.where(truth, self.config.alpha, 1 - self.config.alpha)
        return reduced(losses, batch, self.config.reduction)
