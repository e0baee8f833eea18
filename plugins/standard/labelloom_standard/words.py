"""Words: the vocabulary of a training split, and the reader of encoders over words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labelloom.data.splitters import splitter_key, word_splitter
from labelloom.interfaces import Reader, pad, stable_digest

PAD, UNKNOWN = 0, 1
"""The ids of padding and of words outside the vocabulary; the words follow from 2."""


def count_words(texts: Iterable[str], splitter: str) -> Counter[str]:
    """How often each word occurs in `texts`, split by the splitter of this name."""
    split = word_splitter(splitter)
    return Counter(word for text in texts for word in split(text))


def most_frequent(counts: Mapping[str, int], limit: int) -> list[str]:
    """The `limit` most frequent words; then by letter."""
    kept = sorted((-count, word) for word, count in counts.items())
    return [word for _, word in kept[:limit]]


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

    def __init__(self, vocabulary: Vocabulary, splitter: str, max_length: int) -> None:
        self.vocabulary = vocabulary
        self.max_length = max_length
        self.key = stable_digest("standard/words", splitter_key(splitter), str(max_length), *vocabulary.words)
        self._split = word_splitter(splitter)

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        """Columns `ids` and `length`, their number."""
        ids = [self.vocabulary.ids(self._split(text)[: self.max_length]) for text in texts]
        return {"ids": ids, "length": [len(row) for row in ids]}

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """`ids` (B, T) int64 and `mask` (B, T) bool."""
        ids, mask = pad([row["ids"] for row in rows], PAD)
        return {"ids": ids, "mask": mask}
