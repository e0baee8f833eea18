"""One optimiser step: sum(weight * total / count), with totals and counts summed over parts and processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from labelloom.interfaces import Batch, Targets
from labelloom.training.stage import buffers_kept


@dataclass(frozen=True)
class StepResult:
    """What a step minimised: the weighted sum, each task's mean, and the norm of the gradient before clipping."""

    loss: float
    means: list[float]
    norm: float
    scaled: bool = False
    """Whether the gradient is fp16's, whose scaler meets infinite ones on purpose and skips the step itself."""

    @property
    def finite(self) -> bool:
        """Whether the step can be taken."""
        return math.isfinite(self.loss) and (self.scaled or math.isfinite(self.norm))


def gradients(
    module: nn.Module,
    parts: Sequence[tuple[Batch, Targets]],
    weights: Tensor,
    trained: Sequence[nn.Parameter],
    accelerator: Accelerator,
    clip_norm: float | None,
    idle: bool = False,
) -> StepResult:
    """Leave the gradient of the step's loss on `trained`, clipped.

    With one part, the counts of all processes are known before the backward pass. With several parts and one task
    the gradient is divided afterwards. With several parts and several tasks the counts must come first, from a pass
    without gradient, since each task divides by a count of its own.

    Args:
        module: from a batch and its targets to the totals and the counts of all tasks, (T,) each.
        parts: of this process; every process has as many.
        weights: of the tasks, (T,).
        trained: what gets a gradient.
        accelerator: knows the other processes.
        clip_norm: the largest norm of the gradient, or None.
        idle: whether nothing of this process counts.
    """
    own = 0.0 if idle else 1.0
    late = len(parts) > 1 and len(weights) == 1
    counts = _counts(module, parts, accelerator, own) if len(parts) > 1 and not late else None
    sums = weights.new_zeros(2, len(weights))
    for place, (batch, targets) in enumerate(parts):
        last = place == len(parts) - 1
        with nullcontext() if last else accelerator.no_sync(module):
            totals, count = (own * part for part in module(batch, targets))
            sums += torch.stack([totals.detach(), count])
            if len(parts) == 1:
                counts = accelerator.reduce(count, "sum")
            scale = weights if counts is None else weights / _divisor(counts)
            # Wrapped modules average gradients over processes; the loss is a sum over them.
            accelerator.backward((scale * totals).sum() * accelerator.num_processes)
    sums = accelerator.reduce(sums, "sum")
    means = sums[0] / _divisor(sums[1])
    if late:
        for weight in trained:
            if weight.grad is not None:
                weight.grad /= _divisor(sums[1, 0])
    # Without clipping the norm is still needed: a gradient that is not finite would spoil the weights for good.
    norm = accelerator.clip_grad_norm_(_dense(trained), math.inf if clip_norm is None else clip_norm)
    loss, length, *each = torch.stack([(weights * means).sum(), torch.as_tensor(norm).to(means), *means]).tolist()
    return StepResult(loss, each, length, scaled=accelerator.scaler is not None)


def _dense(trained: Sequence[nn.Parameter]) -> list[Tensor]:
    """`trained`, and in place of a weight with a sparse gradient its touched rows, whose gradient is the same memory.

    Rows that several parts or look-ups touched are summed first; a norm over the summands would be another.
    """
    dense: list[Tensor] = []
    for weight in trained:
        if weight.grad is None or not weight.grad.is_sparse:
            dense.append(weight)
            continue
        weight.grad = weight.grad.coalesce()
        values = weight.grad.values()
        rows = values.detach()
        rows.grad = values
        dense.append(rows)
    return dense


def _divisor(counts: Tensor) -> Tensor:
    """`counts`, or 1 where there is nothing to divide."""
    return torch.where(counts > 0, counts, torch.ones_like(counts))


@torch.no_grad()
def _counts(module: nn.Module, parts: Sequence[tuple[Batch, Targets]], accelerator: Accelerator, own: float) -> Tensor:
    devices = [accelerator.device] if accelerator.device.type == "cuda" else []
    with torch.random.fork_rng(devices), buffers_kept(module):
        counts = torch.stack([own * module(batch, targets)[1] for batch, targets in parts])
    return accelerator.reduce(counts.sum(0), "sum")
