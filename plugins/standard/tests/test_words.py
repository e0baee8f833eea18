from __future__ import annotations

import pytest

from labelloom_standard.words import PAD, UNKNOWN, Vocabulary, WordReader, count_words, most_frequent


def test_words_are_counted_as_they_are_split() -> None:
    assert count_words(["b a B", "c."], "words") == {"b": 2, "a": 1, "c": 1, ".": 1}
    assert count_words(["b a B", "c."], "whitespace") == {"b": 1, "a": 1, "B": 1, "c.": 1}


def test_the_most_frequent_come_first_then_by_letter() -> None:
    counts = {"d": 1, "b": 3, "c": 1, "a": 2}
    assert most_frequent(counts, 10) == ["b", "a", "c", "d"]
    assert most_frequent(counts, 1) == ["b"]
    assert most_frequent({}, 10) == []


def test_ids_leave_room_for_padding_and_unknown_words() -> None:
    vocabulary = Vocabulary(["graph", "word"])
    assert len(vocabulary) == 4
    assert vocabulary.ids(["word", "strange", "graph"]) == [3, UNKNOWN, 2]


def test_the_reader_cuts_and_pads() -> None:
    reader = WordReader(Vocabulary(["graph", "word"]), "words", max_length=3)
    columns = reader.tokenize(["Graph word graph word", "", "strange"])
    assert columns == {"ids": [[2, 3, 2], [], [UNKNOWN]], "length": [3, 0, 1]}
    inputs = reader.collate([{"ids": ids} for ids in columns["ids"]])
    assert inputs["ids"].tolist() == [[2, 3, 2], [PAD] * 3, [UNKNOWN, PAD, PAD]]
    assert inputs["mask"].tolist() == [[True] * 3, [False] * 3, [True, False, False]]


@pytest.mark.parametrize(("splitter", "ids"), [("words", [1, 1]), ("characters", [1, 2, 3, 1]), ("jieba", [1, 4, 1])])
def test_the_reader_splits_as_it_is_told(splitter: str, ids: list[int]) -> None:
    reader = WordReader(Vocabulary(["神", "经", "神经"]), splitter, max_length=9)
    assert reader.tokenize(["的神经。"])["ids"] == [ids]


def test_an_empty_batch_of_words_still_has_a_position() -> None:
    inputs = WordReader(Vocabulary([]), "words", 3).collate([{"ids": []}, {"ids": []}])
    assert inputs["ids"].shape == (2, 1)
    assert not inputs["mask"].any()


def test_the_key_changes_with_all_that_tokenising_depends_on() -> None:
    made = [(["a", "b"], "words", 3), (["b", "a"], "words", 3), (["a", "b"], "words", 4), (["a"], "words", 3)]
    made += [(["a", "b"], splitter, 3) for splitter in ("whitespace", "characters", "jieba")]
    keys = {WordReader(Vocabulary(words), splitter, length).key for words, splitter, length in made}
    assert len(keys) == len(made)
    assert WordReader(Vocabulary(["a", "b"]), "words", 3).key in keys


def test_the_key_changes_with_the_library_that_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    import jieba

    before = WordReader(Vocabulary(["a"]), "jieba", 3).key
    monkeypatch.setattr(jieba, "__version__", "9")
    assert WordReader(Vocabulary(["a"]), "jieba", 3).key != before
