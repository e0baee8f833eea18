"""The gradient of a step against the formula sum(weight * total / count), in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from labelloom.spec import TrainingSettings
from labelloom.training.processes import make_accelerator
from labelloom.training.step import StepResult, gradients

WIDTH = 3


class Squares(nn.Module):
    """Task t: half the squared error of `weight` . x_i + t, summed over the rows that count for it."""

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.3, -1.2, 0.7], dtype=torch.float64))
        self.tasks = tasks

    def forward(self, rows: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
        errors = (rows @ self.weight)[:, None] + torch.arange(self.tasks)  # (B, T)
        return (0.5 * errors**2 * counted).sum(0), counted.sum(0)


def by_formula(rows: np.ndarray, counted: np.ndarray, weights: np.ndarray) -> tuple[float, list[float], np.ndarray]:
    """The loss, each task's mean and the gradient, one row and task after the other."""
    weight = np.array([0.3, -1.2, 0.7])
    loss, means, gradient = 0.0, [], np.zeros(WIDTH)
    for task, factor in enumerate(weights):
        count = max(1.0, counted[:, task].sum())
        mean = 0.0
        for row, counts in zip(rows, counted[:, task], strict=True):
            error = row @ weight + task
            mean += counts * 0.5 * error**2 / count
            gradient += factor * counts * error * row / count
        means.append(mean)
        loss += factor * mean
    return loss, means, gradient


@st.composite
def steps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """Rows, which of them count for which task, the tasks' weights, and the part that each row is in."""
    count, tasks = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    numbers = st.floats(-4, 4, width=32)
    rows = np.array(draw(st.lists(numbers, min_size=count * WIDTH, max_size=count * WIDTH))).reshape(count, WIDTH)
    flags = draw(st.lists(st.booleans(), min_size=count * tasks, max_size=count * tasks))
    weights = draw(st.lists(st.floats(0, 3), min_size=tasks, max_size=tasks))
    parts = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    return rows, np.array(flags, dtype=float).reshape(count, tasks), np.array(weights), parts


def taken(
    rows: np.ndarray,
    counted: np.ndarray,
    weights: np.ndarray,
    parts: list[int],
    clip_norm: float | None = None,
    idle: bool = False,
) -> tuple[StepResult, np.ndarray]:
    """What `gradients` says, and the gradient that it leaves."""
    module = Squares(counted.shape[1])
    places = [np.flatnonzero(np.array(parts) == part) for part in sorted(set(parts))]
    batches = [(torch.from_numpy(rows[place]), torch.from_numpy(counted[place])) for place in places]
    result = gradients(
        module,
        batches,  # type: ignore[arg-type]
        torch.from_numpy(weights),
        [module.weight],
        make_accelerator(TrainingSettings()),
        clip_norm,
        idle,
    )
    assert module.weight.grad is not None
    return result, module.weight.grad.numpy()


@settings(deadline=None)
@given(steps())
def test_any_parts_of_a_step_give_the_gradient_of_the_whole(
    step: tuple[np.ndarray, np.ndarray, np.ndarray, list[int]],
) -> None:
    rows, counted, weights, parts = step

    result, gradient = taken(rows, counted, weights, parts)

    loss, means, expected = by_formula(rows, counted, weights)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-12)
    assert result.loss == pytest.approx(loss, rel=1e-12)
    assert result.means == pytest.approx(means, rel=1e-12)
    assert result.norm == pytest.approx(float(np.linalg.norm(expected)), rel=1e-9, abs=1e-12)
    assert result.finite


@settings(deadline=None)
@given(steps(), st.floats(0.01, 10))
def test_the_gradient_of_the_whole_step_is_clipped(
    step: tuple[np.ndarray, np.ndarray, np.ndarray, list[int]], clip_norm: float
) -> None:
    rows, counted, weights, parts = step

    result, gradient = taken(rows, counted, weights, parts, clip_norm)

    expected = by_formula(rows, counted, weights)[2]
    length = float(np.linalg.norm(expected))
    np.testing.assert_allclose(gradient, expected * min(1.0, clip_norm / (length + 1e-6)), rtol=1e-9, atol=1e-12)
    assert result.norm == pytest.approx(length, rel=1e-9, abs=1e-12)


def test_counts_below_one_divide_like_others() -> None:
    rows, weights = np.array([[1.0, 2.0, 3.0]]), np.array([1.0])

    _, whole = taken(rows, np.array([[1.0]]), weights, [0])
    _, quarter = taken(rows, np.array([[0.25]]), weights, [0])

    np.testing.assert_allclose(quarter, whole)


@pytest.mark.parametrize("parts", [[0, 0], [0, 1]])
@pytest.mark.parametrize("tasks", [1, 2])
def test_a_process_that_only_keeps_company_adds_nothing(parts: list[int], tasks: int) -> None:
    result, gradient = taken(np.ones((2, 3)), np.ones((2, tasks)), np.ones(tasks), parts, idle=True)

    assert (result.loss, result.means, result.norm) == (0, [0] * tasks, 0)
    assert not gradient.any()


@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize(("value", "loss"), [(math.nan, False), (math.inf, False), (math.nan, True)])
def test_a_loss_or_gradient_that_is_not_finite_is_noticed(value: float, loss: bool, clip_norm: float | None) -> None:
    module = Squares(1)

    class Spoils(torch.autograd.Function):
        @staticmethod
        def forward(_: object, total: Tensor) -> Tensor:
            return total * value if loss else total.clone()

        @staticmethod
        def backward(_: object, gradient: Tensor) -> Tensor:
            return gradient if loss else gradient * value

    class Spoilt(nn.Module):
        def forward(self, rows: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
            totals, counts = module(rows, counted)
            return Spoils.apply(totals), counts

    part = (torch.ones(2, 3, dtype=torch.float64), torch.ones(2, 1))
    weights = torch.ones(1, dtype=torch.float64)
    result = gradients(Spoilt(), [part], weights, [module.weight], make_accelerator(TrainingSettings()), clip_norm)  # type: ignore[list-item]

    assert not result.finite
    assert math.isfinite(result.loss) != loss
