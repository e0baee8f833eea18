"""Word vectors trained on the training split: skip-gram and CBOW with negative sampling, by the library gensim."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, Literal

import numpy as np

from labelloom.data.splitters import word_splitter
from labelloom.errors import SpecError

Method = Literal["skip-gram", "cbow"]

_LONGEST = 10_000
"""Words of a sentence that gensim reads; it ignores the rest without a word."""


def train_vectors(
    texts: Iterable[str], splitter: str, words: Sequence[str], method: Method, width: int, epochs: int, window: int
) -> np.ndarray:
    """(N, width) float32 vectors of `words`, trained on `texts` (Mikolov et al. 2013, 5 negatives, subsampling 1e-3).

    One thread and a fixed seed: the same texts give the same vectors, in any process. Raises SpecError when gensim is
    not installed.
    """
    word2vec = _gensim(method).models.Word2Vec(
        vector_size=width, window=window, sg=int(method == "skip-gram"), min_count=1, workers=1, seed=1, epochs=epochs
    )
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        sentences = _Sentences(file)
        counts = sentences.write(texts, splitter, frozenset(words))
        word2vec.build_vocab_from_freq({word: counts[word] for word in words})
        word2vec.train(sentences, total_examples=sentences.count, epochs=epochs)
    return np.stack([word2vec.wv[word] for word in words])


def library_version() -> str:
    """The version of gensim, as part of what trained vectors depend on."""
    return str(_gensim("skip-gram").__version__)


class _Sentences:
    """Texts split into words once, on disk: they are read anew in every epoch."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self.count = 0

    def write(self, texts: Iterable[str], splitter: str, known: frozenset[str]) -> Counter[str]:
        """Keep the `known` words of `texts`; how often each occurs."""
        split, counts = word_splitter(splitter), Counter[str]()
        for text in texts:
            kept = [word for word in split(text) if word in known]
            counts.update(kept)
            for start in range(0, len(kept), _LONGEST):
                self._file.write(" ".join(kept[start : start + _LONGEST]) + "\n")
                self.count += 1
        return counts

    def __iter__(self) -> Iterator[list[str]]:
        self._file.seek(0)
        for line in self._file:
            yield line.split()


def _gensim(method: Method) -> Any:
    try:
        import gensim
        import gensim.models
    except ImportError as error:
        raise SpecError(
            f'vectors = "{method}" needs the library gensim, which is not installed',
            where="vectors",
            suggestions=['pip install "labelloom-standard[vectors]"', "a file of vectors"],
        ) from error
    return gensim
