"""Whether two ways to compute something agree."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labelloom.interfaces import Batch, Files, States

RELATIVE, ABSOLUTE = 1e-4, 1e-5
"""How far two results in fp32 may be apart that sum in another order."""


def agree(
    fast: Tensor | Sequence[Tensor] | Callable[[], Tensor],
    naive: Tensor | Sequence[Tensor] | Callable[[], Tensor],
    leaves: Sequence[Tensor],
) -> None:
    """Two ways to compute one tensor, or several, give the same values and the same gradients of `leaves`.

    For float64. Raises AssertionError.
    """
    first, second = _tensors(fast), _tensors(naive)
    generator = torch.Generator().manual_seed(7)
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)
    cotangents = [torch.randn(one.shape, dtype=one.dtype, generator=generator) for one in first]
    both = (_gradients(made, leaves, cotangents) for made in (first, second))
    for one, other in zip(*both, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-11)


def _tensors(values: Tensor | Sequence[Tensor] | Callable[[], Tensor]) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    return _tensors(values()) if callable(values) else list(values)


def _gradients(made: Sequence[Tensor], leaves: Sequence[Tensor], cotangents: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(made, leaves, cotangents, allow_unused=True, materialize_grads=True)


def values_of(states: States, name: str, axes: Mapping[str, str], places: Sequence[int], ids: Tensor) -> list[Tensor]:
    """What a field says of each of the documents at `places`; of a table what it says of the labels `ids`.

    Of tokens only those of words. Nothing of a bundle's own field that has no documents, such as a function.
    """
    value = states.get(name)
    if name == "label_table":
        return [value(ids)]
    own = axes.get(name, "B")
    if not isinstance(value, Tensor) or not own.startswith("B"):
        return []
    found = [value[place] for place in places]
    if (name == "tokens" or own[1:2] == "T") and states.token_mask is not None:
        return [each[states.token_mask[place]] for each, place in zip(found, places, strict=True)]
    return found


def results(states: States, names: Collection[str], axes: Mapping[str, str], batch: Batch) -> dict[str, list[Tensor]]:
    """What each of the fields `names` says of the batch's documents, without gradient."""
    places, ids = range(len(batch)), torch.arange(batch.label_count)
    found = {name: values_of(states, name, axes, places, ids) for name in sorted(names)}
    return {name: [value.detach() for value in values] for name, values in found.items()}


def differing(
    one: Mapping[str, Sequence[Tensor]], other: Mapping[str, Sequence[Tensor]], tolerance: float = 1.0
) -> Iterator[tuple[str, str]]:
    """The name of a field for each of its results that is not alike in both, and how (`difference`)."""
    for name, values in one.items():
        for first, second in zip(values, other[name], strict=True):
            if told := difference(second, first, tolerance):
                yield name, told


def same(one: Any, other: Any) -> bool:
    """Whether two assets are equal: JSON, arrays, files."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, Files) and isinstance(other, Files):
        return one.names == other.names and all(
            Path(one.root / name).read_bytes() == Path(other.root / name).read_bytes() for name in one.names
        )
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return bool(one == other)


def difference(one: Tensor, other: Tensor, tolerance: float = 1.0) -> str | None:
    """In words how two tensors differ by more than rounding, `tolerance` times; None where they do not."""
    if one.shape != other.shape:
        return f"shapes {tuple(one.shape)} and {tuple(other.shape)}"
    if one.dtype == torch.bool or not one.is_floating_point():
        count = int((one != other).sum())
        return f"{count} of {one.numel()} values differ" if count else None
    a, b = one.float(), other.float()
    allowed = tolerance * (ABSOLUTE + RELATIVE * b.abs())
    wrong = ~((a - b).abs() <= allowed) & ~(a.isnan() & b.isnan()) & (a != b)
    if not wrong.any():
        return None
    apart = (a - b).abs().nan_to_num(torch.inf)
    return f"{int(wrong.sum())} of {one.numel()} values differ, by up to {apart[wrong].max().item():.3g}"
