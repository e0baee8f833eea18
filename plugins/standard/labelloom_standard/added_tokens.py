"""Tokens added to a language model's vocabulary, for labels in its input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


def extend_vocabulary(model: Any, count: int, tokenizer: Any) -> ExtendedEmbedding:
    """Give the model `count` more tokens; what it now embeds with.

    Raises ValueError where the tokenizer has ids that the model has none for: documents would be read as these tokens.
    """
    known, own = model.get_input_embeddings().num_embeddings, 1 + max(tokenizer.get_vocab().values())
    if own > known:
        raise ValueError(
            f"the tokenizer's ids go up to {own - 1}, but the model embeds {known} tokens: give it the tokenizer that "
            "it was trained with"
        )
    embedding = ExtendedEmbedding(model.get_input_embeddings(), count, _std(model))
    model.set_input_embeddings(embedding)
    return embedding


def extend_segments(model: Any, count: int) -> ExtendedEmbedding:
    """Give the model `count` more segments; what it now embeds them with. Raises ValueError where it knows none."""
    name = next((name for name, module in model.named_modules() if name.endswith("token_type_embeddings")), None)
    if name is None:
        raise ValueError(f"{model.config.model_type} knows no segments, so labels cannot have segments of their own")
    holder, _, leaf = name.rpartition(".")
    embedding = ExtendedEmbedding(model.get_submodule(name), count, _std(model))
    setattr(model.get_submodule(holder), leaf, embedding)
    return embedding


@contextmanager
def without_added(model: nn.Module) -> Iterator[None]:
    """Meanwhile the model has its own embeddings alone, under the names that its files have."""
    places = [
        (holder, name, child)
        for holder in model.modules()
        for name, child in holder.named_children()
        if isinstance(child, ExtendedEmbedding)
    ]
    for holder, name, child in places:
        setattr(holder, name, child.base)
    try:
        yield
    finally:
        for holder, name, child in places:
            setattr(holder, name, child)


def _std(model: Any) -> float:
    return float(getattr(model.config, "initializer_range", 0.02))
