"""Many weights in few names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelloom.training.weight_names import in_few_names

LAYERS = [f"bert.layer.{number}.{name}" for number in range(12) for name in ("query.weight", "query.bias", "norm")]
KNOWN = ["bert.words", "bert.places", *LAYERS, "bert.pooler.weight", "bert.pooler.bias", "head.weight", "head.bias"]


def of(*starts: str) -> list[str]:
    """The known weights that begin so."""
    return [name for name in KNOWN if any(name == start or name.startswith(f"{start}.") for start in starts)]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], []),
        (of("head"), ["head"]),
        (["head.bias"], ["head.bias"]),
        (of("bert"), ["bert"]),
        (of("bert.layer"), ["bert.layer"]),
        (of("bert.words", "bert.layer.0"), ["bert.words", "bert.layer.0"]),
        (
            of("bert.words", "bert.places", *(f"bert.layer.{number}" for number in range(11))),
            ["bert.words", "bert.places", "bert.layer.0 to 10"],
        ),
        (
            of("bert.layer.1", "bert.layer.2", "bert.layer.9", "bert.layer.10", "bert.layer.11"),
            ["bert.layer.1 to 2", "bert.layer.9 to 11"],
        ),
        (of("bert.layer.3.query", "bert.layer.4"), ["bert.layer.3.query", "bert.layer.4"]),
        (
            [f"bert.layer.{number}.norm" for number in range(12)],
            [*(f"bert.layer.{number}.norm" for number in range(6)), "6 more"],
        ),
        (of("bert", "head"), ["bert", "head"]),
    ],
)
def test_modules_stand_for_their_weights_and_numbers_in_a_row_for_each_other(names: list[str], told: list[str]) -> None:
    assert in_few_names(names, KNOWN) == told


def meant(text: str) -> set[str]:
    """The known weights that a name means, read naively."""
    path, _, last = text.partition(" to ")
    if not last:
        return set(of(path))
    start, _, first = path.rpartition(".")
    return {name for number in range(int(first), int(last) + 1) for name in of(f"{start}.{number}")}


@given(st.sets(st.sampled_from(KNOWN)))
def test_the_names_mean_these_weights_and_no_others(names: set[str]) -> None:
    told = in_few_names(names, KNOWN)
    assert len(told) <= 7
    covered = [weight for text in told if not text.endswith(" more") for weight in meant(text)]
    assert len(covered) == len(set(covered))
    assert set(covered) <= names
    if not told or not told[-1].endswith(" more"):
        assert set(covered) == names
