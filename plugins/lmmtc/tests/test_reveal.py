"""Which labels are told: the shares of each mode, and that a draw is a function of seed, step and row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.interfaces import Context, Draw, LabelledRows, Rng
from labelloom_lmmtc.config import RevealConfig
from labelloom_lmmtc.reveal import Reveal

LABELS, ROWS = 4, 6000


def truth() -> np.ndarray:
    return np.random.default_rng(3).random((ROWS, LABELS)) < 0.4


SPLIT = LabelledRows(LabelSets.from_dense(truth()))


def drawn(key: int = 1, rows: np.ndarray | None = None, anchors: int | None = None, **options: Any) -> np.ndarray:
    sampler = Reveal(RevealConfig(**options), Context("samplers.0", {}, LabelSpace(*[tuple("abcd")] * 2)))
    rows = np.arange(ROWS) if rows is None else rows
    draw = Draw(rows, len(rows) if anchors is None else anchors)
    found = sampler.draw(draw, SPLIT, Rng(key, draw)).given
    assert found is not None
    assert found.dtype == np.int8
    return found


@given(mode=st.sampled_from(["uniform", "bernoulli", "full"]), key=st.integers(0, 2**40))
def test_what_is_told_is_true(mode: str, key: int) -> None:
    rows = np.arange(50)
    found = drawn(key, rows, mode=mode)
    told = found >= 0
    assert (found[told] == truth()[:50][told]).all()
    if mode == "full":
        assert not told.any()
    if mode == "uniform":
        assert (~told).any(1).all()  # each document has something left to predict


def test_uniform_masks_any_number_and_any_set_alike() -> None:
    masked = drawn() < 0
    counts = masked.sum(1)
    for many in range(1, LABELS + 1):
        assert (counts == many).mean() == pytest.approx(1 / LABELS, abs=0.02)
    pairs = masked[counts == 2]
    for first in range(LABELS):
        for second in range(first):
            assert (pairs[:, first] & pairs[:, second]).mean() == pytest.approx(1 / 6, abs=0.04)


@pytest.mark.parametrize("options", [{}, {"probability": 0.6}])
def test_bernoulli_masks_each_label_for_itself(options: dict[str, float]) -> None:
    masked = drawn(mode="bernoulli", **options) < 0
    share = options.get("probability", 0.15)
    np.testing.assert_allclose(masked.mean(0), share, atol=0.025)
    both = (masked[:, 0] & masked[:, 1]).mean()
    assert both == pytest.approx(share**2, abs=0.02)


def test_some_are_told_wrong() -> None:
    plain, wrong = drawn(), drawn(wrong=0.1)
    assert ((plain < 0) == (wrong < 0)).all()
    told = plain >= 0
    assert (plain != wrong)[told].mean() == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("mode", ["uniform", "bernoulli"])
def test_a_row_s_draw_depends_on_no_other_row(mode: str) -> None:
    whole = drawn(mode=mode, wrong=0.2)
    rows = np.array([77, 5, 1200])
    assert (drawn(rows=rows, mode=mode, wrong=0.2) == whole[rows]).all()
    assert (drawn(2, rows, mode=mode, wrong=0.2) != whole[rows]).any()


def test_rows_that_others_added_are_told_nothing() -> None:
    found = drawn(rows=np.array([0, 1, 0, 9]), anchors=2, mode="bernoulli", probability=0.01)
    assert (found[:2] >= 0).any()
    assert (found[2:] == -1).all()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"probability": 0.5}, 'probability would be ignored: mode = "uniform" draws no label for itself'),
        ({"mode": "full", "wrong": 0.1}, 'wrong would be ignored: mode = "full" shows no label'),
    ],
)
def test_options_that_say_nothing(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        RevealConfig(**options)
