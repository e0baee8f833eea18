"""Parts that mask with a large negative number and then take the greatest, right and wrong."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from labelloom import Batch, Component, Context, LabelModule, Loss, Predictor, States, Targets, Task
from labelloom.config import Config

LOW = -1e9


class Best(Predictor):
    """Whatever word speaks most for a label: logsumexp over words, and 0 for a document without any."""

    component = Component(kind="predictor", needs=frozenset({"tokens", "labels"}), gives=frozenset({"scores"}))

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.project = nn.Linear(context.width("tokens"), context.width("labels"), bias=False)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with scores (B, C)."""
        mask = states.first("token_mask")[:, None]  # (B, 1, T)
        spoken = states.first("labels") @ self.project(states.first("tokens")).mT  # (B, C, T)
        best = self.filled(spoken.masked_fill(~mask, LOW).logsumexp(-1), mask.any(-1))
        return states.add(scores=self.seen(best + self.bias, batch))

    def filled(self, best: Tensor, worded: Tensor) -> Tensor:
        """(B, C) of (B, C), where `worded` (B, 1) says which documents have a word."""
        return best.where(worded, 0)

    def seen(self, scores: Tensor, batch: Batch) -> Tensor:
        """(B, C)."""
        return scores


class BestOfNothing(Best):
    """A document without a word gets what masked places are filled with, and a loss as large."""

    def filled(self, best: Tensor, worded: Tensor) -> Tensor:
        return best


class ByParity(Best):
    """Every second row of a split gets a little more."""

    def seen(self, scores: Tensor, batch: Batch) -> Tensor:
        return scores + 0.1 * (batch.rows[:, None] % 2)


class ByHundreds(Best):
    """The first hundred rows of a split get a little more."""

    def seen(self, scores: Tensor, batch: Batch) -> Tensor:
        return scores + 0.1 * (batch.rows[:, None] < 100)


class ByThirdCopy(Best):
    """A row gets more by which repetition of it this is, in turns of three."""

    def seen(self, scores: Tensor, batch: Batch) -> Tensor:
        return scores + 0.1 * (batch.copies[:, None] % 3)


class Strongest(LabelModule):
    """A field of the bundle's own, "planted.strength" (B, C): of the word that speaks most; low without any."""

    component = Component(
        kind="label_module",
        needs=frozenset({"tokens", "labels"}),
        gives=frozenset({"planted.strength"}),
        axes={"planted.strength": "BC"},
    )

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.project = nn.Linear(context.width("tokens"), context.width("labels"), bias=False)
        self.widths = {"planted.strength": 1}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with planted.strength."""
        spoken = self.spoken(states.first("labels"), states.first("tokens"))
        strongest = spoken.masked_fill(~states.first("token_mask")[:, None], LOW).amax(-1)
        return states.add({"planted.strength": strongest})

    def spoken(self, labels: Tensor, tokens: Tensor) -> Tensor:
        """(B, C, T)."""
        return labels @ self.project(tokens).mT


class CutOff(Strongest):
    """It learns from tokens and lets nobody learn through them."""

    def spoken(self, labels: Tensor, tokens: Tensor) -> Tensor:
        return super().spoken(labels, tokens.detach())


class ThereAndBack(Strongest):
    """It adds a large number and takes it away again, where bfloat16 has lost all after the point."""

    def spoken(self, labels: Tensor, tokens: Tensor) -> Tensor:
        return super().spoken(labels, tokens) + 500 - 500


class FromTheStrongest(Task):
    """How many labels a document has, from its greatest token: -1e9 without any, and so is the loss."""

    component = Component(kind="task", needs=frozenset({"tokens"}))

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(context.width("tokens"), 1)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        """The sum of errors over anchors."""
        mask = states.first("token_mask")
        spoken = self.out(states.first("tokens")).float()[..., 0]  # (B, T)
        guess = spoken.masked_fill(~mask, LOW).amax(1)
        return Loss.over((guess - (targets.dense(batch.label_ids) & batch.countable).sum(1)).abs(), batch.is_anchor)
