"""`standard/label-linear`: each label's vector to its score."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, Predictor, States
from labelloom_standard.config import LabelLinearConfig


class LabelLinear(Predictor):
    """scores_k = w . labels_k + b, with w and b common to all labels, or w_k and b_k of each label's own.

    Per label it is the last layer of CAML (Mullenbach et al. 2018 eq. 4).
    """

    def __init__(self, config: LabelLinearConfig, context: Context) -> None:
        super().__init__(config, context)
        self.shared = config.weights == "shared"
        self.out = nn.Linear(context.width("labels"), 1 if self.shared else len(context.labels))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with scores (B, C)."""
        labels = self.dropout(states.first("labels"))
        if self.shared:
            return states.add(scores=self.out(labels)[..., 0])
        return states.add(scores=score_each(self.out, labels, batch))


def score_each(layer: nn.Linear, labels: Tensor, batch: Batch) -> Tensor:
    """(B, C): w_k . labels_k + b_k, with row k of `layer`, from K numbers to L, for the labels (B, C, K)."""
    weight, bias = batch.look_up(layer.weight), batch.look_up(layer.bias)
    return torch.einsum("bck,bck->bc", labels, weight.expand_as(labels)) + bias
