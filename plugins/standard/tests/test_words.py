from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from labelloom.data.splitters import splitter_key
from labelloom_standard.words import PAD, UNKNOWN, Vocabulary, WordReader, count_words, most_frequent


def test_words_are_lower_case_and_signs_stand_alone() -> None:
    assert split_words("Don't  use State-of-the-art\tGPT-4, o.k.?") == [
        *("don't", "use", "state-of-the-art", "gpt-4", ",", "o", ".", "k", ".", "?")
    ]
    assert split_words("Naïve ÉCOLE – 3.5%") == ["naïve", "école", "–", "3", ".", "5", "%"]
    assert split_words("") == split_words(" \n\t") == []


@given(st.text(max_size=60))
def test_splitting_loses_nothing_but_white_space(text: str) -> None:
    assert "".join(split_words(text)) == "".join(text.lower().split())


def test_counting_is_by_frequency_then_letter() -> None:
    texts = ["b a b", "c a b .", "d"]
    assert count_words(texts, 1, 10) == ["b", "a", ".", "c", "d"]
    assert count_words(texts, 2, 10) == ["b", "a"]
    assert count_words(texts, 1, 1) == ["b"]
    assert count_words([], 1, 10) == []


def test_ids_leave_room_for_padding_and_unknown_words() -> None:
    vocabulary = Vocabulary(["graph", "word"])
    assert len(vocabulary) == 4
    assert vocabulary.ids(["word", "strange", "graph"]) == [3, UNKNOWN, 2]


def test_the_reader_cuts_and_pads() -> None:
    reader = WordReader(Vocabulary(["graph", "word"]), max_length=3)
    columns = reader.tokenize(["Graph word graph word", "", "strange"])
    assert columns == {"ids": [[2, 3, 2], [], [UNKNOWN]], "length": [3, 0, 1]}
    inputs = reader.collate([{"ids": ids} for ids in columns["ids"]])
    assert inputs["ids"].tolist() == [[2, 3, 2], [PAD] * 3, [UNKNOWN, PAD, PAD]]
    assert inputs["mask"].tolist() == [[True] * 3, [False] * 3, [True, False, False]]


def test_an_empty_batch_of_words_still_has_a_position() -> None:
    inputs = WordReader(Vocabulary([]), 3).collate([{"ids": []}, {"ids": []}])
    assert inputs["ids"].shape == (2, 1)
    assert not inputs["mask"].any()


def test_the_key_changes_with_all_that_tokenising_depends_on() -> None:
    keys = {
        WordReader(Vocabulary(words), length).key
        for words, length in [(["a", "b"], 3), (["b", "a"], 3), (["a", "b"], 4), (["a"], 3)]
    }
    assert len(keys) == 4
    assert WordReader(Vocabulary(["a", "b"]), 3).key in keys


def test_padding_has_the_zero_vector_and_every_word_its_own() -> None:
    torch.manual_seed(0)
    embedding = word_embedding(Vocabulary(["a", "b"]), 6)
    assert embedding.weight.shape == (4, 6)
    assert embedding.weight[PAD].eq(0).all()
    assert len({tuple(row.tolist()) for row in embedding.weight}) == 4
