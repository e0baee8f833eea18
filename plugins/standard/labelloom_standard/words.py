"""Words: how texts are split into them, the vocabulary of a training split, and the reader of encoders over words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from labelloom.interfaces import Reader, pad, stable_digest

PAD, UNKNOWN = 0, 1
"""The ids of padding and of words outside the vocabulary; the words follow from 2."""

_WORD = re.compile(r"\w+(?:['’\-]\w+)*|[^\w\s]")


def split_words(text: str) -> list[str]:
    """Lower-cased words of letters, digits and underscores, joined by single apostrophes and hyphens ("don't",
    "state-of-the-art"); every other sign that is not white space stands alone.

    Languages that put no space between words need another splitter.
    """
    return _WORD.findall(text.lower())


def count_words(texts: Iterable[str], min_count: int, max_words: int) -> list[str]:
    """The words that occur in `texts` at least `min_count` times, the `max_words` most frequent; then by letter."""
    counts = Counter(word for text in texts for word in split_words(text))
    kept = sorted((-count, word) for word, count in counts.items() if count >= min_count)
    return [word for _, word in kept[:max_words]]


class Vocabulary:
    """Words and their ids: PAD, UNKNOWN, then `words` in their order. Its length counts all of these."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._ids = {word: place for place, word in enumerate(self.words, start=2)}

    def __len__(self) -> int:
        return len(self.words) + 2

    def ids(self, words: Iterable[str]) -> list[int]:
        """The id of each word."""
        return [self._ids.get(word, UNKNOWN) for word in words]


class WordReader(Reader):
    """Splits texts into words and gives the ids of the first `max_length`."""

    def __init__(self, vocabulary: Vocabulary, max_length: int) -> None:
        self.vocabulary = vocabulary
        self.max_length = max_length
        self.key = stable_digest("standard/words", _WORD.pattern, str(max_length), *vocabulary.words)

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        """Columns `ids` and `length`, their number."""
        ids = [self.vocabulary.ids(split_words(text)[: self.max_length]) for text in texts]
        return {"ids": ids, "length": [len(row) for row in ids]}

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """`ids` (B, T) int64 and `mask` (B, T) bool."""
        ids, mask = pad([row["ids"] for row in rows], PAD)
        return {"ids": ids, "mask": mask}


def word_embedding(vocabulary: Vocabulary, width: int) -> nn.Embedding:
    """Random vectors for a vocabulary, zeros for padding; vectors trained elsewhere are copied over them."""
    embedding = nn.Embedding(len(vocabulary), width, padding_idx=PAD)
    with torch.no_grad():
        embedding.weight[1:].normal_(std=0.1)
    return embedding
