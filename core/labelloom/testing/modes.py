"""Ways to run a part: without dropout, with other global random numbers, with weights that have moved."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

_DROPPING = {
    F.dropout,
    F.dropout1d,
    F.dropout2d,
    F.dropout3d,
    F.alpha_dropout,
    F.feature_alpha_dropout,
    torch.dropout,
    torch.alpha_dropout,
    torch.feature_dropout,
    torch.feature_alpha_dropout,
}


class _NoDropout(TorchFunctionMode):
    """Lets every dropout of torch pass on what it gets."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        if function in _DROPPING:
            return args[0] if args else named["input"]
        if function is F.scaled_dot_product_attention:
            named["dropout_p"] = 0.0
            args = args[:4]
        if function is F.multi_head_attention_forward:
            named["training"] = False
            args = args[:13]
        return function(*args, **named)


@contextmanager
def without_dropout(module: nn.Module) -> Iterator[None]:
    """Runs without dropout, whatever mode `module` is in."""
    recurrent = [each for each in module.modules() if isinstance(each, nn.RNNBase)]
    rates = [each.dropout for each in recurrent]
    for each in recurrent:
        each.dropout = 0.0
    try:
        with _NoDropout():
            yield
    finally:
        for each, rate in zip(recurrent, rates, strict=True):
            each.dropout = rate


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """Runs with global random numbers (torch, numpy, random) that start from `seed`, and puts the former back."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def weights_moved(module: nn.Module, seed: int = 5) -> None:
    """Move every value that is saved a little, as training would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in module.state_dict().values():
            if value.is_floating_point():
                value.add_(0.05 * torch.randn(value.shape, generator=generator))
