"""A reader of words, and wrong ones."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from labelloom.interfaces import Reader, pad, stable_digest

UNKNOWN = 0


class WordsReader(Reader):
    """The ids of a text's words: those of `words` from 1, all others 0."""

    def __init__(self, words: Sequence[str]) -> None:
        self.ids = {word: place for place, word in enumerate(words, start=1)}
        self.key = stable_digest("planted/words", *words)

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        """Columns `ids` and `length`."""
        ids = [[self.id_of(word) for word in text.split()] for text in texts]
        return {"ids": ids, "length": [len(row) for row in ids]}

    def id_of(self, word: str) -> int:
        """The id of a word."""
        return self.ids.get(word, UNKNOWN)

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """`ids` and `mask`, (B, T)."""
        ids, mask = pad([row["ids"] for row in rows])
        return {"ids": ids, "mask": mask}


class KeyOfTheObject(WordsReader):
    """Its key is another one for every object."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words)
        self.key = f"{random.getrandbits(64):x}"


class KeyOfAHash(WordsReader):
    """Its key is a hash of strings, of which each process makes another."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words)
        self.key = f"{hash(tuple(words)):x}"


class Buckets(WordsReader):
    """A word's id is its hash, of which each process makes another, while the key stays."""

    def id_of(self, word: str) -> int:
        """One of as many ids as there are words."""
        return hash(word) % len(self.ids) + 1


class Learning(WordsReader):
    """It takes words into its vocabulary when it meets them, so a text's ids depend on what it read before."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words)
        self.size = len(words)
        self.ids = {}

    def id_of(self, word: str) -> int:
        """The id of a word, new or not."""
        return self.ids.setdefault(word, len(self.ids) % self.size + 1)


class Weighing(WordsReader):
    """It holds the words' vectors, so that what is cached goes stale with every step."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words)
        self.embedding = nn.Embedding(len(words) + 1, 8)

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """`words` (B, T, 8) beside the rest."""
        inputs = super().collate(rows)
        return {**inputs, "words": self.embedding(inputs["ids"])}


class NoLength(WordsReader):
    """It does not tell how long texts are, which batches are grouped by."""

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        """The column `ids` alone."""
        return {"ids": super().tokenize(texts)["ids"]}


class Bracketed(WordsReader):
    """It puts a special position before each text and counts it among the words."""

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """`ids` and `mask`, (B, 1 + T)."""
        ids, mask = pad([[UNKNOWN, *row["ids"]] for row in rows])
        return {"ids": ids, "mask": mask}
