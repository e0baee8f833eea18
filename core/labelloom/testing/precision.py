"""Whether a part runs in bfloat16, as `training.precision = "bf16"` does it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from labelloom.interfaces import States, Task
from labelloom.testing.outcome import Failure
from labelloom.testing.worlds import World


def bf16(world: World) -> None:
    """Under autocast to bfloat16 it runs forward and backward, and all is finite."""
    built = world.build()
    draw = built.draw()
    batch, targets = built.batch(draw), built.targets(draw)
    promised = "under autocast to bfloat16 it runs, forward and backward, and all is finite"
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            fed = _half(built.feed(batch, gradient=True))
            if world.component.kind == "task":
                found = {"the loss": cast(Task, built.part)(fed, batch, targets).total}
            else:
                states = built.part(fed, batch)
                found = {name: states.get(name) for name in sorted(world.node.signature.gives)}
                if "label_table" in found:
                    found["label_table"] = found["label_table"](torch.arange(batch.label_count))
    except RuntimeError as error:
        cause = "a tensor of float32 joined with one of bfloat16, in place or by index: give it the other's dtype"
        raise Failure(promised, f"RuntimeError: {error}", cause) from error
    if world.component.kind == "task" and found["the loss"].dtype != torch.float32:
        happened = f"its total is of {found['the loss'].dtype}, which rounds a sum of many to three digits"
        raise Failure("a loss is computed in float32, whatever scores are", happened, "scores.float() is missing")
    values = {name: value for name, value in found.items() if isinstance(value, Tensor)}
    for name, value in values.items():
        if not value.isfinite().all():
            raise Failure(promised, f"{name} is NaN or infinite", "a mask of -1e9 or 1e38, or a sum in half precision")
    total = torch.stack([value.float().sum() for value in values.values()]).sum()
    weights = [weight for weight in built.part.parameters() if weight.requires_grad]
    if total.requires_grad and weights:
        for found_gradient in torch.autograd.grad(total, weights, allow_unused=True):
            if found_gradient is not None and not _values(found_gradient).isfinite().all():
                raise Failure(promised, "a gradient is NaN or infinite", "the root, log or norm of 0")


def _half(states: States) -> States:
    """What stands there under autocast: products are of bfloat16."""
    fields = {name: getattr(states, name) for name in ("tokens", "document", "aspects", "labels", "scores")}
    return states.add(**{name: value.bfloat16() for name, value in fields.items() if value is not None})


def _values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values() if gradient.is_sparse else gradient
