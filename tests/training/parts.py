"""Parts for specs that are allowed local code; tests copy this file beside their runs."""

from __future__ import annotations

import torch
from torch import nn

from labelloom import Batch, Component, Context, Loss, Predictor, States, Targets, Task
from labelloom.config import Config


class Cardinality(Task):
    """How many labels a document has; it counts only documents with at least two."""

    component = Component(kind="task", needs=frozenset({"document"}))

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(context.width("document"), 1)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        guess = self.out(states.document)[:, 0]  # (B,)
        truth = (targets.dense(batch.label_ids) & batch.countable).sum(1)
        return Loss.over((guess - truth) ** 2, batch.is_anchor & (truth >= 2))


class Poisoned(Task):
    """The mean square of the scores; NaN or infinite once a document of the training split is met."""

    component = Component(kind="task", needs=frozenset({"scores"}))

    class Config(Config):
        row: int
        where: str = "loss"

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        scores = states.first("scores")
        losses = scores.square().mean(1)  # (B,)
        poisoned = (batch.rows == self.config.row) & self.training
        if self.config.where == "loss":
            losses = torch.where(poisoned, torch.nan, losses)
        elif poisoned.any():
            # The root's derivative at zero is infinite, its value is not.
            losses = losses + (scores - scores.detach()).square().sum(1).sqrt()
        return Loss.over(losses, batch.is_anchor)


class Scaled(Predictor):
    """A linear predictor whose scores are multiplied by an option that stages may change."""

    component = Component(
        kind="predictor",
        needs=frozenset({"document"}),
        gives=frozenset({"scores"}),
        stage_options=frozenset({"scale"}),
    )

    class Config(Config):
        scale: float = 1.0

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(context.width("document"), len(context.labels))

    def forward(self, states: States, batch: Batch) -> States:
        return states.add(scores=self.config.scale * self.out(states.document)[:, batch.label_ids[0]])


class Normed(Predictor):
    """A linear predictor over a normed document, whose statistics run along."""

    component = Component(kind="predictor", needs=frozenset({"document"}), gives=frozenset({"scores"}))

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.norm = nn.BatchNorm1d(context.width("document"))
        self.out = nn.Linear(context.width("document"), len(context.labels))
        self.unused = nn.Linear(2, 2)

    def forward(self, states: States, batch: Batch) -> States:
        return states.add(scores=self.out(self.norm(states.document))[:, batch.label_ids[0]])


class Detached(Task):
    """A task whose own weights its loss does not reach."""

    component = Component(kind="task", needs=frozenset({"document"}))

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(context.width("document"), 1)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        return Loss.over(self.out(states.document)[:, 0].detach() + states.document.square().sum(1), batch.is_anchor)
