"""The labels' tokens against eq. 2 written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labelloom_lmmtc.template import Template, different_tokens, same_tokens


@pytest.mark.parametrize("closing", [None, 3])
@given(rows=st.lists(st.lists(st.integers(-1, 1), min_size=4, max_size=4), min_size=1, max_size=3))
def test_the_example_of_the_paper_for_any_states(closing: int | None, rows: list[list[int]]) -> None:
    names = [[f"{name}-{label}" for name in ("LS", "NO", "YES", "MASK", "LE")] for label in range(4)]
    ids = {name: 50 + place for place, name in enumerate(name for own in names for name in own)}
    told = {0: "NO", 1: "YES", -1: "MASK"}
    template = Template(different_tokens(4, 50), closing)
    found = template(torch.tensor(rows, dtype=torch.int8))
    for row, states in enumerate(rows):
        written = [f"{name}-{label}" for label, state in enumerate(states) for name in ("LS", told[state], "LE")]
        assert found[row].tolist() == [ids[name] for name in written] + ([closing] if closing else [])
    assert template.size == found.shape[1]
    assert template.owners == [None, 0, None, None, 1, None, None, 2, None, None, 3, None] + [None] * bool(closing)


def test_nothing_given_masks_every_label() -> None:
    template = Template(different_tokens(3, 20), 3)
    assert torch.equal(template(None), template(torch.full((1, 3), -1, dtype=torch.int8)))


def test_the_same_tokens_for_every_label() -> None:
    template: Any = Template(same_tokens(3, 20, 4), None)
    assert template(torch.tensor([[1, 0, -1]])).tolist() == [[20, 22, 23, 20, 21, 23, 20, 4, 23]]
