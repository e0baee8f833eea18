"""Which weights train at which rate, and how the rate moves."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from labelloom.compose.model import Assembly
from labelloom.spec import TrainingSettings
from labelloom.training.layers import layer_factors
from labelloom.training.lazy_adamw import LazyAdamW
from labelloom.training.stage import module_at

_UNDECAYED = (nn.LayerNorm, nn.Embedding, nn.GroupNorm, nn.BatchNorm1d, nn.RMSNorm)


def make_optimiser(assembly: Assembly, settings: TrainingSettings) -> LazyAdamW:
    """AdamW over the weights of `assembly` that require a gradient, in groups of one rate and one decay each.

    Tables with sparse gradients (`nn.Embedding(sparse=True)`) move row by row, see `LazyAdamW`.

    A weight's rate is that of the longest path in `settings.rates` that it lies under, or `learning_rate`, times its
    layer's factor (see `layer_factors`). Biases, norms and embeddings do not decay.
    """
    factors = layer_factors(assembly, settings.layer_decay)
    undecayed = {
        id(weight)
        for module in assembly.modules()
        if isinstance(module, _UNDECAYED)
        for weight in module.parameters(recurse=False)
    }
    rates: dict[int, float] = {}
    for path in sorted(settings.rates, key=len):
        rates.update({id(weight): settings.rates[path] for weight in module_at(assembly, path).parameters()})
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in assembly.named_parameters():
        if weight.requires_grad:
            decays = id(weight) not in undecayed and not name.endswith("bias") and weight.dim() > 1
            rate = rates.get(id(weight), settings.learning_rate) * factors.get(id(weight), 1.0)
            key = (rate, settings.weight_decay if decays else 0.0)
            groups.setdefault(key, []).append(weight)
    return LazyAdamW(
        [
            {"params": weights, "lr": rate, "base": rate, "weight_decay": decay}
            for (rate, decay), weights in groups.items()
        ],
        betas=settings.betas,
        eps=settings.epsilon,
        fused=True,
    )


def rate_factor(step: float, steps: int, settings: TrainingSettings, taken: int, steps_per_epoch: int) -> float:
    """What the base rates are multiplied by in `step` (from 0) of `steps`: linear warm-up, then the decay's shape.

    With a time budget `step` is where the clock has come to, which need not be whole. An exponential decay goes by the
    steps that were really `taken`, from the stage's first: the clock may jump over as many epochs as were planned.
    """
    warm = math.ceil(settings.warmup * steps)
    rise = min(1.0, (step + 1) / warm) if step < warm else 1.0
    if settings.decay == "exponential":
        return rise * settings.decay_factor ** (taken // (settings.decay_every or steps_per_epoch))
    if step < warm or settings.decay == "constant":
        return rise
    progress = (step - warm) / max(1, steps - warm)
    return 1 - progress if settings.decay == "linear" else 0.5 * (1 + math.cos(math.pi * progress))


def set_rates(optimiser: torch.optim.Optimizer, factor: float) -> None:
    """Give every group its base rate times `factor`."""
    for group in optimiser.param_groups:
        group["lr"] = group["base"] * factor


def optimiser_tensors(optimiser: torch.optim.Optimizer, names: Mapping[int, str]) -> dict[str, torch.Tensor]:
    """The optimiser's state as tensors by `<weight>|<what>`; `names` maps the id of a weight to its name."""
    return {
        f"{names[id(weight)]}|{what}": value
        for weight, state in optimiser.state.items()
        for what, value in state.items()
    }


def restore_optimiser(
    optimiser: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor], weights: Mapping[str, nn.Parameter]
) -> None:
    """Put back what `optimiser_tensors` gave."""
    for key, value in tensors.items():
        name, _, what = key.rpartition("|")
        weight = weights[name]
        optimiser.state[weight][what] = value.to(weight.device)
