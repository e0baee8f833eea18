"""Words that depend on numbers and on other words, for messages and tables."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """ "1 label", "1,200 labels", "2 entries" (with the plural said)."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def with_article(noun: str) -> str:
    """ "an encoder", "a label module"; an underscore becomes a space."""
    words = noun.replace("_", " ")
    return f"{'an' if words[:1].lower() in 'aeiou' else 'a'} {words}"
