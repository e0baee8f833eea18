"""Pooling of tokens without weights of its own."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_max(values: Tensor, mask: Tensor) -> Tensor:
    """(B, H): the maximum of (B, T, H) over the positions of `mask` (B, T); zero for a row without any."""
    highest = values.masked_fill(~mask[..., None], torch.finfo(values.dtype).min).amax(1)
    return highest.masked_fill(~mask.any(1, keepdim=True), 0)
