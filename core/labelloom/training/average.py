"""The average of a stage's weights, which is what it validates and keeps while training goes on with the raw ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from labelloom.spec import TrainingSettings


class Average:
    """One average of each trained weight: one more copy of the trained weights, beside AdamW's two moments.

    "ema" is the exponential moving average a <- a + (1 - d) (w - a) with d = min(decay, (1 + n) / (10 + n)) after n
    steps, whose ramp keeps the first steps from ruling short trainings. "swa" is the mean of the weights after each
    step (Izmailov et al. 2018, algorithm 1, who take one an epoch).

    Weights that do not train have none, nor have buffers: running statistics are averages by themselves.
    """

    def __init__(self, weights: Mapping[str, nn.Parameter], settings: TrainingSettings) -> None:
        self.settings = settings
        self.count = 0
        self._names = list(weights)
        self._weights = [weight.detach() for weight in weights.values()]  # they share the weights' memory
        self._values: list[Tensor] = []

    def add(self, share: float) -> None:
        """Take in the weights after a step; `share` of the stage was done before it."""
        if share < self.settings.averaged_from:
            return
        if not self._values:
            self._values = [weight.clone() for weight in self._weights]
        else:
            torch._foreach_lerp_(self._values, self._weights, self._part())
        self.count += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The average in the weights' place, as far as there is one, and the weights back at the end, bit for bit."""
        self.exchange()
        try:
            yield
        finally:
            self.exchange()

    @torch.no_grad()
    def exchange(self) -> None:
        """Weights and averages change places; nothing happens before averaging has begun."""
        for weight, value in zip(self._weights, self._values, strict=False):
            kept = weight.clone()  # one at a time: the whole model would not fit twice more
            weight.copy_(value)
            value.copy_(kept)

    def tensors(self) -> dict[str, Tensor]:
        """The averages by the weights' names; empty before averaging has begun."""
        return dict(zip(self._names, self._values, strict=True)) if self._values else {}

    def restore(self, tensors: Mapping[str, Tensor], count: int) -> None:
        """Put back what `tensors` and `count` were."""
        self.count = count
        if tensors:
            pairs = zip(self._names, self._weights, strict=True)
            self._values = [tensors[name].to(weight.device) for name, weight in pairs]

    def clear(self) -> None:
        """Forget it: the stage has ended."""
        self.count, self._values = 0, []

    def _part(self) -> float:
        """How far the average moves towards the weights."""
        if self.settings.average == "swa":
            return 1 / (self.count + 1)
        return 1 - min(self.settings.average_decay, (1 + self.count) / (10 + self.count))
