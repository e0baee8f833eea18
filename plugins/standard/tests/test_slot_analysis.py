"""Matrices between labels: from pieces to labels, their correlation, their agreement, and the picture of them."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from labelloom.data.label_sets import LabelSets
from labelloom.data.statistics import CorpusStatistics
from labelloom.errors import DataError
from labelloom_standard.label_slots import LabelStates, insert
from labelloom_standard.slot_analysis.heat_map import Panel, heat_maps_svg
from labelloom_standard.slot_analysis.relations import agreement, label_correlation, strongest

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    "owners", [[0, 1, 2], [None, 0, None, None, 1, None, None, 2, None, None], [0, 0, 1, None, 2, 2, 2]]
)
def test_attention_of_pieces_to_that_of_labels(owners: list[int | None]) -> None:
    torch.manual_seed(0)
    pieces = torch.rand(2, len(owners), len(owners), dtype=torch.float64)
    found = LabelStates(owners).between(pieces)
    for row in range(2):
        for i in range(3):
            paying = [place for place, owner in enumerate(owners) if owner == i]
            for j in range(3):
                paid = [place for place, owner in enumerate(owners) if owner == j]
                expected = sum(float(pieces[row, p, q]) for p in paying for q in paid) / len(paying)
                assert found[row, i, j].item() == pytest.approx(expected)


@pytest.mark.parametrize("start", [0, 1, torch.tensor([[4], [2], [3]])])
def test_the_attention_between_pieces_stands_where_they_do(start: int | torch.Tensor) -> None:
    torch.manual_seed(0)
    ids = torch.arange(12).view(3, 4)
    present = torch.arange(4) < torch.tensor([[4], [2], [3]])
    joined = insert(ids, present, torch.tensor([90, 91]), torch.zeros(2, dtype=torch.int64), 0, start)
    attention = torch.rand(3, 6, 6)
    found = joined.between(attention)
    for row in range(3):
        places = [joined.ids[row].tolist().index(piece) for piece in (90, 91)]
        for i, p in enumerate(places):
            for j, q in enumerate(places):
                assert found[row, i, j] == attention[row, p, q]


@given(st.lists(st.frozensets(st.integers(0, 3)), min_size=1, max_size=12))
def test_the_correlation_is_that_of_the_indicators(documents: list[frozenset[int]]) -> None:
    sets = LabelSets.from_lists([sorted(own) for own in documents], 4)
    found = label_correlation(CorpusStatistics(sets))
    dense = sets.to_dense().astype(float)
    for i in range(4):
        for j in range(4):
            one, other = dense[:, i] - dense[:, i].mean(), dense[:, j] - dense[:, j].mean()
            if dense[:, i].min() == dense[:, i].max() or dense[:, j].min() == dense[:, j].max():
                assert np.isnan(found[i, j])
            else:
                expected = (one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum())
                assert found[i, j] == pytest.approx(expected)


def test_agreement_is_over_known_pairs_of_two_labels() -> None:
    draw = np.random.default_rng(0)
    values, correlation = draw.random((4, 4)), draw.random((4, 4))
    correlation[2] = correlation[:, 2] = np.nan
    found = agreement(values, correlation)
    one = [values[i, j] for i in (0, 1, 3) for j in (0, 1, 3) if i != j]
    other = [correlation[i, j] for i in (0, 1, 3) for j in (0, 1, 3) if i != j]
    assert found.pairs == 6
    assert found.pearson == pytest.approx(np.corrcoef(one, other)[0, 1])
    assert found.spearman == pytest.approx(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def test_what_does_not_vary_agrees_with_nothing() -> None:
    correlation = np.random.default_rng(0).random((3, 3))
    found = agreement(np.eye(3), correlation)
    assert (found.pearson, found.spearman, found.pairs) == (None, None, 6)
    assert agreement(correlation, np.ones((3, 3))).pearson is None


def test_no_pairs_to_compare_are_refused() -> None:
    for count, correlation in ((3, np.full((3, 3), np.nan)), (1, np.ones((1, 1)))):
        with pytest.raises(DataError) as told:
            agreement(np.ones((count, count)), correlation)
        assert str(told.value).startswith(f"{'3 labels' if count == 3 else '1 label'}, of which")


def test_the_strongest_pairs() -> None:
    values = np.array([[9.0, 3, 1], [2, 9, np.nan], [5, 3, 9]])
    assert strongest(values, 3) == [(2, 0), (0, 1), (2, 1)]
    assert strongest(values, 99) == [(2, 0), (0, 1), (2, 1), (1, 0), (0, 2)]
    assert strongest(np.array([[9.0, -1, 4], [-1, 9, np.nan], [4, np.nan, 9]]), 5) == [(0, 2), (0, 1)]


def test_the_picture_shows_each_value_with_both_names_and_leaves_blanks() -> None:
    values = np.array([[0.9, 0.5, -0.25], [0.1, 0.9, np.nan], [0.0, 1.0, 0.9]])
    text = heat_maps_svg(
        "a <title>", "b", [Panel("one", values, "from", "to"), Panel("other", -values)], ["x", "&", "z"]
    )
    root = ElementTree.fromstring(text)
    cells = {rect.find(f"{SVG}title").text: rect.get("fill") for rect in root.iter(f"{SVG}rect") if len(rect)}  # type: ignore[union-attr]
    assert cells["z → &: 1.0000"] == "#b2182b"
    assert cells["x → &: 0.5000"] == "#d88c95"
    assert cells["z → x: 0.0000"] == "#ffffff"
    assert cells["z → &: -1.0000"] == "#2166ac"
    assert cells["x → x: none"] == cells["& → z: none"] == "#e4e4e4"
    assert len(list(root.iter(f"{SVG}title"))) == 18
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert texts[:2] == ["a <title>", "b"]
    assert {"one", "other", "from", "to", "0.5", "-1", "1"} <= set(texts)
    assert texts.count("&") == 4


@pytest.mark.parametrize("count", [1, 5, 28, 90])
def test_everything_lies_within_the_picture_and_nothing_overlaps(count: int) -> None:
    names = [f"label number {place} of a long name" for place in range(count)]
    values = np.random.default_rng(0).random((count, count))
    panels = [Panel("attention (last layer, 5,427 documents of validation)", values, "from", "to")]
    root = ElementTree.fromstring(heat_maps_svg("title", "", [*panels, Panel("other", values)], names))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    boxes = []
    for rect in list(root.iter(f"{SVG}rect"))[1:]:
        x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
        w, h = float(rect.get("width", 0)), float(rect.get("height", 0))
        assert x >= 0
        assert y >= 0
        assert x + w <= width + 0.5
        assert y + h <= height
        if len(rect):
            boxes.append((round(x), round(y)))
    assert len(set(boxes)) == 2 * count**2
    titles = [each for each in root.iter(f"{SVG}text") if each.text in (panels[0].title, "other")]
    first, second = (float(each.get("x", 0)) for each in titles)
    assert second - first >= 7 * len(panels[0].title)


def test_a_long_name_is_cut_and_a_control_character_made_visible() -> None:
    text = heat_maps_svg("t", "s", [Panel("one", np.zeros((2, 2)))], ["a" * 60, "b\x07"])
    texts = [each.text for each in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert "a" * 27 + "…" in texts
    assert "b\\x07" in texts
