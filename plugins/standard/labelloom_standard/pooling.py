"""Pooling of tokens without weights of its own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_max(values: Tensor, mask: Tensor) -> Tensor:
    """(B, H): the maximum of (B, T, H) over the positions of `mask` (B, T); zero for a row without any."""
    highest = values.masked_fill(~mask[..., None], torch.finfo(values.dtype).min).amax(1)
    return highest.masked_fill(~mask.any(1, keepdim=True), 0)


def masked_chunk_max(values: Tensor, mask: Tensor, chunks: int) -> Tensor:
    """(B, p, H): the maximum of (B, T, H) over each of p = `chunks` parts of a row's own positions.

    These are the first ones, those of `mask` (B, T). Of m positions, part j has floor(j m / p) to
    ceil((j + 1) m / p) - 1, as adaptive max pooling of these alone takes them: two parts may share a position, and none
    is empty, though m be less than p. Zeros for a row without positions. Time and memory follow B (T + p) H, whatever
    the lengths.
    """
    width = values.shape[1]
    if not width:
        return values.new_zeros(len(values), chunks, values.shape[2])
    length = mask.sum(1, keepdim=True)  # (B, 1)
    part = torch.arange(chunks, device=mask.device)
    start = part * length // chunks  # (B, p)
    last = -((part + 1) * -length // chunks) - 1
    # S steps are enough for a part of all T positions; a shorter one names its last position again.
    step = torch.arange(-(-width // chunks) + 1, device=mask.device)
    places = torch.minimum(start[..., None] + step, last[..., None]).clamp(min=0)  # (B, p, S)
    rows = torch.arange(len(values), device=mask.device)[:, None]
    with torch.no_grad():  # the gradient goes to p positions, and need not pass through all that were compared
        parts = values[rows, places.flatten(1)].mT.unflatten(2, places.shape[1:])  # (B, H, p, S)
        # Of equals the first, as adaptive pooling takes it, and several times as fast as argmax on a CPU.
        strongest = F.max_pool2d(parts, (1, len(step)), return_indices=True)[1].flatten(2).mT  # (B, p, H)
    where = places.flatten(1)[..., None].expand(-1, -1, values.shape[2]).gather(1, strongest)
    return values.gather(1, where).masked_fill(~mask.any(1)[:, None, None], 0)
