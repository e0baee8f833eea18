"""Parts for specs that are allowed local code; tests copy this file beside their runs."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from labelloom import Batch, Component, Context, Loss, Predictor, States, Targets, Task
from labelloom.config import Config
from labelloom.interfaces import Draw, LabelledRows, Rng, Sampler


class Cardinality(Task):
    """How many labels a document has; it counts only documents with at least two, and how often it is out by less than
    a half and by less than one."""

    component = Component(kind="task", needs=frozenset({"document"}), logs=frozenset({"near", "exact"}))

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(context.width("document"), 1)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        guess = self.out(states.document)[:, 0]  # (B,)
        truth = (targets.dense(batch.label_ids) & batch.countable).sum(1)
        counted = batch.is_anchor & (truth >= 2)
        loss, out = Loss.over((guess - truth) ** 2, counted), (guess - truth).abs()
        logs = {"exact": (counted & (out < 0.5)).sum(), "near": (counted & (out < 1)).sum()}
        return Loss(loss.total, loss.count, logs)


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


class Unrecorded(Task):
    """The mean square of the scores, with a log that its record leaves out and one that is not a number."""

    component = Component(kind="task", needs=frozenset({"scores"}), logs=frozenset({"share"}))

    class Config(Config):
        logs: list[str] = ["share"]

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        loss = Loss.over(states.first("scores").square().mean(1), batch.is_anchor)
        return Loss(loss.total, loss.count, {name: torch.tensor(torch.nan) for name in self.config.logs})


class Choosy(Sampler):
    """Anchors on documents with several labels, and says so."""

    component = Component(kind="sampler", gives=frozenset({"candidates"}))

    def anchors(self, split: LabelledRows, rows: np.ndarray) -> np.ndarray:
        kept = rows[split.label_sets.counts[rows] > 1]
        self.notes = [f"{len(rows) - len(kept)} of {len(rows)} documents have one label"]
        return kept

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        return draw.with_candidates([np.arange(self.label_count)] * len(draw.rows))


class Long(Sampler):
    """Anchors on documents with so many labels: other numbers in a split of 21 documents than in others."""

    component = Component(kind="sampler", gives=frozenset({"candidates"}))

    class Config(Config):
        train: int = 0
        elsewhere: int = 0

    def anchors(self, split: LabelledRows, rows: np.ndarray) -> np.ndarray:
        least = self.config.train if len(split) == 21 else self.config.elsewhere
        return rows[split.label_sets.counts[rows] >= least]

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        return draw.with_candidates([np.arange(self.label_count)] * len(draw.rows))


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


class Few(Sampler):
    """A document's labels and one more."""

    component = Component(kind="sampler", gives=frozenset({"candidates"}))

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        own = [split.label_sets[row] for row in draw.rows]
        more = [rng(place).integers(self.label_count, size=1) for place in range(len(own))]
        return draw.with_candidates([np.union1d(*pair) for pair in zip(own, more, strict=True)])
