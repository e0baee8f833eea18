"""Attention over the tokens of a document, which masked positions never enter."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labelloom.interfaces import masked_softmax


def attend(scores: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """(..., C, H): for each of C queries the mean of `values` weighted by the softmax of its scores over the mask.

    Args:
        scores: (..., C, T), the compatibility of each query and token.
        values: (..., T, H).
        mask: (..., T) bool; a document without a token gets zeros.
    """
    return masked_softmax(scores, mask[..., None, :]) @ values


class AttentionPooling(nn.Module):
    """One vector a document: its tokens weighted by how well they match a trained query (Yang et al. 2016 eq. 5-7).

    u_t = tanh(W h_t + b), a = softmax_t(u_t . q), document = sum_t a_t h_t.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, width)
        self.query = nn.Linear(width, 1, bias=False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, T, H) tokens and their (B, T) mask to (B, H)."""
        scores = self.query(torch.tanh(self.project(tokens)))  # (B, T, 1)
        return attend(scores.mT, tokens, mask)[:, 0]
