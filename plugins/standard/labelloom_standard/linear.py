"""`standard/linear`: a weight vector a label over the document."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from labelloom.interfaces import Batch, Context, Predictor, States
from labelloom_standard.config import LinearConfig


class Linear(Predictor):
    """scores_k = w_k . document + b_k, for the labels under consideration alone."""

    def __init__(self, config: LinearConfig, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(context.width("document"), len(context.labels))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with scores (B, C)."""
        document = self.dropout(states.first("document"))
        weight, bias, ids = self.out.weight, self.out.bias, batch.label_ids
        if batch.every_label:
            scores = self.out(document)
        elif len(ids) == 1:
            scores = F.linear(document, weight[ids[0]], bias[ids[0]])
        else:
            scores = torch.einsum("bd,bcd->bc", document, weight[ids]) + bias[ids]
        return states.add(scores=scores)
