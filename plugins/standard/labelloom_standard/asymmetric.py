"""`standard/asymmetric`: the asymmetric loss."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from labelloom.interfaces import Batch, Loss, States, Targets, Task
from labelloom_standard.losses import reduced, scores_and_truth


class Asymmetric(Task):
    """Focal loss with a focus of its own for each side, and a margin (Ridnik et al. 2021 eq. 4-7).

    With p = sigmoid(score): -(1 - p)^gamma_positive log p for a label that the document carries; for another, with
    p_m = max(p - margin, 0), -p_m^gamma_negative log(1 - p_m).
    """

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The loss over `batch.countable`, in fp32 whatever the scores are."""
        scores, truth = scores_and_truth(states, batch, targets)
        return reduced(self._positive(scores).where(truth, self._negative(scores)), batch, self.config.reduction)

    def _positive(self, scores: Tensor) -> Tensor:
        focus = (self.config.gamma_positive * F.logsigmoid(-scores)).exp()
        return -self._focus(focus) * F.logsigmoid(scores)

    def _negative(self, scores: Tensor) -> Tensor:
        margin = self.config.margin
        beyond = scores.sigmoid() - margin
        inside = beyond <= 0
        # Inside the margin a power below 1 has an infinite gradient, and zero times that is NaN.
        focus = beyond.masked_fill(inside, 0.5) ** self.config.gamma_negative
        # log(1 - p_m) = log(sigmoid(-score) + margin), finite where 1 - p rounds to 0.
        floor = scores.new_tensor(math.log(margin) if margin else -math.inf)
        losses = -self._focus(focus) * torch.logaddexp(F.logsigmoid(-scores), floor)
        return losses.masked_fill(inside, 0)

    def _focus(self, factor: Tensor) -> Tensor:
        return factor if self.config.focus_gradient else factor.detach()
