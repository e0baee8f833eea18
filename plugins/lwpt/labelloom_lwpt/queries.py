"""Label queries: one trained vector a label, with which it asks the states of words or sentences."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labelloom.interfaces import Batch


class LabelQueries(nn.Module):
    """U (L, H) (Liu et al. 2020 eq. 5, 8, 11). A bias a label would add the same to all its scores: none."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, width))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, batch: Batch) -> Tensor:
        """(1 or B, C, H): of the labels under consideration, shared or each document's own."""
        return batch.look_up(self.weight)
