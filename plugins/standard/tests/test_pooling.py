"""Pooling without weights equals torch's pooling of each document alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from labelloom_standard.pooling import masked_chunk_max, masked_max


def first_positions(lengths: list[int], width: int) -> Tensor:
    return torch.arange(width) < torch.tensor(lengths)[:, None]


def alone(values: Tensor, lengths: list[int], chunks: int) -> Tensor:
    """(B, p, H): adaptive max pooling of one document after the other, without its padding."""
    rows = []
    for row, length in zip(values, lengths, strict=True):
        if length:
            rows.append(F.adaptive_max_pool1d(row[:length].T, chunks).T)
        else:
            rows.append(values.new_zeros(chunks, values.shape[2]))
    return torch.stack(rows)


@settings(deadline=None, max_examples=50)
@given(
    lengths=st.lists(st.integers(0, 23), min_size=1, max_size=6),
    chunks=st.integers(1, 9),
    padding=st.integers(0, 4),
    levels=st.sampled_from([2, 5, 10**6]),
    seed=st.integers(0, 2**31),
)
def test_chunks_are_those_of_adaptive_max_pooling_of_each_document_alone(
    lengths: list[int], chunks: int, padding: int, levels: int, seed: int
) -> None:
    """Values and gradients, with ties (few levels) and negative numbers; padding is larger than everything."""
    random = torch.Generator().manual_seed(seed)
    width = max(lengths) + padding
    values = torch.randint(-levels, levels, (len(lengths), width, 3), generator=random).double().requires_grad_()
    mask = first_positions(lengths, width)
    found = masked_chunk_max(values.masked_fill(~mask[..., None], 1e9), mask, chunks)
    expected = alone(values, lengths, chunks)
    assert torch.equal(found, expected)
    cotangent = torch.randn(found.shape, dtype=found.dtype, generator=random)
    # Documents that are all empty depend on nothing, which torch would refuse to differentiate.
    gradients = [torch.autograd.grad(each + 0 * values.sum(), values, cotangent)[0] for each in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


def test_one_chunk_is_the_maximum(documents: tuple[Tensor, Tensor]) -> None:
    tokens, _ = documents
    mask = first_positions([6, 3, 0, 1], 6)
    assert torch.equal(masked_chunk_max(tokens, mask, 1)[:, 0], masked_max(tokens, mask))


def test_as_many_chunks_as_positions_keep_each(documents: tuple[Tensor, Tensor]) -> None:
    tokens, _ = documents
    mask = first_positions([6, 3, 0, 1], 6)
    found = masked_chunk_max(tokens, mask, 6)
    assert torch.equal(found[0], tokens[0])
    assert torch.equal(found[1], tokens[1, [0, 0, 1, 1, 2, 2]])
    assert torch.equal(found[3], tokens[3, [0] * 6])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_batch_of_empty_documents(dtype: Any) -> None:
    for width in (0, 3):
        mask = torch.zeros(2, width, dtype=torch.bool)
        found = masked_chunk_max(torch.ones(2, width, 5, dtype=dtype), mask, 4)
        assert found.shape == (2, 4, 5)
        assert found.dtype == dtype
        assert found.eq(0).all()
