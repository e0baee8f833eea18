"""What a training run did to the weights, stage by stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from labelloom.compose.model import Assembly
from labelloom.training.progress import Silent
from labelloom.training.train import Run

from .cases import Case

Weights = dict[str, torch.Tensor]


@dataclass
class StageRecord:
    """What a stage did: the weights at its first step and after its last, and which of them required a gradient.

    `reached` names the weights that got a gradient, `pushed` those that got one other than zero. `parts` are the paths
    of all parts, `training` those of the parts that were in training mode.
    """

    name: str
    start: Weights
    parts: set[str]
    trainable: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    pushed: set[str] = field(default_factory=set)
    training: set[str] = field(default_factory=set)
    end: Weights = field(default_factory=dict)

    @property
    def changed(self) -> set[str]:
        """The names of the weights that moved."""
        return {name for name, value in self.end.items() if not torch.equal(value, self.start[name])}


class Recorder(Silent):
    """A reporter that copies the weights at the start and the end of every stage."""

    def __init__(self) -> None:
        self.assembly: Assembly | None = None
        self.fresh: Weights = {}
        self.stages: list[StageRecord] = []
        self.hooks: list[Any] = []

    def watch(self, assembly: Assembly) -> None:
        if self.assembly is None:
            self.assembly = assembly
            self.fresh = self._weights()

    def start(self, stage: str, steps: int, done: int) -> None:
        assert self.assembly is not None
        record = StageRecord(stage, self._weights(), set(self.assembly.parts))
        self.stages.append(record)
        for name, weight in self.assembly.named_parameters():
            if weight.requires_grad:
                self.hooks.append(weight.register_post_accumulate_grad_hook(partial(_note, record, name)))

    def step(self, loss: float, documents_per_second: float) -> None:
        assert self.assembly is not None
        stage = self.stages[-1]
        stage.trainable = {name for name, weight in self.assembly.named_parameters() if weight.requires_grad}
        stage.training = {name for name, part in self.assembly.parts.items() if part.training}

    def stop(self) -> None:
        self.stages[-1].end = self._weights()
        for hook in self.hooks:
            hook.remove()

    def _weights(self) -> Weights:
        assert self.assembly is not None
        return {name: weight.detach().cpu().clone() for name, weight in self.assembly.named_parameters()}


def _note(record: StageRecord, name: str, weight: torch.Tensor) -> None:
    record.reached.add(name)
    if weight.grad is not None and bool(weight.grad.any()):
        record.pushed.add(name)


@dataclass(frozen=True)
class Trained:
    """A case that went through all its stages."""

    case: Case
    run: Run
    recorder: Recorder


Train = Callable[[Case], Trained]
"""Trains a case, or gives what came of it before."""
