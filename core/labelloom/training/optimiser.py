"""Which weights train at which rate, and how the rate moves."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from labelloom.spec import TrainingSettings

_UNDECAYED = (nn.LayerNorm, nn.Embedding, nn.GroupNorm, nn.BatchNorm1d, nn.RMSNorm)


def make_optimiser(module: nn.Module, settings: TrainingSettings) -> torch.optim.AdamW:
    """AdamW over the weights of `module` that require a gradient, in groups of one rate and one decay each.

    A weight's rate is that of the longest path in `settings.rates` that it lies under, or `learning_rate`. Biases,
    norms and embeddings do not decay.
    """
    undecayed = {
        id(weight)
        for part in module.modules()
        if isinstance(part, _UNDECAYED)
        for weight in part.parameters(recurse=False)
    }
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in module.named_parameters():
        if weight.requires_grad:
            decays = id(weight) not in undecayed and not name.endswith("bias") and weight.dim() > 1
            key = (rate_of(name, settings), settings.weight_decay if decays else 0.0)
            groups.setdefault(key, []).append(weight)
    return torch.optim.AdamW(
        [
            {"params": weights, "lr": rate, "base": rate, "weight_decay": decay}
            for (rate, decay), weights in groups.items()
        ],
        betas=settings.betas,
        eps=settings.epsilon,
        fused=True,
    )


def rate_of(name: str, settings: TrainingSettings) -> float:
    """The base rate of the weight called `name`."""
    paths = [path for path in settings.rates if name == path or name.startswith(path + ".")]
    return settings.rates[max(paths, key=len)] if paths else settings.learning_rate


def rate_factor(step: int, steps: int, settings: TrainingSettings) -> float:
    """What the base rates are multiplied by in `step` (from 0) of `steps`: linear warm-up, then the decay's shape."""
    warm = math.ceil(settings.warmup * steps)
    if step < warm:
        return (step + 1) / warm
    if settings.decay == "constant":
        return 1.0
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
