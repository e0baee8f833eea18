"""Batches, truths and label ids of a small label set, for properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from labelloom.compose.batches import make_batch
from labelloom.interfaces import Batch, Draw

L = 5


def batch_of(draw: Draw, key: int = 0, **inputs: Any) -> Batch:
    return make_batch({"ids": torch.arange(len(draw.rows)), **inputs}, draw, L, key)


@st.composite
def indicators(draw: Any, rows: int | None = None) -> np.ndarray:
    """A truth of a few documents over L labels, empty documents and empty truths among them."""
    count = rows if rows is not None else draw(st.integers(1, 6))
    cells = draw(st.lists(st.booleans(), min_size=count * L, max_size=count * L))
    return np.array(cells, dtype=bool).reshape(count, L)


def label_ids(count: int) -> st.SearchStrategy[torch.Tensor]:
    """(1 or count, C): shared ids, or each document's own; repeats, every label, and every label in another order."""

    def rows(number: int) -> st.SearchStrategy[torch.Tensor]:
        return st.integers(1, L).flatmap(
            lambda width: st.lists(
                st.lists(st.integers(0, L - 1), min_size=width, max_size=width), min_size=number, max_size=number
            ).map(torch.tensor)
        )

    every = torch.arange(L)
    return st.one_of(
        rows(1), rows(count), st.just(every[None]), st.permutations(range(L)).map(lambda row: torch.tensor([row]))
    )
