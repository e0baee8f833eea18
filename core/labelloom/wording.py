"""Words that depend on numbers and on other words, for messages and tables."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

_MUCH = 0.2
"""By so much of a ratio a word is clearly less like another one than the nearest is."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """ "1 label", "1,200 labels", "2 entries" (with the plural said)."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def with_article(noun: str) -> str:
    """ "an encoder", "a label module"; an underscore becomes a space."""
    words = noun.replace("_", " ")
    return f"{'an' if words[:1].lower() in 'aeiou' else 'a'} {words}"


def nearest(word: str, known: Iterable[str], cutoff: float) -> list[str]:
    """The words, three at most, that `word` may be a slip of: none that is clearly less near than another."""
    close = get_close_matches(word, list(known), n=3, cutoff=cutoff)
    ratios = [SequenceMatcher(None, each, word).ratio() for each in close]
    return [each for each, ratio in zip(close, ratios, strict=True) if ratio >= ratios[0] - _MUCH]
