"""Tf-idf against its formula, and features that are saved."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from labelloom.errors import DataError
from labelloom.linear.features import Features

TEXTS = ["The cat sat", "the dog sat, sat", "a cat and a dog", ""]


def test_features_by_hand() -> None:
    features, matrix = Features.fitted(TEXTS, "words", 1, 1, 100)

    words = [
        Counter(["the", "cat", "sat"]),
        Counter(["the", "dog", "sat", ",", "sat"]),
        Counter(["a", "cat", "and", "a", "dog"]),
    ]
    frequency = Counter(word for counts in words for word in counts)
    for row, counts in enumerate(words):
        expected = np.array(
            [
                (1 + math.log(counts[term])) * (math.log((1 + 4) / (1 + frequency[term])) + 1) if counts[term] else 0
                for term in features.terms
            ]
        )
        np.testing.assert_allclose(matrix[row].toarray()[0], expected / np.linalg.norm(expected))
    assert matrix[3].nnz == 0


def test_sequences_of_words() -> None:
    features, _ = Features.fitted(TEXTS, "words", 2, 1, 100)

    assert {"the cat", "cat sat", "sat"} <= set(features.terms)
    assert "the cat sat" not in features.terms


def test_rare_terms_and_too_many_are_left_out() -> None:
    assert set(Features.fitted(TEXTS, "words", 1, 2, 100)[0].terms) == {"the", "cat", "sat", "dog"}
    assert len(Features.fitted(TEXTS, "words", 1, 1, 3)[0].terms) == 3


def test_other_texts_get_the_idf_of_training() -> None:
    features, matrix = Features.fitted(TEXTS, "words", 2, 1, 100)

    again = features.of([*TEXTS, "unknown words", "cat unknown"])

    np.testing.assert_allclose(again[:4].toarray(), matrix.toarray(), rtol=1e-12)
    assert again[4].nnz == 0
    assert again[5].nnz == 1
    assert again.has_sorted_indices


def test_terms_are_numbered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    features, _ = Features.fitted(TEXTS, "words", 1, 1, 100)
    before = features.of(["cat"]).toarray()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("made anew")

    monkeypatch.setattr("labelloom.linear.features._vectorizer", refuse)

    np.testing.assert_array_equal(features.of(["cat"]).toarray(), before)


def test_no_term_is_common_enough() -> None:
    with pytest.raises(DataError) as told:
        Features.fitted(TEXTS, "words", 1, 9, 100)

    assert str(told.value).splitlines() == [
        "baseline.min_count: no word occurs in 9 or more training documents",
        "    try: --set baseline.min_count=1",
        "    try: look at the texts: labelloom data SOURCE",
    ]


def test_no_text_has_a_word() -> None:
    with pytest.raises(DataError) as told:
        Features.fitted(["", " "], "words", 1, 1, 100)

    assert str(told.value).splitlines() == [
        "train split: no document has a word",
        "    try: look at the texts: labelloom data SOURCE",
    ]
