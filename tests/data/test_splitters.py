from __future__ import annotations

import re
import subprocess
import sys
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloom.data.splitters import SPLITTERS, SplitterName, splitter_key, word_splitter
from labelloom.errors import SpecError

ANY_SCRIPT = st.text(
    st.one_of(st.characters(), st.sampled_from("aB9'-_ \n\t我们T恤東京かガー々ไทยที่ខ្មែរမြန်မာ한국어ñ")), max_size=40
)


def test_words_are_lower_case_and_signs_stand_alone() -> None:
    split = word_splitter("words")
    assert split("Don't  use State-of-the-art\tGPT-4, o.k.?") == [
        *("don't", "use", "state-of-the-art", "gpt-4", ",", "o", ".", "k", ".", "?")
    ]
    assert split("Naïve ÉCOLE – 3.5%") == ["naïve", "école", "–", "3", ".", "5", "%"]
    assert split("") == split(" \n\t") == []


@pytest.mark.parametrize("name", ["words", "characters"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी में, लिखें।", ["हिन्दी", "में", ",", "लिखें", "।"]),
        ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
        ("বাংলা ভাষা", ["বাংলা", "ভাষা"]),
        ("مُحَمَّدٌ كَتَبَ", ["مُحَمَّدٌ", "كَتَبَ"]),
        ("שָׁלוֹם", ["שָׁלוֹם"]),
        ("me\u0301te\u0301o d'e\u0301te\u0301-la\u0300", ["me\u0301te\u0301o", "d'e\u0301te\u0301-la\u0300"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("I \u2764\ufe0f it", ["i", "\u2764\ufe0f", "it"]),
        ("\u0301a \u0301", ["\u0301", "a", "\u0301"]),  # on no letter
    ],
)
def test_marks_belong_to_their_letter(name: str, text: str, words: list[str]) -> None:
    assert word_splitter(name)(text) == words


@given(text=st.text(st.characters(exclude_categories=["Mn", "Mc", "Me"], exclude_characters="\u200c\u200d\u0130")))
def test_words_without_marks_are_split_as_a_plain_pattern_does(text: str) -> None:
    assert word_splitter("words")(text) == re.findall(r"\w+(?:['’\-]\w+)*|[^\w\s]", text.lower())


def test_white_space_alone_keeps_case() -> None:
    assert word_splitter("whitespace")(" 机器 学习\tGPT-4 ,\nDon't ") == ["机器", "学习", "GPT-4", ",", "Don't"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("我买了T恤。", ["我", "买", "了", "t", "恤", "。"]),
        ("GPT-4很好, don't you", ["gpt-4", "很", "好", ",", "don't", "you"]),
        ("東京へ", ["東", "京", "へ"]),
        ("コーヒー", ["コ", "ー", "ヒ", "ー"]),
        ("ที่นี่", ["ที่", "นี่"]),  # a letter keeps its vowel sign and tone mark
        ("한국어 단어", ["한국어", "단어"]),  # Korean has spaces
        ("\U00020000a", ["\U00020000", "a"]),
    ],
)
def test_characters_are_those_of_scripts_without_spaces(text: str, words: list[str]) -> None:
    assert word_splitter("characters")(text) == words


def test_jieba_finds_chinese_words() -> None:
    split = word_splitter("jieba")
    assert split("我来到北京清华大学") == ["我", "来到", "北京", "清华大学"]
    # In its dictionary the word has a capital; it is found before the case is taken off.
    assert split("一件T恤 and GPT") == ["一件", "t恤", "and", "gpt"]
    assert split("") == split(" \n ") == []


@pytest.mark.parametrize("name", SPLITTERS)
@given(text=ANY_SCRIPT)
def test_splitting_loses_nothing_but_white_space(name: str, text: str) -> None:
    words = word_splitter(name)(text)
    assert all(words)
    # Lower case may depend on the letters around (a final sigma), so it is taken once more on both sides.
    assert "".join(words).lower() == "".join(text.split()).lower() or "".join(words) == "".join(text.lower().split())


def test_the_table_and_the_type_of_options_agree() -> None:
    assert get_args(SplitterName) == tuple(SPLITTERS)
    assert all(splitter.description for splitter in SPLITTERS.values())


def test_keys_differ_and_carry_the_library_version() -> None:
    import jieba

    assert len({splitter_key(name) for name in SPLITTERS}) == len(SPLITTERS)
    assert jieba.__version__ in splitter_key("jieba")


def test_a_misspelt_name_is_answered_with_close_ones() -> None:
    with pytest.raises(SpecError) as told:
        word_splitter("jeiba", where="--splitter")
    assert str(told.value) == (
        "--splitter: no word splitter is called 'jeiba'; there are words, whitespace, characters, jieba\n    try: jieba"
    )
    with pytest.raises(SpecError, match=r"^splitter: no word splitter is called 'x'"):
        splitter_key("x")


def test_a_missing_library_is_answered_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(SpecError) as told:
        word_splitter("jieba", where="baseline.splitter")
    assert str(told.value) == (
        'baseline.splitter: splitter = "jieba" needs the library jieba, which is not installed\n'
        '    try: pip install "labelloom[chinese]"\n'
        '    try: splitter = "characters"'
    )


def test_jieba_is_quiet_leaves_no_file_and_is_not_imported_before() -> None:
    code = (
        "import sys, tempfile, os\n"
        "from labelloom.data.splitters import word_splitter\n"
        "assert 'jieba' not in sys.modules\n"
        "tempfile.tempdir = tempfile.mkdtemp()\n"
        "print(word_splitter('jieba')('清华大学'), os.listdir(tempfile.tempdir))\n"
        "os.rmdir(tempfile.tempdir)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("['清华大学'] []\n", "")
