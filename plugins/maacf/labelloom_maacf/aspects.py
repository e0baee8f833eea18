"""What both sides of the co-attention share: the label vectors that meet a document's aspects."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from labelloom.interfaces import Context


def aspects_of(context: Context) -> tuple[int, int]:
    """How many aspects there are, n, and their width D."""
    return cast("tuple[int, int]", context.widths["aspects"])


def to_aspects(context: Context) -> nn.Module:
    """What takes the label table's vectors to the aspects' width: a layer where they differ, or else nothing."""
    table, (_, width) = context.width("label_table"), aspects_of(context)
    return nn.Identity() if table == width else nn.Linear(table, width)


def compared(aspects: Tensor, labels: Tensor) -> Tensor:
    """(B, n, C): the dot product of each of `aspects` (B, n, D) with each of `labels` (1 or B, C, D)."""
    # Labels that all documents share are one matrix: repeated for each, so would their gradient be.
    return aspects @ (labels[0].mT if len(labels) == 1 else labels.mT)
