"""Sentences: three rules that find them, and the reader that knows which words stand in which."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice, pairwise
from typing import Any

import numpy as np

from labelloom.data.splitters import splitter_key, word_splitter
from labelloom.interfaces import Reader, pad, stable_digest
from labelloom_lwpt.config.encoders import SentenceRule
from labelloom_standard.words import PAD, Vocabulary

_VERSION = "1"
"""Changes whenever the sentences of some text do."""

_ABBREVIATIONS = ("al", "approx", "cf", "dr", "eq", "eqs", "fig", "figs", "mr", "mrs", "ms", "prof", "resp", "vs")
_LETTER = r"[a-z\u00c0-\u04ff]"  # Latin, Greek, Cyrillic: other scripts have words of one letter
_IN_FULL = "".join(rf"(?<!\b{word})" for word in (_LETTER, *_ABBREVIATIONS))


def _ends(narrow: str, wide: str, before: str = "") -> re.Pattern[str]:
    """What ends a sentence: signs that white space or the end of a line follows, or wide signs wherever they stand.

    `before` must hold where such signs begin. Quotes and brackets that close go with their signs, and so do further
    signs, with or without white space between. For splitters that take signs for words of their own no end lies within
    a word, so the words of all sentences are those of the text, which the vocabulary counts.
    """
    # It starts at the first sign of a run alone, so the time is linear in long ones.
    signs = rf"(?<![{narrow}]){before}[{narrow}]+[\"'”’)\]}}»]*(?=\s|\Z)"
    wide_signs = rf"[{wide}][{narrow}{wide}]*[”’」』）》】]*"
    return re.compile(rf"(?:{signs}|{wide_signs})(?:\s*(?:{signs}|{wide_signs}))*", re.IGNORECASE)


_STOPS = _ends(".!?", "。！？", before=rf"(?:{_IN_FULL}|(?!\.(?![.!?])))")
_COMMAS = _ends(",.?", "，。？")


def _lines(text: str) -> Iterator[str]:
    yield from text.splitlines()


def _cut_after(ends: re.Pattern[str], text: str) -> Iterator[str]:
    for line in text.splitlines():
        cuts = (match.end() for match in ends.finditer(line))
        for start, end in pairwise(chain([0], cuts, [len(line)])):
            yield line[start:end]


_RULES: dict[SentenceRule, Callable[[str], Iterator[str]]] = {
    "lines": _lines,
    "stops": partial(_cut_after, _STOPS),
    "commas": partial(_cut_after, _COMMAS),
}


def sentences_of(text: str, rule: SentenceRule) -> Iterator[str]:
    """The pieces of `text`, in order; only line breaks are lost. Some may be empty or white space.

    lines    each line is one: the comments of RMSC.
    stops    Lines, cut after . ! ? that white space or the end of the line follows, and after 。 ！ ？ anywhere. A full
             stop inside a number or a name (3.14, U.S.A, labelloom.toml) is therefore none, and neither is one after a
             single letter (e.g., J. Smith) or after one of a few abbreviations (et al., Fig., vs.).
    commas   Lines, cut in the same way after , . ? and ， 。 ？, abbreviations or not: what the paper's authors cut the
             abstracts of AAPD at, which have no full stops.
    """
    return _RULES[rule](text)


class SentenceReader(Reader):
    """Splits texts into sentences and those into words; reads the first words of the first sentences.

    A sentence without a word is none: it takes no place among the `max_sentences`.
    """

    def __init__(
        self, vocabulary: Vocabulary, splitter: str, rule: SentenceRule, max_sentences: int, max_length: int
    ) -> None:
        self.vocabulary = vocabulary
        self.rule = rule
        self.max_sentences = max_sentences
        self.max_length = max_length
        made_of = (_VERSION, rule, splitter_key(splitter), str(max_sentences), str(max_length))
        self.key = stable_digest("lwpt/sentences", *made_of, *vocabulary.words)
        self._split = word_splitter(splitter)

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        """Columns `ids` of the words, `sizes` of the sentences, and `length`, which orders by cost.

        Both recurrent networks run once a sentence, over words that are padded to the longest sentence of a batch and
        over every label: so what counts first is how many sentences a document has, and then its longest one.
        """
        read = [self._read(text) for text in texts]
        sizes = [[len(sentence) for sentence in sentences] for sentences in read]
        return {
            "ids": [list(chain.from_iterable(sentences)) for sentences in read],
            "sizes": sizes,
            "length": [self.max_length * len(own) + max(own, default=0) for own in sizes],
        }

    def _read(self, text: str) -> list[list[int]]:
        """The ids of the words of each sentence."""
        words = (self._split(sentence) for sentence in sentences_of(text, self.rule))
        kept = islice(filter(None, words), self.max_sentences)
        return [self.vocabulary.ids(sentence[: self.max_length]) for sentence in kept]

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Of each word, (B, W) int64: `ids`, `sentence` and its `place` there, both from 0; and their bool `mask`."""
        sizes = [np.asarray(row["sizes"], dtype=np.int64) for row in rows]
        ids, mask = pad([row["ids"] for row in rows], PAD)
        sentence, _ = pad([np.repeat(np.arange(len(own)), own) for own in sizes])
        place, _ = pad([np.arange(own.sum()) - np.repeat(own.cumsum() - own, own) for own in sizes])
        return {"ids": ids, "mask": mask, "sentence": sentence, "place": place}
