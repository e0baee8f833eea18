"""Whether a part runs in bfloat16, as `training.precision = "bf16"` does it, and says about the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import cast

import torch
from torch import Tensor

from labelloom.interfaces import Batch, States, Targets, Task
from labelloom.testing.closeness import values_of
from labelloom.testing.outcome import Failure
from labelloom.testing.worlds import Built, World

APART = 0.1
"""How far results of the two precisions may be apart, as a share of how far those of float32 are from each other."""
ROUNDED = 0.01
"""The same as a share of the results, which bfloat16 rounds to some three digits."""

_PROMISED = "under autocast to bfloat16 it runs, forward and backward, and all is finite"
_TOTAL = "the loss"


def bf16(world: World) -> None:
    """Under autocast to bfloat16 it runs forward and backward, all is finite, and about what it is in float32."""
    built = world.build()
    draw = built.draw()
    targets = built.targets(draw)
    expected, again = (_in_fp32(built, built.batch(draw), targets) for _ in range(2))
    batch = built.batch(draw)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = _said(built, _half(built.feed(batch, gradient=True)), batch, targets)
    except RuntimeError as error:
        cause = "a tensor of float32 joined with one of bfloat16, in place or by index: give it the other's dtype"
        raise Failure(_PROMISED, f"RuntimeError: {error}", cause) from error
    if _TOTAL in found and found[_TOTAL][0].dtype != torch.float32:
        happened = f"its total is of {found[_TOTAL][0].dtype}, which rounds a sum of many to three digits"
        raise Failure("a loss is computed in float32, whatever scores are", happened, "scores.float() is missing")
    for name, values in found.items():
        if not all(value.isfinite().all() for value in values):
            raise Failure(_PROMISED, f"{name} is NaN or infinite", "a mask of -1e9 or 1e38, or a sum in half precision")
    _gradients(built, found)
    for name, values in found.items():
        # What is another each time, whatever the precision, is not about bfloat16.
        if all(map(torch.equal, expected[name], again[name])):
            _alike(name, [value.detach().float() for value in values], [v.float() for v in expected[name]], batch)


def _in_fp32(built: Built, batch: Batch, targets: Targets) -> dict[str, list[Tensor]]:
    with torch.no_grad():
        return _said(built, built.feed(batch), batch, targets)


def _said(built: Built, fed: States, batch: Batch, targets: Targets) -> dict[str, list[Tensor]]:
    """A task's loss, or what every field of numbers that a part gives says of each document; of tokens words alone."""
    if built.world.component.kind == "task":
        return {_TOTAL: [cast(Task, built.part)(fed, batch, targets).total]}
    states = built.part(fed, batch)
    places, ids = range(len(batch)), torch.arange(batch.label_count)
    found: dict[str, list[Tensor]] = {}
    for name in sorted(built.world.node.signature.gives):
        value = states.get(name)
        whole = [value] if isinstance(value, Tensor) else []  # a field of a bundle's own that has no documents
        if values := values_of(states, name, built.world.axes, places, ids) or whole:
            found[name] = values
    return found


def _gradients(built: Built, found: Mapping[str, Sequence[Tensor]]) -> None:
    total = torch.stack([torch.zeros(()), *(each.float().sum() for values in found.values() for each in values)]).sum()
    weights = [weight for weight in built.part.parameters() if weight.requires_grad]
    if total.requires_grad and weights:
        for gradient in torch.autograd.grad(total, weights, allow_unused=True):
            if gradient is not None and not _values(gradient).isfinite().all():
                raise Failure(_PROMISED, "a gradient is NaN or infinite", "the root, log or norm of 0")


def _alike(name: str, found: Sequence[Tensor], expected: Sequence[Tensor], batch: Batch) -> None:
    """Raises Failure where a document's values are further apart than rounding explains: in the root of their square.

    Document by document, as the values of one, such as -1e9 of one without a word, may be larger than any others.
    """
    there = [value for value in expected if value.numel()]
    if not there:
        return
    size = [_root(value) for value in expected]
    least = ROUNDED * len(batch) if name == _TOTAL else 0.0  # a loss near 0 may be off by a little a document
    centre = torch.cat([value.flatten() for value in there]).median()
    spread = size if name == _TOTAL else [_root(value - centre) for value in expected]
    usual = median(one for one, value in zip(spread, expected, strict=True) if value.numel())
    for place, value in enumerate(expected):
        apart = _root(found[place] - value)
        if apart > APART * max(spread[place], usual) + ROUNDED * size[place] + least:
            whose = f" of document {int(batch.rows[place])}" if len(expected) == len(batch) else ""
            raise Failure(
                "in bfloat16 it says about what it says in float32",
                f"{name} is off by {apart:.3g} in the mean{whose}, where its values in float32 spread by {usual:.3g}",
                "a logarithm, a difference of large numbers, a sum of many, or an index in bfloat16, which counts to "
                "256 only: compute that from .float()",
            )


def _half(states: States) -> States:
    """What stands there under autocast: products are of bfloat16."""
    fields = {name: getattr(states, name) for name in ("tokens", "document", "aspects", "labels", "scores")}
    return states.add(**{name: value.bfloat16() for name, value in fields.items() if value is not None})


def _root(values: Tensor) -> float:
    return values.square().mean().sqrt().item() if values.numel() else 0.0


def _values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient
