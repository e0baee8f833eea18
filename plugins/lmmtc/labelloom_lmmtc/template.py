"""The labels' part of the input: `[LS-i] [YES-i | NO-i | MASK-i] [LE-i]` for each label (Song et al. 2021 eq. 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

NO, YES, MASK = 0, 1, 2
"""What a slot may show, in the order of `Template.shown`; the first two are also the truths."""

SLOT = 3
"""Tokens of a label."""


class Template(nn.Module):
    """Token ids of L labels, and of what closes them.

    starts, ends  (L,) LS-i and LE-i
    shown         (L, 3) NO-i, YES-i and MASK-i
    """

    starts: Tensor
    ends: Tensor
    shown: Tensor
    closing: Tensor

    def __init__(self, tokens: Sequence[Sequence[int]], closing: int | None) -> None:
        """`tokens` are LS-i, NO-i, YES-i, MASK-i and LE-i of each label."""
        super().__init__()
        table = torch.tensor(tokens)
        self.register_buffer("starts", table[:, 0], persistent=False)
        self.register_buffer("shown", table[:, 1:4], persistent=False)
        self.register_buffer("ends", table[:, 4], persistent=False)
        ends = [] if closing is None else [closing]
        self.register_buffer("closing", torch.tensor(ends, dtype=torch.int64), persistent=False)

    @property
    def size(self) -> int:
        """S, how many tokens there are."""
        return SLOT * len(self.starts) + len(self.closing)

    @property
    def owners(self) -> list[int | None]:
        """The label of each of the S tokens whose state is a label's, which is the one in the middle of its slot."""
        slots = [owner for label in range(len(self.starts)) for owner in (None, label, None)]
        return [*slots, *[None] * len(self.closing)]

    def forward(self, given: Tensor | None) -> Tensor:
        """(1 or B, S) ids: each label as `given` (B, L) tells it, 0 or 1, or masked where it is -1; None masks all."""
        if given is None:
            told = self.shown[None, :, MASK]
        else:
            states = given.long().masked_fill(given < 0, MASK)  # (B, L)
            told = self.shown.expand(len(given), -1, -1).gather(2, states[..., None])[..., 0]
        slots = torch.stack([self.starts.expand_as(told), told, self.ends.expand_as(told)], -1)
        return torch.cat([slots.flatten(1), self.closing.expand(len(told), -1)], 1)


def different_tokens(labels: int, first: int) -> list[list[int]]:
    """Five tokens of each label's own: 5 L added ones from the id `first` on."""
    return [[first + 5 * label + place for place in range(5)] for label in range(labels)]


def same_tokens(labels: int, first: int, mask: int) -> list[list[int]]:
    """Five tokens that all labels share: four added ones from the id `first` on, and the model's own `mask`."""
    return [[first, first + 1, first + 2, mask, first + 3]] * labels
