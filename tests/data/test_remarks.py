"""What is said to be worth a look, each remark in a corpus that earns it and in none that does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from labelloom.data.labels import LabelSpace
from labelloom.data.overview import overview
from labelloom.data.remarks import remarks
from labelloom.spec.data import DataSettings

from .test_overview import Documents, corpus

FINE: Documents = [(f"the text of document {place}", [place % 4, (place + 1) % 4]) for place in range(600)]


SETTINGS = DataSettings(source="made")


def said(settings: Sequence[str] = (), **splits: Documents) -> list[str]:
    options = dict(option.split("=") for option in settings)
    return remarks(overview(corpus(splits)), DataSettings.model_validate({"source": "made", **options}))


def test_nothing_is_said_of_a_corpus_that_is_fine() -> None:
    assert said(train=FINE, validation=FINE[:200], test=FINE[200:400]) == []


RARE = [*FINE[::4], *FINE[1::4], *FINE[4::4], *FINE[:500:4], ("x", [3])]
REMARKS: list[tuple[str, Documents, str]] = [
    (
        "train",
        FINE[:499],
        "train: only 499 documents: what is learnt from so few varies from seed to seed; train several",
    ),
    ("validation", FINE[:1], "validation: only 1 document: checkpoint and threshold are chosen on few documents"),
    ("test", FINE[:199], "test: only 199 documents: differences of a few points of micro-F1 are within chance"),
    ("train", RARE, "labels: 1 with 1 to 4 training documents (25 % of the labels): too few to learn from"),
    ("train", RARE[:-1], "labels: 1 with no training document: nothing can learn them"),
    (
        "train",
        [(text, sorted({0, *sets})) for text, sets in FINE],
        "labels: every training document has a: that tells documents apart in nothing",
    ),
    (
        "train",
        [(f"这是第{place}个没有空格的文档的内容", sets) for place, (_, sets) in enumerate(FINE)],
        "texts: a word has 17 characters on average: if the language puts no space between words, count with "
        "--splitter characters, or jieba for Chinese",
    ),
    (
        "train",
        [*FINE, *FINE[:40]],
        "train: 40 documents repeat the text of an earlier one, and so count double in training",
    ),
    ("train", [*FINE, *((f"x{n}", []) for n in range(1500))], "labels: 1,500 documents of 2,500 have none"),
]


@pytest.mark.parametrize(("name", "documents", "remark"), REMARKS)
def test_what_is_said(name: str, documents: Documents, remark: str) -> None:
    told = said(**{"train": FINE, "validation": FINE[:200], "test": FINE[200:400], name: documents})
    assert remark in told


def test_one_label_a_document_is_classes() -> None:
    told = said(train=[(text, sets[:1]) for text, sets in FINE], validation=[(t, s[:1]) for t, s in FINE[:200]])
    assert told == ["labels: every document has exactly one: these are classes, and only one can be right"]


def test_a_single_label_is_a_question() -> None:
    documents = [(text, [0] * (place % 2)) for place, (text, _) in enumerate(FINE)]
    told = remarks(overview(corpus({"train": documents, "validation": documents[:200]}, 1)), SETTINGS)
    assert told == ["labels: there is only one: this is a yes-or-no question"]


def test_splits_that_training_cuts_are_counted() -> None:
    assert said(train=FINE) == [
        "validation: only 60 documents, cut from train when one trains: checkpoint and threshold are chosen on few "
        "documents"
    ]
    told = said(["validation=0.5", "test=0.2"], train=FINE)
    assert [each.partition(":")[0] for each in told] == ["train", "test"]
    assert told[0].startswith("train: only 180 documents after the cut: what is learnt from so few varies")


def labelled(codes: Sequence[str], sets: Sequence[Sequence[int]], **settings: str) -> list[str]:
    """What is said of documents with these labels, beside what is said of small splits."""
    documents = [(f"text {place}", list(labels)) for place, labels in enumerate(sets)]
    made = corpus({"train": documents}, len(codes))
    made = replace(made, labels=LabelSpace(tuple(codes), tuple(codes)))
    return remarks(overview(made), DataSettings(source="made", **settings))


def test_labels_that_another_separator_would_divide() -> None:
    codes = ["joy;anger", "joy", "fear;joy", "calm"]
    sets = [[place % 4] for place in range(40)]
    told = (
        "labels: 2 of 4 have ';' in them, such as 'joy;anger': if that separates labels, "
        'label_separator = ";" under [data]'
    )
    assert told in labelled(codes, sets, label_separator=",")
    assert told not in labelled(codes, sets, label_separator=";")
    assert told not in labelled(["a, b", "c, d", "e", "f"], sets)


def test_labels_that_no_two_documents_share() -> None:
    told = "labels: no two documents share one: is data.labels the field that holds them?"
    assert told in labelled([str(place) for place in range(30)], [[place] for place in range(30)])
    assert told not in labelled([str(place) for place in range(30)], [[place % 29] for place in range(30)])
