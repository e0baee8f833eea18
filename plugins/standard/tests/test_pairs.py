"""Drawing pairs of labels: each as likely, and whatever is padded."""

from __future__ import annotations

import pytest
import torch

from labelloom.interfaces import Batch
from labelloom_standard.pairs import draw_one, pair_noise, vectors_at


def batch_of(rows: int) -> Batch:
    ids = torch.arange(4)[None]
    mask, anchors = torch.ones_like(ids, dtype=torch.bool), torch.ones(rows, dtype=torch.bool)
    return Batch({}, torch.arange(rows), torch.zeros(rows, dtype=torch.int64), ids, mask, 4, anchors)


def test_each_choice_of_each_pair_is_as_likely() -> None:
    pool = torch.tensor([True, False, True, True, False]).expand(2500, 4, -1)
    drawn, there = draw_one(pool, pair_noise(batch_of(2500), 4, 5, "made"))
    assert there.all()
    for pair in range(4):
        shares = drawn[:, pair].bincount(minlength=5) / 2500
        assert shares[[1, 4]].tolist() == [0, 0]
        # Four standard deviations of the share of 2,500 draws.
        assert shares[[0, 2, 3]].tolist() == pytest.approx([1 / 3] * 3, abs=4 * (2 / 9 / 2500) ** 0.5)
    # Pairs of one document are drawn apart: two of them agree in a third of the cases.
    assert (drawn[:, 0] == drawn[:, 1]).double().mean() == pytest.approx(1 / 3, abs=4 * (2 / 9 / 2500) ** 0.5)


def test_from_nothing_nothing_is_drawn() -> None:
    pool = torch.tensor([[False, False], [False, True]])
    drawn, there = draw_one(pool, torch.zeros(2, 2))
    assert there.tolist() == [False, True]
    assert drawn[1] == 1


def test_more_choices_leave_the_noise_of_the_others_as_it_is() -> None:
    few, many = (pair_noise(batch_of(3), 4, choices, "made") for choices in (5, 9))
    assert few.shape == (3, 4, 5)
    assert torch.equal(few, many[..., :5])
    assert len(many.unique()) == many.numel()


def test_vectors_at_places() -> None:
    labels = torch.randn(3, 5, 2)
    places = torch.tensor([[4, 0], [1, 1], [2, 3]])
    found = vectors_at(labels, places)
    for row in range(3):
        for pair in range(2):
            assert torch.equal(found[row, pair], labels[row, places[row, pair]])
