"""What the stand-ins share: words, a small attention, picking one label a row, the loss over relations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Batch, Loss, Reader, States, pad, stable_digest


def words_of(corpus: Corpus) -> list[str]:
    """Every word of the training split, in the order of the alphabet."""
    return sorted({word for text in corpus.train.texts for word in text.split()})


class WordReader(Reader):
    """Splits at white space; words that training lacks are dropped."""

    def __init__(self, words: Sequence[str], max_length: int) -> None:
        self.ids = {word: place for place, word in enumerate(words, start=1)}
        self.max_length = max_length
        self.key = stable_digest("standin/words", str(max_length), *words)

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        ids = [[self.ids[word] for word in text.split() if word in self.ids][: self.max_length] for text in texts]
        return {"ids": ids, "length": [len(row) for row in ids]}

    def collate(self, rows: Sequence[Any]) -> dict[str, Any]:
        ids, mask = pad([row["ids"] for row in rows])
        return {"ids": ids, "mask": mask}


class SelfAttention(nn.Module):
    """A residual attention of everything to everything, in place of a transformer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, dropout=0.1, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(B, T, H) and the (B, T) mask of what may be attended to, to (B, T, H)."""
        mixed, _ = self.attention(values, values, values, key_padding_mask=~mask, need_weights=False)
        return self.norm(values + mixed)


def label_vectors(states: States, batch: Batch, name: str | None = None) -> Tensor:
    """(1 or B, C, K): the field `name` for the labels under consideration; by default `labels | label_table`."""
    name = name or ("labels" if states.labels is not None else "label_table")
    value = states.get(name)
    return value(batch.label_ids) if callable(value) else value


def one_of(allowed: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """(B,) a place drawn evenly among those of `allowed` (B, C) by `noise` (B, C), and (B,) whether there is any."""
    return noise.masked_fill(~allowed, -1).argmax(1), allowed.any(1)


def at(values: Tensor, places: Tensor) -> Tensor:
    """(B, K): the vector of (B, C, K) at each row's place."""
    return values[torch.arange(len(places), device=places.device), places]


def contrast(similarity: Tensor, relation: Tensor) -> Loss:
    """-log of each row's positives among its positives and negatives: one function for ranking and for InfoNCE.

    Args:
        similarity: (B, B).
        relation: (B, B), +1 for positives, -1 for negatives, 0 for neither.
    """
    lowest = torch.finfo(similarity.dtype).min
    positives = similarity.masked_fill(relation <= 0, lowest).logsumexp(1)
    everyone = similarity.masked_fill(relation == 0, lowest).logsumexp(1)
    return Loss.over(everyone - positives, (relation > 0).any(1) & (relation < 0).any(1))
