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


@dataclass(frozen=True)
class StepResult:
    """What a step minimised: the weighted sum, each task's mean, and the norm of the gradient before clipping."""

    loss: float
    means: list[float]
    norm: float

    @property
    def finite(self) -> bool:
        """Whether the step can be taken."""
        return math.isfinite(self.loss) and math.isfinite(self.norm)


def gradients(
    module: nn.Module,
    parts: Sequence[tuple[Batch, Targets]],
    weights: Tensor,
    trained: Sequence[nn.Parameter],
    accelerator: Accelerator,
    clip_norm: float | None,
) -> StepResult:
    """Leave the gradient of the step's loss on `trained`, clipped.

    With one part, the counts of all processes are known before the backward pass. With several parts and one task
    the gradient is divided afterwards. With several parts and several tasks the counts must come first, from a pass
    without gradient, since each task divides by a count of its own.
    """
    late = len(parts) > 1 and len(weights) == 1
    counts = _counts(module, parts, accelerator) if len(parts) > 1 and not late else None
    sums = torch.zeros(2, len(weights), device=weights.device)
    for place, (batch, targets) in enumerate(parts):
        last = place == len(parts) - 1
        with nullcontext() if last else accelerator.no_sync(module):
            totals, count = module(batch, targets)
            sums += torch.stack([totals.detach(), count])
            if len(parts) == 1:
                counts = accelerator.reduce(count, "sum")
            scale = weights if counts is None else weights / counts.clamp(min=1)
            # Wrapped modules average gradients over processes; the loss is a sum over them.
            accelerator.backward((scale * totals).sum() * accelerator.num_processes)
    sums = accelerator.reduce(sums, "sum")
    means = sums[0] / sums[1].clamp(min=1)
    if late:
        for weight in trained:
            if weight.grad is not None:
                weight.grad /= sums[1, 0].clamp(min=1)
    norm = accelerator.clip_grad_norm_(trained, clip_norm) if clip_norm is not None else None
    # fp16's scaler meets infinite gradients on purpose and skips the step itself.
    tolerant = norm is None or accelerator.mixed_precision == "fp16"
    return StepResult(float((weights * means).sum()), means.tolist(), 0.0 if tolerant else float(torch.as_tensor(norm)))


@torch.no_grad()
def _counts(module: nn.Module, parts: Sequence[tuple[Batch, Targets]], accelerator: Accelerator) -> Tensor:
    state = torch.get_rng_state()
    counts = sum(module(batch, targets)[1] for batch, targets in parts)
    torch.set_rng_state(state)
    assert isinstance(counts, Tensor)
    return accelerator.reduce(counts, "sum")
