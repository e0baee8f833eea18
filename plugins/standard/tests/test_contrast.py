"""The loss over relations against its formula, row by row in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from labelloom_standard.contrast import contrast


def naive(similarity: Tensor, relation: Tensor) -> tuple[Tensor, int, float]:
    """The sum, its rows, and how many of them rank a positive first, a tie counting by the share of positives."""
    total, count, right = similarity.sum() * 0, 0, 0.0
    for row, related in zip(similarity, relation.tolist(), strict=True):
        positives = [place for place, sign in enumerate(related) if sign > 0]
        negatives = [place for place, sign in enumerate(related) if sign < 0]
        if not positives or not negatives:
            continue
        above = sum(torch.exp(row[place]) for place in positives)
        below = sum(torch.exp(row[place]) for place in positives + negatives)
        total = total - torch.log(above / below)
        count += 1
        highest = max(row[place].item() for place in positives + negatives)
        first = [place for place in positives + negatives if row[place].item() == highest]
        right += len([place for place in first if place in positives]) / len(first)
    return total, count, right


def squares(elements: st.SearchStrategy[float], kind: type) -> Callable[[int], st.SearchStrategy[np.ndarray]]:
    return lambda size: arrays.arrays(kind, (size, size), elements=elements)


sizes = st.shared(st.integers(1, 6), key="size")
relations = sizes.flatmap(squares(st.sampled_from([-1, 0, 1]), np.int8))


@settings(max_examples=200, deadline=None)
@given(sizes.flatmap(squares(st.floats(-6, 6, width=32), np.float32)), relations)
def test_loss_accuracy_and_gradient_are_those_of_the_formula(values: np.ndarray, relation: np.ndarray) -> None:
    similarity = torch.from_numpy(values).requires_grad_()
    exact = torch.from_numpy(values).double().requires_grad_()
    signs = torch.from_numpy(relation)
    loss, (total, count, right) = contrast(similarity, signs), naive(exact, signs)
    assert loss.count.item() == count
    assert loss.total.item() == pytest.approx(total.item(), rel=1e-5, abs=1e-6)
    assert loss.logs["accuracy"].item() == pytest.approx(right, rel=1e-6)
    loss.total.backward()
    total.backward()
    assert similarity.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(similarity.grad, exact.grad.float(), rtol=1e-4, atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(sizes.flatmap(squares(st.integers(-1, 1).map(float), np.float32)), relations)
def test_ties_are_counted_by_the_share_of_positives(values: np.ndarray, relation: np.ndarray) -> None:
    loss = contrast(torch.from_numpy(values), torch.from_numpy(relation))
    right = naive(torch.from_numpy(values).double(), torch.from_numpy(relation))[2]
    assert loss.logs["accuracy"].item() == pytest.approx(right, rel=1e-6)


def test_vectors_that_are_all_the_same_are_right_by_chance() -> None:
    """One positive and two negatives, of which nothing tells which is which."""
    relation = torch.tensor([[0, 1, -1, -1]] + [[0] * 4] * 3)
    loss = contrast(torch.zeros(4, 4), relation)
    assert loss.logs["accuracy"].item() == pytest.approx(1 / 3)
    assert loss.total.item() == pytest.approx(math.log(3))


@settings(max_examples=100, deadline=None)
@given(
    sizes.flatmap(squares(st.floats(-6, 6, width=32), np.float32)),
    sizes.flatmap(squares(st.sampled_from([math.nan, math.inf, -math.inf]), np.float32)),
    relations,
)
def test_what_is_not_compared_may_be_anything(values: np.ndarray, broken: np.ndarray, relation: np.ndarray) -> None:
    """The unrelated, and all of a row that lacks positives or negatives."""
    signs = torch.from_numpy(relation)
    compared = (signs != 0) & (signs > 0).any(1, keepdim=True) & (signs < 0).any(1, keepdim=True)
    poisoned = torch.where(compared, torch.from_numpy(values), torch.from_numpy(broken)).requires_grad_()
    loss, clean = contrast(poisoned, signs), contrast(torch.from_numpy(values), signs)
    assert torch.equal(loss.total, clean.total)
    assert torch.equal(loss.logs["accuracy"], clean.logs["accuracy"])
    loss.total.backward()
    assert poisoned.grad is not None
    assert poisoned.grad.isfinite().all()
    assert poisoned.grad[~compared].eq(0).all()


@pytest.mark.parametrize("relation", [[[0, 1], [0, 0]], [[0, -1], [-1, 0]], [[0, 0], [0, 0]]])
def test_without_positives_or_negatives_there_is_nothing_to_count(relation: list[list[int]]) -> None:
    similarity = torch.full((2, 2), torch.inf, requires_grad=True)
    loss = contrast(similarity, torch.tensor(relation, dtype=torch.int8))
    assert (loss.total.item(), loss.count.item(), loss.logs["accuracy"].item()) == (0.0, 0.0, 0.0)
    loss.total.backward()
    assert similarity.grad is not None
    assert similarity.grad.eq(0).all()


@pytest.mark.parametrize("size", [20.0, 89.0, 1e4, 1e30])
def test_similarities_of_any_size_have_finite_losses_and_gradients(size: float) -> None:
    relation = torch.tensor([[0, 1, -1, -1], [-1, 0, 1, 0], [0, 0, 0, 0], [1, 1, -1, 0]], dtype=torch.int8)
    similarity = size * torch.tensor([[0, 1, -1, 0], [1.0, 0, -1, 0], [0] * 4, [-1, 1, 1, 0]])
    similarity.requires_grad_()
    loss = contrast(similarity, relation)
    loss.total.backward()
    # Row 0 is as right, row 1 as wrong as can be; in row 3 a positive and the negative are level.
    assert loss.total.item() == pytest.approx(2 * size + math.log(2) if size < 1e6 else 2 * size, rel=1e-5)
    assert similarity.grad is not None
    assert similarity.grad.isfinite().all()


def test_a_loss_near_zero_is_not_rounded_away() -> None:
    similarity = torch.tensor([[0.0, 30.0, 12.0], [0] * 3, [0] * 3], requires_grad=True)
    loss = contrast(similarity, torch.tensor([[0, 1, -1], [0] * 3, [0] * 3]))
    loss.total.backward()
    assert loss.total.item() == pytest.approx(math.log1p(math.exp(-18)), rel=1e-5)
    assert similarity.grad is not None
    assert similarity.grad[0, 1].item() == pytest.approx(-math.exp(-18), rel=1e-4)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_fp32(kind: torch.dtype) -> None:
    similarity = (4 * torch.randn(6, 6, generator=torch.Generator().manual_seed(0))).to(kind)
    relation = torch.randint(-1, 2, (6, 6), generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        loss = contrast(similarity, relation)
    assert loss.total.dtype == torch.float32
    assert torch.equal(loss.total, contrast(similarity.float(), relation).total)
