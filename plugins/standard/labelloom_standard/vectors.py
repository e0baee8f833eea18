"""Word vectors: which words get one, where the vectors start, and what is told of it.

An encoder over words calls `prepare_words` in `prepare`, `word_reader` and `word_embedding` in its constructor, and
`start_vectors` in `initialise`. The vectors themselves are no assets: they are weights, and a saved run has those.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from labelloom.data.cache import cached_arrays, digest_of
from labelloom.data.corpus import Corpus
from labelloom.data.splitters import splitter_key
from labelloom.errors import SpecError
from labelloom.interfaces import Assets
from labelloom_standard.config import WordOptions
from labelloom_standard.config.words import DEFAULT_WIDTH
from labelloom_standard.vector_files import VectorFile
from labelloom_standard.vector_training import Method, library_version, train_vectors
from labelloom_standard.words import PAD, Vocabulary, WordReader, count_words, most_frequent


def prepare_words(config: WordOptions, corpus: Corpus) -> Assets:
    """`words` of the training split, and of no other; the `width` of their vectors where `embedding` does not say it.

    Words that occur `min_count` times, and those that the file of vectors has; the `max_words` most frequent of them.
    Raises SpecError when the file is as wide as `embedding` is not, and DataError when it is broken.
    """
    counts = count_words(corpus.train.texts, config.splitter)
    frequent = {word for word, count in counts.items() if count >= config.min_count}
    if config.vector_file is None:
        words = most_frequent({word: counts[word] for word in frequent}, config.max_words)
        return {"words": words} if config.embedding else {"words": words, "width": DEFAULT_WIDTH}
    file = VectorFile(config.vector_file)
    if config.embedding not in (None, file.width):
        raise SpecError(
            f"its vectors have {file.width} numbers, and embedding = {config.embedding}",
            where=f'vectors = "{config.vectors}"',
            suggestions=[f"embedding = {file.width}", "leave embedding out: then it is what the file has"],
        )
    # Rare words come after all frequent ones, so where those fill the vocabulary the file need not be asked.
    asked = sorted(counts) if len(frequent) < config.max_words else []
    path = _cached(corpus, "vectors-found", file.fingerprint, asked)
    found = cached_arrays(path, lambda: {"found": file.find(asked)})["found"]
    known = {word for word, has in zip(asked, found.tolist(), strict=True) if has}
    words = most_frequent({word: counts[word] for word in frequent | known}, config.max_words)
    return {"words": words, "width": file.width}


def word_reader(assets: Assets, config: WordOptions) -> WordReader:
    """The reader of the words that `prepare_words` chose."""
    return WordReader(Vocabulary(cast("list[str]", assets["words"])), config.splitter, config.max_length)


def word_embedding(assets: Assets, config: WordOptions) -> nn.Embedding:
    """Random vectors for the words that `prepare_words` chose, zeros for padding; fixed if the options say so."""
    rows = len(Vocabulary(cast("list[str]", assets["words"])))
    embedding = nn.Embedding(rows, config.embedding or cast(int, assets["width"]), padding_idx=PAD)
    with torch.no_grad():
        embedding.weight[1:].normal_(std=0.1)
    embedding.weight.requires_grad_(config.train_vectors)
    return embedding


@torch.no_grad()
def start_vectors(embedding: nn.Embedding, config: WordOptions, words: Sequence[str], corpus: Corpus) -> list[str]:
    """Fill `embedding` with the vectors that `config.vectors` asks for; what there is to tell the user of them.

    Words without a vector, and what stands for unknown words, stay random, as widely spread as the vectors that there
    are (Kim 2014 section 4.3). Raises SpecError when the file has none of `words`.
    """
    if config.vectors is None or not words:
        return []
    vectors, found = _vectors(config, words, embedding.embedding_dim, corpus)
    if not found.any():
        raise SpecError(
            f"it has none of the {len(words):,} words of the vocabulary",
            where=f'vectors = "{config.vectors}"',
            suggestions=["a file for the language of the texts", "another splitter"],
        )
    weight = embedding.weight
    weight[1:].normal_(std=float(vectors[found].std()))
    # A part that is reset in a later stage has its weights on the device already.
    weight[torch.from_numpy(found.nonzero()[0] + 2).to(weight.device)] = torch.from_numpy(vectors[found]).to(weight)
    if config.vector_file is None:
        return [f"{config.vectors} vectors of {len(words):,} words, trained on the training split"]
    share = 100 * found.mean()
    return [f"{int(found.sum()):,} of {len(words):,} words ({share:.1f} %) have a vector in {config.vector_file.name}"]


def _vectors(config: WordOptions, words: Sequence[str], width: int, corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """(N, width) float32 and (N,) bool: the vector of each word and whether it has one; from the cache if there."""
    if config.vector_file is not None:
        file = VectorFile(config.vector_file)
        path = _cached(corpus, "vectors", file.fingerprint, words)
        arrays = cached_arrays(path, lambda: dict(zip(("vectors", "found"), file.read(words), strict=True)))
        return arrays["vectors"], arrays["found"]
    method = cast(Method, config.vectors)
    epochs, window = config.vector_epochs or 5, config.vector_window or 5
    made = (corpus.train.digest, splitter_key(config.splitter), method, width, epochs, window, library_version(), words)
    vectors = cached_arrays(
        _cached(corpus, "vectors-trained", *made),
        lambda: {"vectors": train_vectors(corpus.train.texts, config.splitter, words, method, width, epochs, window)},
    )["vectors"]
    return vectors, np.ones(len(words), dtype=bool)


def _cached(corpus: Corpus, quantity: str, *made_of: object) -> Path | None:
    return None if corpus.cache is None else corpus.cache / f"{digest_of(*made_of)}-{quantity}.npz"
