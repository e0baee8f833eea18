"""Where sentences end, and what the reader makes of them."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labelloom.data.splitters import word_splitter
from labelloom_lwpt.config.encoders import SentenceRule
from labelloom_lwpt.sentences import SentenceReader, sentences_of
from labelloom_standard.words import PAD, UNKNOWN, Vocabulary

RULES = get_args(SentenceRule)
WORDS = ["a", "graph", "of", "words", ".", ","]


def found(text: str, rule: Any) -> list[str]:
    return [sentence.strip() for sentence in sentences_of(text, rule) if sentence.strip()]


def reader(rule: Any = "lines", splitter: str = "words", most: int = 9, longest: int = 9) -> SentenceReader:
    return SentenceReader(Vocabulary(WORDS), splitter, rule, most, longest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("one line\n\nanother\r\nand one. With two", ["one line", "another", "and one.", "With two"]),
        ("It is 3.14 at labelloom.toml, no?yes", ["It is 3.14 at labelloom.toml, no?yes"]),
        (
            "We use it, e.g. here, as J. Smith et al. did. Or not",
            ["We use it, e.g. here, as J. Smith et al. did.", "Or not"],
        ),
        (
            "Dr. Who vs. Fig. 3. In the U.S. it was resp. so. Yes",
            ["Dr. Who vs. Fig. 3.", "In the U.S. it was resp. so.", "Yes"],
        ),
        ("A metal. Is alone!", ["A metal.", "Is alone!"]),
        ('He said "no." (And left.) Then', ['He said "no."', "(And left.)", "Then"]),
        ("What?! Well... so . . . it", ["What?!", "Well...", "so . . .", "it"]),
        ("it is a set . of words", ["it is a set .", "of words"]),
        ("plan b? yes", ["plan b?", "yes"]),
        ("plan b... yes", ["plan b...", "yes"]),
        ("很好。真的！？“是”吗？”好", ["很好。", "真的！？", "“是”吗？”", "好"]),
        ("它是 3.5 分，很好. 对", ["它是 3.5 分，很好.", "对"]),
        ("...", ["..."]),
        ("", []),
    ],
)
def test_stops(text: str, expected: list[str]) -> None:
    assert found(text, "stops") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("first , second ? third , , fourth", ["first ,", "second ?", "third , ,", "fourth"]),
        ("first, e.g. second! 1,000 and 3.14", ["first,", "e.g.", "second! 1,000 and 3.14"]),
        ("很好，真的。对？是！好", ["很好，", "真的。", "对？", "是！好"]),
        ("one\ntwo", ["one", "two"]),
    ],
)
def test_commas(text: str, expected: list[str]) -> None:
    assert found(text, "commas") == expected


def test_lines() -> None:
    assert found("One. Two!\r\n\n \nthree, four\u2028five", "lines") == ["One. Two!", "three, four", "five"]


texts = st.text(st.sampled_from("ab7,.!?。，！？’”\"') \n\r\te爱"), max_size=40)


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None)
@given(text=texts)
def test_only_line_breaks_are_lost(rule: Any, text: str) -> None:
    assert "".join(sentences_of(text, rule)) == "".join(text.splitlines())


@pytest.mark.parametrize("splitter", ["words", "characters", "jieba"])
@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None)
@given(text=texts)
def test_words_are_those_of_the_whole_text(rule: Any, splitter: str, text: str) -> None:
    split = word_splitter(splitter)
    assert [word for sentence in sentences_of(text, rule) for word in split(sentence)] == split(text)


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None)
@given(text=texts)
def test_texts_that_are_split_already_stay_so(rule: Any, text: str) -> None:
    ascii_text = "".join(sign for sign in text if sign.isascii())
    assert [word for sentence in sentences_of(ascii_text, rule) for word in sentence.split()] == ascii_text.split()


@settings(deadline=None)
@given(text=texts)
def test_stops_and_commas_end_lines_too(text: str) -> None:
    def ends(rule: Any) -> set[int]:
        places, end = set(), 0
        for sentence in sentences_of(text, rule):
            end += len(sentence)
            places.add(end)
        return places

    assert ends("lines") <= ends("stops")
    assert ends("lines") <= ends("commas")


@pytest.mark.parametrize("rule", ["stops", "commas"])
def test_long_runs_of_signs_take_linear_time(rule: Any) -> None:
    # Quadratic search would take minutes here, and the test would not end.
    for text in ("." * 300_000 + "x", ". " * 150_000, "." + " " * 300_000 + "x", ".)" * 150_000 + "x", '?"' * 150_000):
        assert len(list(sentences_of(text, rule))) <= 2


def test_the_reader_drops_what_has_no_word_and_cuts_the_rest() -> None:
    columns = reader(most=2, longest=3).tokenize(["a graph\n \n\nof words . ,\na", "", "\n\n", "strange"])
    assert columns["ids"] == [[2, 3, 4, 5, 6], [], [], [UNKNOWN]]
    assert columns["sizes"] == [[2, 3], [], [], [1]]


def test_the_length_orders_by_sentences_and_then_by_the_longest() -> None:
    lengths = reader(longest=4).tokenize(["", "a", "a a a a a a", "a\na", "a a\na", "a a a a\na", "a\na\na"])["length"]
    assert lengths == sorted(set(lengths))
    assert lengths[0] == 0


def test_what_is_collated() -> None:
    tokenised = reader().tokenize(["a graph\nof words , .", "", "a"])
    inputs = reader().collate([{name: values[row] for name, values in tokenised.items()} for row in range(3)])
    assert inputs["ids"].tolist() == [[2, 3, 4, 5, 7, 6], [PAD] * 6, [2, *[PAD] * 5]]
    assert inputs["mask"].int().tolist() == [[1] * 6, [0] * 6, [1, 0, 0, 0, 0, 0]]
    assert inputs["sentence"].tolist() == [[0, 0, 1, 1, 1, 1], [0] * 6, [0] * 6]
    assert inputs["place"].tolist() == [[0, 1, 0, 1, 2, 3], [0] * 6, [0] * 6]
    assert inputs["ids"].dtype == inputs["sentence"].dtype == inputs["place"].dtype == torch.int64


def test_a_batch_without_words_has_a_position() -> None:
    inputs = reader().collate([{"ids": [], "sizes": []}] * 2)
    assert all(inputs[name].shape == (2, 1) for name in ("ids", "mask", "sentence", "place"))
    assert not inputs["mask"].any()


def test_the_key_changes_with_all_that_tokenising_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[SentenceReader] = [reader(rule) for rule in RULES]
    made += [reader(splitter="whitespace"), reader(most=8), reader(longest=8), reader(most=8, longest=8)]
    made += [SentenceReader(Vocabulary(WORDS[::-1]), "words", "lines", 9, 9)]
    keys = {each.key for each in made}
    assert len(keys) == len(made)
    assert reader().key in keys
    monkeypatch.setattr("labelloom_lwpt.sentences._VERSION", "other")
    assert reader().key not in keys
