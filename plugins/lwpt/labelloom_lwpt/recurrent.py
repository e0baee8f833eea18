"""The recurrent network of the label-wise encoders, with what its options put before it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from labelloom_lwpt.config.encoders import LabelWiseLSTMConfig
from labelloom_standard.recurrent import BidirectionalRecurrent


class NormalisedRecurrent(nn.Module):
    """Layer norm and dropout on vectors of `width`, then layers in both directions with dropout between them.

    Nothing comes after the last layer (Liu et al. 2020 section 3.3; the places are those of the authors' code).
    """

    def __init__(self, config: LabelWiseLSTMConfig, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width) if config.layer_norm else nn.Identity()
        self.dropout = nn.Dropout(config.dropout)
        self.recurrent = BidirectionalRecurrent(config.cell, width, config.hidden, config.layers, config.dropout)
        self.width = self.recurrent.width

    def rate_layers(self) -> list[Sequence[nn.Module]]:
        """Each layer with both directions; the norm goes with the first, which reads what it gives."""
        pairs = zip(self.recurrent.forwards, self.recurrent.backwards, strict=True)
        first, *rest = map(list, pairs)
        return [[self.norm, *first], *rest]

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(B, T, width) with the (B, T) mask of its positions, the first ones of each row, to (B, T, 2 * hidden)."""
        return self.recurrent(self.dropout(self.norm(values)), mask)
