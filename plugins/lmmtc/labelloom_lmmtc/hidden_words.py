"""Words of a document that the input hides, for a masked language model (Devlin et al. 2019 section 3.1)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from labelloom.interfaces import Batch

_MASKED, _OTHER = 0.8, 0.9
"""Of hidden pieces 80 % are masked, 10 % become another piece, 10 % stay what they are."""


class WordHider(nn.Module):
    """Hides ordinary pieces, which special tokens and those of labels are not.

    mask  the id of the model's own mask token, or None
    """

    ordinary: Tensor  # (N,) ids of ordinary pieces, ascending
    is_ordinary: Tensor  # bool, by id

    def __init__(self, tokenizer: Any) -> None:
        super().__init__()
        self.mask: int | None = tokenizer.mask_token_id
        ids = set(tokenizer.get_vocab().values())
        is_ordinary = torch.zeros(max(ids) + 1, dtype=torch.bool)
        is_ordinary[sorted(ids - set(tokenizer.all_special_ids))] = True
        self.register_buffer("ordinary", is_ordinary.nonzero()[:, 0], persistent=False)
        self.register_buffer("is_ordinary", is_ordinary, persistent=False)

    def forward(self, ids: Tensor, own: Tensor, rate: float, batch: Batch, path: str) -> tuple[Tensor, Tensor]:
        """`ids` (B, T) with pieces hidden, and (B, T) bool which; each of the pieces of `own` (B, T) with prob. `rate`.

        A function of `batch.noise` alone. Raises ValueError when the model has no mask token.
        """
        if self.mask is None:
            raise ValueError("words cannot be hidden, for the tokenizer has no mask token: set mask_words = 0")
        length = ids.shape[1]
        hidden = own & self.is_ordinary[ids] & (batch.noise(length, path, "hide") < rate)
        how = batch.noise(length, path, "how")
        which = (batch.noise(length, path, "which") * len(self.ordinary)).long()
        other = torch.where(how < _OTHER, self.ordinary[which], ids)
        return torch.where(hidden, other.masked_fill(how < _MASKED, self.mask), ids), hidden
