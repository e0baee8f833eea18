"""The language model's head: states to tokens, tied to the embeddings (Song et al. 2021 eq. 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labelloom_standard.added_tokens import ExtendedEmbedding


class TiedHead(nn.Module):
    """The logit of a token is the product of the state and the token's embedding, added tokens included.

    Where states are wider than embeddings, or narrower, they are projected first.
    """

    def __init__(self, embedding: ExtendedEmbedding, width: int) -> None:
        super().__init__()
        size = embedding.base.embedding_dim
        self.embedding = embedding
        self.project = nn.Identity() if size == width else nn.Linear(width, size, bias=False)

    @property
    def size(self) -> int:
        """V', how many tokens there are."""
        return self.embedding.first + self.embedding.added.num_embeddings

    def forward(self, states: Tensor) -> Tensor:
        """(N, V') logits in fp32, or finer, from states (N, H)."""
        projected = self.project(states)
        tables = (self.embedding.base.weight, self.embedding.added.weight)
        logits = torch.cat([projected @ table.mT for table in tables], -1)
        return logits if logits.dtype == torch.float64 else logits.float()

    def of(self, states: Tensor, tokens: Tensor) -> Tensor:
        """(B, L, A): the logits of A tokens (L, A) at each of the states (B, L, H)."""
        return torch.einsum("blh,lah->bla", self.project(states), self.embedding(tokens))
