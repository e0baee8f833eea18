"""Published statistics: the file itself, and which set a corpus is nearest to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labelloom.data.figures import Overview
from labelloom.data.overview import overview
from labelloom.data.published import nearest, published_sets

from .test_overview import corpus


@pytest.fixture(scope="module")
def small() -> Overview:
    return overview(corpus({"train": [("a b", [0]), ("c", [1, 2])], "test": [("d", [3])]}))


def resized(told: Overview, documents: int, labels: int, cardinality: float, name: str = "made") -> Overview:
    whole = replace(told.whole, documents=documents, labels=labels, cardinality=cardinality)
    return replace(told, whole=whole, name=name)


def test_every_set_has_a_source_and_its_own_names() -> None:
    sets = published_sets()
    names = [name for each in sets for name in each.names]
    assert len(set(names)) == len(names)
    assert len({each.title for each in sets}) == len(sets)
    for each in sets:
        parts = [each.train or 0, each.validation or 0, each.test or 0]
        if each.documents and all(parts):
            assert each.documents == sum(parts)
        assert each.documents or any(parts)
        assert any(year in each.source for year in ("20", "Repository", "table"))


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("aapd-small", "AAPD"),
        ("AAPD", "AAPD"),
        ("reuters", "Reuters-21578 (ModApte, 90 topics)"),
        ("go_emotions", "GoEmotions"),
        ("rcv1-v2", "RCV1-V2"),
        ("RCV1-2K", "RCV1-2K"),
        ("eurlex57k", "EURLEX57K"),
        ("EURLex-4K", "EURLex-4K"),
        ("Wiki10-31K", "Wiki10-31K"),
        ("amazoncat_13k", "AmazonCat-13K"),
        ("LF-Wikipedia-500K", "LF-Wikipedia-500K"),
    ],
)
def test_a_set_is_known_by_its_name(small: Overview, name: str, title: str) -> None:
    found = nearest(replace(small, name=name))
    assert found is not None
    assert (found.published.title, found.by) == (title, "name")
    assert found == nearest(small, [name])
    assert not found.same_counts


def test_a_set_is_known_by_its_format(small: Overview) -> None:
    found = nearest(replace(small, name="data", format="standard/goemotions"))
    assert found is not None
    assert found.published.title == "GoEmotions"


@pytest.mark.parametrize("name", ["farmscience", "amazing", "wiki", "goemotionsplus", ""])
def test_a_name_inside_another_word_is_none(small: Overview, name: str) -> None:
    assert nearest(replace(small, name=name)) is None


def test_a_set_is_known_by_its_figures(small: Overview) -> None:
    assert nearest(small) is None
    found = nearest(resized(small, 55_000, 54, 9.9))
    assert found is not None
    assert (found.published.title, found.by) == ("AAPD", "figures")
    assert nearest(resized(small, 1_000, 54, 2.42)) == nearest(resized(small, 1_000, 54, 2.42), ["else"])
    assert nearest(resized(small, 1_000, 54, 2.42)) is not None
    assert nearest(resized(small, 1_000, 54, 2.6)) is None
    assert nearest(resized(small, 55_840, 53, 2.41)) is None


def test_figures_stand_beside_one_another(small: Overview) -> None:
    found = nearest(resized(small, 55_840, 54, 2.5, "aapd"))
    assert found is not None
    figures = {figure.name: (figure.published, figure.measured) for figure in found.figures}
    assert figures == {
        "documents": (55840, 55840),
        "train": (53840, 2),
        "validation": (1000, None),
        "test": (1000, 1),
        "labels": (54, 54),
        "labels a document": (2.41, 2.5),
        "words": (163.42, pytest.approx(4 / 3)),
    }
    assert not found.same_counts
    assert found.to_json()["figures"][0] == {"name": "documents", "published": 55840, "measured": 55840}


def test_the_same_counts_are_the_same(small: Overview) -> None:
    splits = {
        name: replace(small.splits["train"], documents=count)
        for name, count in {"train": 43410, "validation": 5426, "test": 5427}.items()
    }
    found = nearest(replace(resized(small, 54263, 28, 1.18, "goemotions"), splits=splits))
    assert found is not None
    assert found.same_counts
