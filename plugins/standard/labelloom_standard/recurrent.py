"""Bidirectional LSTM and GRU over padded batches: what packed sequences give, faster."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

_CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class BidirectionalRecurrent(nn.Module):
    """Layers of two recurrent networks, one reading each way.

    The backward network reads every sequence reversed within its own length, so it meets padding last, as the forward
    one does: no packing is needed, and the results equal those of packed sequences.

    Weights start as Xavier (input) and orthogonal (recurrent), biases at zero.

    Args:
        cell: "lstm" or "gru".
        width: of what it reads.
        hidden: of a state in each direction.
        layers: one on the other.
        dropout: between layers.
    """

    def __init__(
        self, cell: Literal["lstm", "gru"], width: int, hidden: int, layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        widths = [width, *[2 * hidden] * (layers - 1)]
        self.forwards = nn.ModuleList(_CELLS[cell](width, hidden, batch_first=True) for width in widths)
        self.backwards = nn.ModuleList(_CELLS[cell](width, hidden, batch_first=True) for width in widths)
        self.dropout = nn.Dropout(dropout)
        self.width = 2 * hidden
        for name, parameter in self.named_parameters():
            if "weight_ih" in name:
                nn.init.xavier_uniform_(parameter)
            elif "weight_hh" in name:
                nn.init.orthogonal_(parameter)
            else:
                nn.init.zeros_(parameter)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(B, T, H) with the (B, T) mask of its positions, the first ones of each row, to (B, T, 2 * hidden).

        Zeros at padding, whatever `values` holds there.
        """
        reverse = reversed_places(mask)[..., None]
        inside = mask[..., None]
        for layer, (ahead, back) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            if layer:
                values = self.dropout(values)
            reversed_values = values.gather(1, reverse.expand(values.shape))
            states = back(reversed_values)[0]
            states = states.gather(1, reverse.expand(states.shape))
            values = torch.cat([ahead(values)[0], states], -1).masked_fill(~inside, 0)
        return values


def reversed_places(mask: Tensor) -> Tensor:
    """(B, T) int64: the place that each one changes with when rows are reversed within their lengths; padding stays."""
    places = torch.arange(mask.shape[1], device=mask.device)
    mirrored = mask.sum(1, keepdim=True) - 1 - places
    return torch.where(mask, mirrored, places)
