"""A small corpus with everything that is odd in real ones: no label, all of them, rare ones, empty and long texts."""

from __future__ import annotations

import random

from labelloom.data.corpus import Corpus, Split
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.texts import Texts

NAMES = {
    "a": "graphs trees",
    "b": "paths",
    "c": "words texts",
    "d": "speech",
    "e": "cells genes",
    "f": "drugs",
    "g": "rare doses",
    "h": "never seen",
}
"""Codes and names of the labels. Two documents carry `g`, none carries `h`."""

OWN = {
    "a": ["graphs", "trees", "edges"],
    "b": ["paths", "walks", "routes"],
    "c": ["words", "texts", "letters"],
    "d": ["speech", "sounds", "voices"],
    "e": ["cells", "genes", "tissue"],
    "f": ["drugs", "doses", "trials"],
    "g": ["rare", "drugs", "doses"],
    "h": ["never", "seen"],
}
COMMON = ["we", "show", "that", "new", "results", "on", "the", "of"]
WORDS = [".", *COMMON, *dict.fromkeys(word for own in OWN.values() for word in own)]
"""Every word that its texts and label names have."""

FIRST = ["", "b", "abcdefg", "ab", "ab", "cde", "ef", "g"]
"""Label sets of the first training documents: no label, one, every one that there is."""
EMPTY, LONG = 4, 5
"""The training documents without a word, and with more than all others."""
TURN = ["ab", "a", "cd", "", "abc", "c", "e", "ef", "cde", "b", "bf", "acd"]
"""Label sets that further documents have in turn."""


def small_corpus(train: int = 160, others: int = 24, seed: int = 5, labels: int = 8) -> Corpus:
    """`train` documents to train on, `others` to validate on and to test on, with the first so many labels of eight."""
    labels_of = dict(list(NAMES.items())[:labels])
    space = LabelSpace(tuple(labels_of), tuple(labels_of.values()))
    draw = random.Random(seed)
    counts = {"train": train, "validation": others, "test": others}
    return Corpus("small", space, {name: _split(name, count, draw, space) for name, count in counts.items()})


def _split(name: str, count: int, draw: random.Random, labels: LabelSpace) -> Split:
    carried = [*FIRST, *(draw.choice(TURN) for _ in range(count - len(FIRST)))][:count]
    carried[-1] = "ab"
    texts = [_text(codes, draw, draw.randint(1, 3)) for codes in carried]
    if name == "train":
        texts[EMPTY], texts[LONG] = "", _text(carried[LONG], draw, 8)
    ids = Texts.from_list([f"{name}-{place}" for place in range(count)])
    own = [[labels.index(code) for code in codes if code in labels.codes] for codes in carried]
    sets = LabelSets.from_lists(own, len(labels))
    return Split(name, ids, Texts.from_list(texts), sets, f"small-{name}-{count}")


def _text(codes: str, draw: random.Random, sentences: int) -> str:
    made = []
    for _ in range(sentences):
        words = [draw.choice(OWN[draw.choice(codes)]) for _ in range(draw.randint(1, 4))] if codes else []
        made.append(" ".join([*words, *draw.sample(COMMON, draw.randint(1, 3))]))
    return " . ".join(made)
