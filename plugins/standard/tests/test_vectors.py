from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from labelloom.data.corpus import Corpus
from labelloom.errors import SpecError
from labelloom_standard.config import BiLSTMConfig, WordOptions
from labelloom_standard.vector_files import VectorFile
from labelloom_standard.vector_training import train_vectors
from labelloom_standard.vectors import prepare_words, start_vectors, word_embedding
from labelloom_standard.words import PAD, UNKNOWN

TEXTS = ["graph graph graph words words of", "of rare words seldom", "network network"]
"""graph 3, words 3, network 2, of 2; rare and seldom once."""


@pytest.fixture
def glove(tmp_path: Path) -> Path:
    path = tmp_path / "glove.txt"
    path.write_text("graph 1 2 3 4\nRare 0 -1 0 1\nof 0.5 0.5 0.5 0.5\nunseen 1 1 1 1\n")
    return path


@pytest.fixture
def corpus(make_corpus: Callable[..., Corpus], tmp_path: Path) -> Corpus:
    return dataclasses.replace(make_corpus(TEXTS, validation=["unseen"]), cache=tmp_path / "cache")


def started(config: WordOptions, corpus: Corpus) -> tuple[list[str], nn.Embedding, list[str]]:
    """The words, their vectors and what is told, as an encoder would have them."""
    torch.manual_seed(0)
    assets = prepare_words(config, corpus)
    embedding = word_embedding(assets, config)
    return assets["words"], embedding, start_vectors(embedding, config, assets["words"], corpus)


def test_without_vectors_every_word_has_a_random_one_and_padding_none(corpus: Corpus) -> None:
    words, embedding, told = started(WordOptions(embedding=6), corpus)
    assert words == ["graph", "words", "network", "of"]
    assert embedding.weight.shape == (6, 6)
    assert embedding.weight[PAD].eq(0).all()
    assert len({tuple(row.tolist()) for row in embedding.weight}) == 6
    assert told == []


def test_rare_words_that_the_file_has_are_kept(corpus: Corpus, glove: Path) -> None:
    words, embedding, told = started(WordOptions(vectors=str(glove)), corpus)
    assert words == ["graph", "words", "network", "of", "rare"]  # not seldom, and not what only validation has
    assert embedding.weight[2].tolist() == [1, 2, 3, 4]
    assert embedding.weight[5].tolist() == [0.5] * 4
    assert embedding.weight[6].tolist() == [0, -1, 0, 1]  # as "Rare" in the file
    assert embedding.weight[PAD].eq(0).all()
    assert told == ["3 of 5 words (60.0 %) have a vector in glove.txt"]


def test_words_without_a_vector_are_spread_as_widely(make_corpus: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    known = [f"k{place}" for place in range(60)]
    lines = (f"{word} {' '.join(map(str, rng.normal(scale=3.0, size=20)))}" for word in known)
    (tmp_path / "glove.txt").write_text("\n".join(lines) + "\n")
    corpus = make_corpus([" ".join([*known, *(f"u{place}" for place in range(60))])])
    words, embedding, _ = started(WordOptions(vectors=str(tmp_path / "glove.txt"), min_count=1), corpus)
    unknown = [place + 2 for place, word in enumerate(words) if word.startswith("u")]
    assert len(unknown) == 60
    assert embedding.weight[unknown].std().item() == pytest.approx(3, rel=0.1)
    assert embedding.weight[UNKNOWN].std() > 1


def test_the_most_frequent_words_are_kept_vector_or_not(corpus: Corpus, glove: Path) -> None:
    config = WordOptions(vectors=str(glove), max_words=4)
    assert prepare_words(config, corpus)["words"] == ["graph", "words", "network", "of"]
    config = WordOptions(vectors=str(glove), max_words=3, min_count=3)
    assert prepare_words(config, corpus)["words"] == ["graph", "words", "of"]


def test_the_width_is_the_files_or_must_be_it(corpus: Corpus, glove: Path) -> None:
    assert prepare_words(WordOptions(vectors=str(glove)), corpus)["width"] == 4
    assert started(WordOptions(vectors=str(glove), embedding=4), corpus)[1].embedding_dim == 4
    assert prepare_words(WordOptions(embedding=4), corpus) == {"words": ["graph", "words", "network", "of"]}
    with pytest.raises(SpecError) as told:
        prepare_words(WordOptions(vectors=str(glove), embedding=300), corpus)
    assert str(told.value) == (
        f'vectors = "{glove}": its vectors have 4 numbers, and embedding = 300\n'
        "    try: embedding = 4\n"
        "    try: leave embedding out: then it is what the file has"
    )


@pytest.mark.parametrize("max_words", [50_000, 2])
def test_a_file_for_other_texts_is_refused(make_corpus: Any, glove: Path, max_words: int) -> None:
    config = WordOptions(vectors=str(glove), min_count=1, max_words=max_words)
    with pytest.raises(SpecError) as told:
        started(config, make_corpus(["чужие слова", "слова"]))
    assert str(told.value) == (
        f'vectors = "{glove}": it has none of the 2 words of the vocabulary\n'
        "    try: a file for the language of the texts\n"
        "    try: another splitter"
    )


def test_a_corpus_without_words_needs_no_vectors(make_corpus: Any, glove: Path) -> None:
    words, embedding, told = started(WordOptions(vectors=str(glove)), make_corpus(["", " "]))
    assert (words, len(embedding.weight), told) == ([], 2, [])
    words, _, told = started(WordOptions(vectors="cbow", embedding=4), make_corpus([""]))
    assert (words, told) == ([], [])


def test_the_file_is_read_once_for_many_runs(corpus: Corpus, glove: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = WordOptions(vectors=str(glove))
    first = started(config, corpus)
    monkeypatch.setattr(VectorFile, "_entries", lambda self: pytest.fail("read again"))
    again = started(config, corpus)
    assert again[0] == first[0]
    assert torch.equal(again[1].weight, first[1].weight)


def test_another_file_under_the_same_name_is_read(corpus: Corpus, glove: Path) -> None:
    config = WordOptions(vectors=str(glove))
    started(config, corpus)
    glove.write_text("graph 10 20 30 40\n")
    assert started(config, corpus)[1].weight[2].tolist() == [10, 20, 30, 40]


@pytest.mark.parametrize("method", ["skip-gram", "cbow"])
def test_words_that_stand_together_come_together(make_corpus: Any, method: str) -> None:
    rng = np.random.default_rng(0)
    topics = [[f"{topic}{place}" for place in range(40)] for topic in "ab"]
    texts = [" ".join(rng.choice(topics[place % 2], 10)) for place in range(400)]
    config = WordOptions(vectors=method, embedding=16, vector_epochs=20)
    words, embedding, told = started(config, make_corpus(texts))
    assert told == [f"{method} vectors of 80 words, trained on the training split"]
    vectors = nn.functional.normalize(embedding.weight[2:].detach(), dim=1)
    first = torch.tensor([word.startswith("a") for word in words])
    likeness = vectors @ vectors.T
    assert likeness[first][:, first].mean() > likeness[first][:, ~first].mean() + 0.2


def test_trained_vectors_are_the_same_in_every_process() -> None:
    code = (
        "from labelloom_standard.vector_training import train_vectors\n"
        "texts = ['a graph of words', 'words of a graph and a network', 'network of a'] * 30\n"
        "words = ['a', 'graph', 'of', 'words', 'network']\n"
        "made = train_vectors(texts, 'words', words, 'skip-gram', 8, 3, 2)\n"
        "print(made.shape, made.tobytes().hex())\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert told.pop().startswith("(5, 8) ")


def test_words_of_very_long_texts_are_all_trained() -> None:
    """gensim leaves out what stands after the first 10,000 words of a sentence; these come after."""
    words = ["sun", "moon", "star", "sky"]
    text = "x " * 10_000 + " ".join(words * 300)
    short = train_vectors([text[:20_000]], "words", ["x"], "skip-gram", 8, 1, 2)
    made = train_vectors([text], "words", ["x", *words], "cbow", 8, 10, 2)
    start = train_vectors([text], "words", ["x", *words], "cbow", 8, 1, 2)
    assert short.shape == (1, 8)
    assert np.abs(made[1:] - start[1:]).max() > 0.01


def test_trained_vectors_are_kept_by_what_made_them(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    config = WordOptions(vectors="skip-gram", embedding=4)
    first = started(config, corpus)
    calls: list[int] = []

    def count(*arguments: Any) -> np.ndarray:
        calls.append(1)
        return train_vectors(*arguments)

    monkeypatch.setattr("labelloom_standard.vectors.train_vectors", count)
    assert torch.equal(started(config, corpus)[1].weight, first[1].weight)
    assert calls == []
    changes = [{"vectors": "cbow"}, {"embedding": 5}, {"vector_epochs": 6}, {"vector_window": 2}, {"min_count": 1}]
    for change in changes:
        started(WordOptions(**{"vectors": "skip-gram", "embedding": 4, **change}), corpus)
    assert len(calls) == len(changes)


def test_gensim_that_is_missing_is_told(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gensim", None)
    with pytest.raises(SpecError) as told:
        started(WordOptions(vectors="skip-gram"), corpus)
    assert str(told.value) == (
        'vectors: vectors = "skip-gram" needs the library gensim, which is not installed\n'
        '    try: pip install "labelloom-standard[vectors]"\n'
        "    try: a file of vectors"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vectors": "skipgram"}, '\'skipgram\' is neither "skip-gram", "cbow" nor a path: write "skip-gram"'),
        ({"vectors": "glove.txt"}, 'nor a path: write "./glove.txt", if it is a file beside the spec'),
        ({"train_vectors": False}, "train_vectors = false leaves vectors as they start, and without vectors that is"),
        (
            {"vector_epochs": 3},
            'vector_epochs would be ignored: only vectors = "skip-gram" or "cbow" are trained: '
            'remove vector_epochs, or say vector_epochs = "none" where the spec extends another',
        ),
        (
            {"vectors": "./x", "vector_epochs": 3, "vector_window": 2},
            "vector_epochs and vector_window would be ignored",
        ),
        ({"splitter": "word"}, "'words', 'whitespace', 'characters' or 'jieba'"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as told:
        BiLSTMConfig(**options)
    assert message in str(told.value)


def test_options_read_back_as_they_were_written() -> None:
    for options in ({}, {"vectors": "cbow", "vector_epochs": 3}, {"vectors": "./x.bin", "train_vectors": False}):
        config = BiLSTMConfig(**options)
        assert BiLSTMConfig(**config.model_dump(exclude_none=True)) == config
