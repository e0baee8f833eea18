"""Cosines, the nearest rows and the shares of labels, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.neighbours import cosines, label_shares, nearest

NUMBERS = st.sampled_from([-2.0, -0.5, 0.0, 0.0, 0.25, 1.0, 3.0])


@st.composite
def vectors(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """(N, C, K) and (C, K) float32, with zeros and repeats among them."""
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 4)))
    count = int(np.prod(shape[1:]))
    numbers = draw(st.lists(NUMBERS, min_size=shape[0] * count, max_size=shape[0] * count))
    target = draw(st.lists(NUMBERS, min_size=count, max_size=count))
    return np.array(numbers, np.float32).reshape(shape), np.array(target, np.float32).reshape(shape[1:])


@given(vectors())
def test_cosines_are_those_of_a_loop(made: tuple[np.ndarray, np.ndarray]) -> None:
    found = cosines(*made)
    every, target = made
    for row, document in enumerate(every.tolist()):
        for label, (vector, other) in enumerate(zip(document, target.tolist(), strict=True)):
            product = sum(a * b for a, b in zip(vector, other, strict=True))
            length = math.sqrt(sum(a * a for a in vector)) * math.sqrt(sum(b * b for b in other))
            assert found[row, label] == pytest.approx(product / length if length else 0.0, abs=1e-12)


def test_a_vector_of_zeros_has_the_cosine_0_and_lengths_do_not_overflow() -> None:
    target = np.array([[1e30, 0.0]], np.float32)
    every = np.array([[[0.0, 0.0]], [[1e30, 0.0]], [[-1e-30, 0.0]], [[0.0, 2.0]]], np.float32)
    assert cosines(every, target)[:, 0].tolist() == [0.0, 1.0, -1.0, 0.0]
    assert cosines(every, np.zeros((1, 2), np.float32))[:, 0].tolist() == [0.0, 0.0, 0.0, 0.0]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.integers(1, 10), st.data())
def test_the_nearest_are_those_that_a_loop_takes(values: list[int], count: int, data: st.DataObject) -> None:
    left_out = data.draw(st.none() | st.integers(0, len(values) - 1))
    left = [row for row in range(len(values)) if row != left_out]
    expected = []
    while left and len(expected) < count:
        best = max(left, key=lambda row: (values[row], -row))  # of equal ones the first row
        expected.append(best)
        left.remove(best)
    assert nearest(np.array(values, float), count, left_out).tolist() == expected


@given(st.lists(st.sets(st.integers(0, 4)), min_size=1, max_size=8), st.data())
def test_shares_are_those_of_a_loop(sets: list[set[int]], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(sets) - 1), min_size=1, unique=True))
    label_sets = LabelSets.from_lists([sorted(each) for each in sets], 5)
    found = label_shares(label_sets, np.array(rows))
    shares = {label: sum(label in sets[row] for row in rows) / len(rows) for label in range(5)}
    assert list(found.items()) == sorted(
        ((label, share) for label, share in shares.items() if share), key=lambda pair: (-pair[1], pair[0])
    )
