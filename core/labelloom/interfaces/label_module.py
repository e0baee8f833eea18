"""Label modules: they add or refine label vectors, or make a label-aware view of the document.

A whole one, as a bundle author writes it:

    class Sharpen(LabelModule):               # its record: needs={"labels", "tokens"}, gives={"labels"}
        def __init__(self, config, context):
            super().__init__(config, context)
            self.widths = {"labels": context.width("labels")}
            self.query = nn.Linear(context.width("labels"), context.width("tokens"))
            self.back = nn.Linear(context.width("tokens"), context.width("labels"))

        def forward(self, states, batch):
            scores = self.query(states.labels) @ states.tokens.mT                            # (B, C, T)
            weights = masked_softmax(scores, states.token_mask[:, None])
            return states.add(labels=states.labels + self.back(weights @ states.tokens))     # (B, C, K)
"""

from __future__ import annotations

import torch
from torch import Tensor

from labelloom.interfaces.batch import Batch
from labelloom.interfaces.part import Part
from labelloom.interfaces.states import States


class LabelModule(Part):
    """Adds or refines `labels` or `label_table`, or makes a label-aware `document` or `aspects`."""

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with its fields added: label-side fields for `batch.label_ids`, in their order."""
        raise NotImplementedError


def masked_softmax(scores: Tensor, mask: Tensor, dim: int = -1) -> Tensor:
    """Softmax over the places of `mask` (broadcast to `scores`); all zeros where there is no place at all."""
    lowest = torch.finfo(scores.dtype).min
    weights = torch.softmax(scores.masked_fill(~mask, lowest), dim)
    return weights * mask
