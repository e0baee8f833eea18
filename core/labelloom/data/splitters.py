"""Word splitters by name: how a text becomes the words that encoders and linear baselines count.

Light on purpose: the options of components name splitters, and `labelloom check` reads options without heavy imports.
"""

from __future__ import annotations

import logging
import re
import unicodedata
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal

from labelloom.errors import SpecError

SplitWords = Callable[[str], list[str]]
"""A text to its words, in order. Nothing but white space is lost."""

SplitterName = Literal["words", "whitespace", "characters", "jieba"]
"""The type of an option that names a splitter."""


@dataclass(frozen=True)
class Splitter:
    """One way to split texts.

    description  one line for people
    make         the function itself, for the key that names it; raises SpecError there when a library is not installed
    version      changes whenever the words of some text do
    """

    description: str
    make: Callable[[str], SplitWords]
    version: Callable[[], str]


def word_splitter(name: str, where: str = "splitter") -> SplitWords:
    """The splitter called `name`.

    Raises SpecError, at the key `where`, with close names for one that there is not, and with the `pip install` for a
    library that is missing.
    """
    return _found(name, where).make(where)


def splitter_key(name: str) -> str:
    """What a cache of words must depend on: the splitter, its version, and that of the library that does the work."""
    return f"{name} {_found(name, 'splitter').version()}"


def _found(name: str, where: str) -> Splitter:
    if name not in SPLITTERS:
        known = ", ".join(SPLITTERS)
        close = get_close_matches(name, SPLITTERS, n=3, cutoff=0.5)
        raise SpecError(f"no word splitter is called {name!r}; there are {known}", where=where, suggestions=close)
    return SPLITTERS[name]


@cache
def _mark() -> str:
    """A pattern of what belongs to the letter before it, which `\\w` lacks: vowel signs, accents and points of their
    own, and the joiners of Indic and Persian words."""

    def marks(*codes: int) -> str:
        return "".join(chr(code) for code in codes if unicodedata.category(chr(code)).startswith("M"))

    # `re` goes through a class with signs beyond 0xffff one by one, so those are a class of their own.
    near, far = marks(*range(0x300, 0x10000)), marks(*range(0x10000, 0x20000), *range(0xE0100, 0xE01F0))
    return rf"(?![\0-\u02ff])(?:[\u200c\u200d{near}]|(?![\0-\uffff])[{far}])"


@cache
def _words() -> SplitWords:
    pattern = _pattern(r"\w")
    return lambda text: pattern.findall(text.lower())


def _pattern(letter: str, alone: str = "") -> re.Pattern[str]:
    """Words of what matches `letter`, or else single signs; `alone` comes before both. Each with its marks."""
    marks = f"(?:{_mark()})*"
    word = f"{letter}+(?:{_mark()}{letter}*)*"
    return re.compile(rf"{alone and alone + marks + '|'}{word}(?:['’\-]{word})*|[^\w\s]{marks}")


_SPACELESS = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # the ideographic repeat mark and zero
    (0x3041, 0x30FF),  # Hiragana, Katakana
    (0x3100, 0x312F),  # Bopomofo
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x20000, 0x3FFFF),
)
"""The blocks of scripts that put no space between words; Hangul does."""


@cache
def _characters() -> SplitWords:
    spaceless = "".join(f"{chr(first)}-{chr(last)}" for first, last in _SPACELESS)
    pattern = _pattern(rf"[^\W{spaceless}]", alone=f"[{spaceless}]")
    return lambda text: pattern.findall(text.lower())


@cache
def _jieba(library: Any) -> SplitWords:
    tokenizer = library.Tokenizer()
    # What its own `initialize` does, but for the copy that it leaves in the folder of temporary files.
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    # Its dictionary has words with capitals (T恤), so lower case comes after.
    return lambda text: [word.lower() for word in tokenizer.cut(text) if not word.isspace()]


def _import_jieba(where: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is written for older releases of Python and setuptools
            import jieba
    except ImportError as error:
        raise SpecError(
            'splitter = "jieba" needs the library jieba, which is not installed',
            where=where,
            suggestions=['pip install "labelloom[chinese]"', 'splitter = "characters"'],
        ) from error
    jieba.setLogLevel(logging.WARNING)
    return jieba


SPLITTERS: dict[str, Splitter] = {
    "words": Splitter(
        "words of letters with their marks and digits, joined by apostrophes and hyphens, and single signs; in lower "
        "case",
        lambda where: _words(),
        lambda: f"2 {unicodedata.unidata_version}",
    ),
    "whitespace": Splitter(
        "at white space alone, case kept: for texts that are split already",
        lambda where: str.split,
        lambda: "1",
    ),
    "characters": Splitter(
        "single characters of Chinese, Japanese, Thai, Lao, Khmer and Burmese, and words of all else; in lower case",
        lambda where: _characters(),
        lambda: f"2 {unicodedata.unidata_version}",
    ),
    "jieba": Splitter(
        'Chinese words, in lower case, by the library jieba (pip install "labelloom[chinese]")',
        lambda where: _jieba(_import_jieba(where)),
        lambda: f"1 {_import_jieba('splitter').__version__}",
    ),
}
"""Every splitter by its name."""
