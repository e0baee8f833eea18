"""The running top-k against sorting everything, with ties, infinities and NaN, whatever the chunks."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from labelloom.compose.best import Best, best

values = st.sampled_from([-math.inf, -1.0, 0.0, 0.5, 1.0, math.inf, math.nan])


@st.composite
def shown(draw: st.DrawFn) -> tuple[list[list[float]], list[int], int]:
    """Scores of a few documents, the sizes of the chunks, k."""
    count = draw(st.integers(1, 40))
    rows = draw(st.lists(st.lists(values, min_size=count, max_size=count), min_size=1, max_size=4))
    cuts = sorted(draw(st.sets(st.integers(1, count - 1))) if count > 1 else set())
    sizes = [end - start for start, end in zip([0, *cuts], [*cuts, count], strict=True)]
    return rows, sizes, draw(st.integers(1, count))


def sorted_out(row: list[float], k: int) -> tuple[list[int], list[float]]:
    """Ids and scores of one document by plain sorting; NaN is taken for infinity."""
    taken = [math.inf if math.isnan(score) else score for score in row]
    order = sorted(range(len(row)), key=lambda label: (-taken[label], label))[:k]
    return order, [taken[label] for label in order]


def expected(rows: list[list[float]], k: int) -> tuple[Tensor, Tensor]:
    pairs = [sorted_out(row, k) for row in rows]
    return torch.tensor([labels for labels, _ in pairs]), torch.tensor([scores for _, scores in pairs])


@settings(deadline=None)
@given(shown())
def test_any_chunks_give_what_sorting_gives(made: tuple[list[list[float]], list[int], int]) -> None:
    rows, sizes, k = made
    scores, ids = torch.tensor(rows), torch.arange(len(rows[0]))
    running = Best(k)
    for part, labels in zip(scores.split(sizes, 1), ids.split(sizes), strict=True):
        running.add(part, labels)
    for found in (running.result(), best(scores, ids.expand(len(rows), -1), k)):
        for one, other in zip(found, expected(rows, k), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize("k", [1, 3, 20, 300])
@pytest.mark.parametrize("order", ["rising", "falling", "random", "equal"])
def test_many_labels_in_any_order(order: str, k: int) -> None:
    """Rising scores all enter, falling ones never; one document is unlike the others."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(3, 2000, generator=generator).round(decimals=2)
    line = torch.arange(2000.0)
    scores = {"rising": line, "falling": -line, "equal": 0 * line, "random": drawn[0]}[order].repeat(3, 1)
    scores[1] = drawn[1]
    running = Best(k)
    for part, ids in zip(scores.split(128, 1), torch.arange(2000).split(128), strict=True):
        running.add(part, ids)
    labels, found = running.result()
    assert labels.tolist() == [sorted_out(row, k)[0] for row in scores.tolist()]
    assert torch.equal(scores.gather(1, labels), found)


def test_scores_in_half_precision_are_ranked_in_single() -> None:
    running = Best(2)
    for start in (0, 3):
        running.add(torch.tensor([[1.0, 2.0, 2.0]], dtype=torch.bfloat16), torch.arange(start, start + 3))
    labels, scores = running.result()
    assert (labels.tolist(), scores.dtype) == ([[1, 2]], torch.float32)
