"""Tokens added to a language model's vocabulary, and pieces that follow every document: for labels in the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


class ExtendedEmbedding(nn.Module):
    """A model's own embedding of V tokens, and trained vectors for `count` more: the ids V to V + count - 1.

    The new vectors are drawn as the model draws its own.
    """

    def __init__(self, base: nn.Embedding, count: int, std: float) -> None:
        super().__init__()
        self.base = base
        self.added = nn.Embedding(count, base.embedding_dim)
        nn.init.normal_(self.added.weight, std=std)

    @property
    def first(self) -> int:
        """V, the id of the first added token."""
        return self.base.num_embeddings

    def forward(self, ids: Tensor) -> Tensor:
        """(..., E) from ids (...)."""
        added = ids >= self.first
        own = self.base(ids.masked_fill(added, 0))
        return torch.where(added[..., None], self.added((ids - self.first).clamp(min=0)), own)


def extend_vocabulary(model: Any, count: int) -> ExtendedEmbedding:
    """Give the model `count` more tokens; what it now embeds with."""
    std = getattr(model.config, "initializer_range", 0.02)
    embedding = ExtendedEmbedding(model.get_input_embeddings(), count, std)
    model.set_input_embeddings(embedding)
    return embedding


@dataclass(frozen=True)
class Joined:
    """Documents with the same S pieces after each of them: (B, T + S) each, and where those pieces stand.

    ids, present   what the model reads, and which positions are not padding
    segments       0 for the document, what `append` was given for the pieces
    places         (B, S) int64: the position of each piece
    """

    ids: Tensor
    present: Tensor
    segments: Tensor
    places: Tensor

    def states_of(self, states: Tensor) -> Tensor:
        """(B, S, H): the states (B, T + S, H) of the pieces."""
        return states.gather(1, self.places[..., None].expand(-1, -1, states.shape[-1]))


def append(ids: Tensor, present: Tensor, pieces: Tensor, segments: Tensor, padding: int) -> Joined:
    """`pieces` (S,) right behind the last real position of each document of `ids` (B, T), before its padding.

    So no position depends on how much padding a batch needs. `present` (B, T) bool marks what is no padding, which
    `padding` fills; `segments` (S,) are the segment ids of the pieces.
    """
    count, extra = len(ids), len(pieces)
    lengths = present.sum(1, keepdim=True)  # (B, 1)
    places = lengths + torch.arange(extra, device=ids.device)  # (B, S)
    room = torch.cat([ids, ids.new_full((count, extra), padding)], 1)
    joined = room.scatter(1, places, pieces.expand(count, -1))
    kinds = torch.zeros_like(joined).scatter(1, places, segments.expand(count, -1))
    there = torch.arange(joined.shape[1], device=ids.device) < lengths + extra
    return Joined(joined, there, kinds, places)
