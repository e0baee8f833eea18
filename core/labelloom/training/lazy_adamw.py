"""AdamW for models with tables of which a step sees a few rows: what a step costs follows from those rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class LazyAdamW(torch.optim.AdamW):
    """AdamW; and where a weight's gradient is sparse, AdamW of each of its rows by itself.

    A row whose gradient is zero in a step stays as it is, and so do its moments. Any other row w with the gradient g
    takes its t-th step, t counted for this row alone, at the rate r, the decay d and the betas b1, b2 of its group:

        m = b1 m + (1 - b1) g,   v = b2 v + (1 - b2) g²,   w = (1 - r d) w - r m / (1 - b1^t) / (√(v / (1 - b2^t)) + ε)

    This is AdamW (Loshchilov and Hutter 2019, algorithm 2) over the steps that touch the row, as if there were no
    others: a row that every step touches moves as under a dense gradient. The moments lie in two tensors of the
    table's shape, the counts in one of (rows, 1); time and scratch memory of a step follow from the rows touched.

    A weight whose gradient was sparse once goes on row by row, whatever its gradients are: a table may be looked up in
    some steps and used whole in others. The steps that it took before count for each of its rows.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step with the gradients that are there."""
        tables = [
            (weight, weight.grad, group)
            for group in self.param_groups
            for weight in group["params"]
            if weight.grad is not None and (weight.grad.is_sparse or self._by_rows(weight))
        ]
        # AdamW refuses sparse gradients and passes over weights that have none.
        for weight, _, _ in tables:
            weight.grad = None
        super().step()
        for weight, gradient, group in tables:
            weight.grad = gradient
            if not self._skips():
                rows = gradient.coalesce() if gradient.is_sparse else gradient.to_sparse(1)
                _step_rows(weight, rows, self.state[weight], group)

    def _by_rows(self, weight: nn.Parameter) -> bool:
        """Whether its gradient was sparse in an earlier step."""
        return weight in self.state and self.state[weight]["step"].dim() > 0

    def _skips(self) -> bool:
        """Whether fp16's scaler met an infinite gradient: AdamW's own kernel asks for it by itself."""
        found = getattr(self, "found_inf", None)
        return found is not None and bool(found.item())


def _step_rows(weight: nn.Parameter, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> None:
    if not state:
        # Named and typed as AdamW's own count, which accelerate casts.
        state["step"] = torch.zeros(len(weight), 1, device=weight.device)
        state["exp_avg"] = torch.zeros_like(weight)
        state["exp_avg_sq"] = torch.zeros_like(weight)
    elif not state["step"].dim():
        state["step"] = state["step"].expand(len(weight), 1).clone()
    rows, values = gradient.indices()[0], gradient.values()  # (R,), (R, width)
    # Padding is looked up like any label, and its gradient is zero.
    touched = (values != 0).any(1).nonzero()[:, 0]
    rows, values = rows[touched], values[touched]
    rate, (beta1, beta2) = group["lr"], group["betas"]
    steps = state["step"][rows] + 1
    mean = state["exp_avg"][rows].lerp_(values, 1 - beta1)
    square = state["exp_avg_sq"][rows].mul_(beta2).addcmul_(values, values, value=1 - beta2)
    state["step"].index_copy_(0, rows, steps)
    state["exp_avg"].index_copy_(0, rows, mean)
    state["exp_avg_sq"].index_copy_(0, rows, square)
    # In float64: 1 - 0.999 has five digits in float32.
    first, second = ((1 - beta ** steps.double()).to(weight.dtype) for beta in (beta1, beta2))  # (R, 1)
    deviation = square.div_(second).sqrt_().add_(group["eps"])
    kept = weight[rows].mul_(1 - rate * group["weight_decay"])
    weight.index_copy_(0, rows, kept.addcdiv_(mean.div_(first), deviation, value=-rate))
