"""Rows of tables with sparse gradients against a plain loop over rows and numbers, and against AdamW itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from labelloom.training.lazy_adamw import LazyAdamW
from labelloom.training.optimiser import optimiser_tensors, restore_optimiser

ROWS, WIDTH = 6, 2
OPTIONS: dict[str, Any] = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.02, "fused": True}

Step = list[tuple[int, list[float]]]
"""Looked-up rows, which may come again, each with the gradient of that look-up."""


def table(rows: int = ROWS, dtype: torch.dtype = torch.float64) -> nn.Embedding:
    made = nn.Embedding(rows, WIDTH, sparse=True, dtype=dtype)
    made.weight.data = torch.linspace(-1, 1, rows * WIDTH, dtype=dtype).view(rows, WIDTH)
    return made


def take(optimiser: LazyAdamW, embedding: nn.Embedding, step: Step) -> None:
    """One step with these gradients."""
    optimiser.zero_grad(set_to_none=True)
    ids = torch.tensor([row for row, _ in step], dtype=torch.int64)
    gradient = torch.tensor([values for _, values in step], dtype=embedding.weight.dtype).view(-1, WIDTH)
    (embedding(ids) * gradient).sum().backward()
    optimiser.step()


def row_by_row(steps: list[Step]) -> np.ndarray:
    """The weights after `steps`, one number after the other, as the docstring's equations say."""
    rate, (beta1, beta2), epsilon, decay = (OPTIONS[name] for name in ("lr", "betas", "eps", "weight_decay"))
    weights = table().weight.detach().numpy().copy()
    for row in range(ROWS):
        mean, square, count = [0.0] * WIDTH, [0.0] * WIDTH, 0
        for step in steps:
            gradient = [math.fsum(values[place] for here, values in step if here == row) for place in range(WIDTH)]
            if not any(gradient):
                continue
            count += 1
            for place, slope in enumerate(gradient):
                mean[place] = beta1 * mean[place] + (1 - beta1) * slope
                square[place] = beta2 * square[place] + (1 - beta2) * slope**2
                moved = mean[place] / (1 - beta1**count) / (math.sqrt(square[place] / (1 - beta2**count)) + epsilon)
                weights[row, place] = (1 - rate * decay) * weights[row, place] - rate * moved
    return weights


# Multiples of 1/8, so that sums of a few are exact in whatever order, and a row is touched or not beyond doubt.
numbers = st.integers(-16, 16).map(lambda eighths: eighths / 8)
look_ups = st.tuples(st.integers(0, ROWS - 1), st.lists(numbers, min_size=WIDTH, max_size=WIDTH))


@settings(deadline=None)
@given(st.lists(st.lists(look_ups, max_size=5), max_size=6))
def test_each_row_takes_the_steps_that_touch_it(steps: list[Step]) -> None:
    embedding = table()
    optimiser = LazyAdamW(embedding.parameters(), **OPTIONS)
    for step in steps:
        take(optimiser, embedding, step)

    np.testing.assert_allclose(embedding.weight.detach().numpy(), row_by_row(steps), rtol=1e-12, atol=1e-12)


def test_a_row_of_every_step_moves_as_under_a_dense_gradient() -> None:
    sparse, dense = table(), table()
    dense.sparse = False
    rng = np.random.default_rng(0)
    lazy, plain = LazyAdamW(sparse.parameters(), **OPTIONS), torch.optim.AdamW(dense.parameters(), **OPTIONS)
    for _ in range(20):
        step = [(row, rng.normal(size=WIDTH).tolist()) for row in range(ROWS)]
        take(lazy, sparse, step)
        take(plain, dense, step)  # type: ignore[arg-type]
    torch.testing.assert_close(sparse.weight, dense.weight, rtol=1e-12, atol=1e-12)
    assert (sparse.weight - table().weight).abs().min() > 0.01


@pytest.mark.parametrize("first", [True, False])
def test_a_table_that_is_looked_up_in_some_steps_and_used_whole_in_others(first: bool) -> None:
    """As one that two parts share: where each step touches every row, it moves as under dense gradients alone."""
    mixed, dense = table(), table()
    dense.sparse = False
    rng = np.random.default_rng(3)
    lazy, plain = LazyAdamW(mixed.parameters(), **OPTIONS), torch.optim.AdamW(dense.parameters(), **OPTIONS)
    for number in range(6):
        step = [(row, rng.normal(size=WIDTH).tolist()) for row in range(ROWS)]
        mixed.sparse = (number % 2 == 0) == first
        take(lazy, mixed, step)
        assert mixed.weight.grad is not None
        assert mixed.weight.grad.is_sparse == mixed.sparse
        take(plain, dense, step)  # type: ignore[arg-type]
    torch.testing.assert_close(mixed.weight, dense.weight, rtol=1e-12, atol=1e-12)


def test_a_row_that_is_looked_up_without_gradient_is_not_touched() -> None:
    """Where candidates are padded, the padding looks a row up, and no loss reaches it."""
    embedding = table()
    optimiser = LazyAdamW(embedding.parameters(), **OPTIONS)
    take(optimiser, embedding, [(0, [1.0, 1.0]), (3, [1.0, 0.0])])
    before = {name: value.clone() for name, value in optimiser.state[embedding.weight].items()}
    weights = embedding.weight.detach().clone()
    take(optimiser, embedding, [(0, [0.0, 0.0]), (1, [0.5, 0.0]), (1, [-0.5, 0.0])])

    assert torch.equal(embedding.weight, weights)
    for name, value in optimiser.state[embedding.weight].items():
        assert torch.equal(value, before[name]), name
    assert before["step"][:, 0].tolist() == [1, 0, 0, 1, 0, 0]


def test_weights_with_dense_gradients_move_as_ever_bit_for_bit() -> None:
    moved = []
    for make in (LazyAdamW, torch.optim.AdamW):
        weight, embedding = nn.Parameter(torch.linspace(-1, 1, 5)), table(dtype=torch.float32)
        optimiser = make([weight, *embedding.parameters()] if make is LazyAdamW else [weight], **OPTIONS)
        for step in range(4):
            optimiser.zero_grad(set_to_none=True)
            weight.square().mul(step + 1).sum().backward()
            if make is LazyAdamW:
                embedding(torch.tensor([step])).sum().backward()
            optimiser.step()
        moved.append(weight.detach())
    assert torch.equal(*moved)


def test_a_step_that_fp16_skips_leaves_rows_alone() -> None:
    """The scaler tells a fused optimiser whether it met an infinite gradient."""
    embedding, weight = table(dtype=torch.float32), nn.Parameter(torch.ones(3))
    optimiser = LazyAdamW([weight, *embedding.parameters()], **OPTIONS)
    for found in (1.0, 0.0):
        before = embedding.weight.detach().clone()
        optimiser.zero_grad(set_to_none=True)
        (weight.sum() + embedding(torch.tensor([2])).sum()).backward()
        optimiser.grad_scale, optimiser.found_inf = None, torch.tensor(found)  # type: ignore[attr-defined]
        optimiser.step()
        assert torch.equal(embedding.weight, before) == bool(found)
        assert bool((weight == 1).all()) == bool(found)


def test_the_state_that_is_saved_goes_on_bit_for_bit() -> None:
    rng = np.random.default_rng(1)
    steps = [[(int(row), rng.normal(size=WIDTH).tolist()) for row in rng.integers(ROWS, size=3)] for _ in range(6)]
    whole, cut = table(dtype=torch.float32), table(dtype=torch.float32)
    optimiser = LazyAdamW(whole.parameters(), **OPTIONS)
    for step in steps:
        take(optimiser, whole, step)

    first, second = LazyAdamW(cut.parameters(), **OPTIONS), LazyAdamW(cut.parameters(), **OPTIONS)
    for step in steps[:3]:
        take(first, cut, step)
    saved = optimiser_tensors(first, {id(cut.weight): "table"})
    assert set(saved) == {"table|step", "table|exp_avg", "table|exp_avg_sq"}
    restore_optimiser(second, {name: value.clone() for name, value in saved.items()}, {"table": cut.weight})
    for step in steps[3:]:
        take(second, cut, step)
    assert torch.equal(whole.weight, cut.weight)


def test_a_first_step_is_exact_in_single_precision() -> None:
    """Its moments are divided by 1 - beta, which float32 knows to few digits; the step is the rate at any slope."""
    embedding = table(dtype=torch.float32)
    start = embedding.weight.detach().clone()
    optimiser = LazyAdamW(embedding.parameters(), lr=1.0, betas=(0.9, 0.999), eps=0.0, weight_decay=0.0)
    take(optimiser, embedding, [(2, [3.0, -1e-3])])
    moved: Tensor = start[2] - embedding.weight.detach()[2]
    assert moved.tolist() == pytest.approx([1.0, -1.0], abs=5e-7)
