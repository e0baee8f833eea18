"""The parts."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from standin_common import label_vectors
from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import (
    Assets,
    Batch,
    Context,
    Draw,
    Encoder,
    LabelledRows,
    LabelModule,
    LabelTable,
    Loss,
    Predictor,
    Rng,
    Sampler,
    SharedReader,
    States,
    Targets,
    Task,
    masked_softmax,
)

WIDTH = 16


class MultiAspect(Encoder):
    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        made = [context.parts[f"encoders.{place}"](context.widths) for place in range(len(config.encoders))]
        self.encoders = nn.ModuleList(made)
        self.projections = nn.ModuleList(nn.Linear(encoder.widths["document"], WIDTH) for encoder in made)
        self.reader = SharedReader({str(place): encoder.reader for place, encoder in enumerate(made)})
        self.widths = {"aspects": (len(made), WIDTH), "document": WIDTH}

    def forward(self, states: States, batch: Batch) -> States:
        views = []
        for place, (encoder, project) in enumerate(zip(self.encoders, self.projections, strict=True)):
            views.append(project(encoder(states, batch.with_inputs(batch.inputs[str(place)])).document))
        aspects = torch.stack(views, 1)  # (B, A, D)
        return states.add(aspects=aspects, document=aspects.mean(1))


class LabelGroups(LabelModule):
    """Each label's neighbours, weighted by each view, then the views by what they found."""

    @classmethod
    def prepare(cls, config: Any, corpus: Corpus) -> Assets:
        ids, mask = corpus.statistics.neighbours(2)
        return {"ids": np.maximum(ids, 0), "mask": mask}

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        count, width = cast("tuple[int, int]", context.widths["aspects"])
        table = context.width("label_table")
        self.register_buffer("ids", torch.from_numpy(context.assets["ids"]), persistent=False)
        self.register_buffer("mask", torch.from_numpy(context.assets["mask"]), persistent=False)
        self.project = nn.Linear(table, width)
        self.judge = nn.Parameter(torch.randn(count, width))
        self.out = nn.Linear(table + width, width)
        self.widths = {"labels": width}

    def forward(self, states: States, batch: Batch) -> States:
        table = cast(LabelTable, states.label_table)
        aspects = cast(Tensor, states.aspects)[:, None]  # (B, 1, A, D)
        ids, mask = cast(Tensor, self.ids)[batch.label_ids], cast(Tensor, self.mask)[batch.label_ids]
        group = self.project(table(ids))  # (1 or B, C, k, D): labels that need not be under consideration
        found = masked_softmax(aspects @ group.mT, mask[:, :, None]) @ group  # (B, C, A, D)
        weights = (found * self.judge).sum(-1).softmax(-1)  # (B, C, A)
        common = (weights[..., None] * found).sum(2)
        own = table(batch.label_ids).expand(len(common), -1, -1)
        return states.add(labels=self.out(torch.cat([own, common], -1)))


class CoAttention(LabelModule):
    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        _, width = cast("tuple[int, int]", context.widths["aspects"])
        self.project = nn.Linear(context.width("label_table"), width)
        self.widths = {"maacf.text": width}

    def forward(self, states: States, batch: Batch) -> States:
        aspects = cast(Tensor, states.aspects)
        labels = self.project(cast(LabelTable, states.label_table)(batch.label_ids))  # (1 or B, C, D)
        return states.add({"maacf.text": (labels @ aspects.mT).softmax(-1) @ aspects})


class NCF(Predictor):
    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.text = nn.Linear(context.width(config.text), WIDTH)
        self.label = nn.Linear(context.width(config.label), WIDTH)
        self.out = nn.Linear(WIDTH, 1)

    def forward(self, states: States, batch: Batch) -> States:
        text = states.get(self.config.text)  # (B, D), or (B, C, D)
        text = self.text(text if text.dim() == 3 else text[:, None])
        hidden = (text + self.label(label_vectors(states, batch, self.config.label))).relu()  # (B, C, D)
        return states.add(scores=self.out(hidden)[..., 0])


class BPR(Task):
    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        scores = cast(Tensor, states.scores)
        carried, countable = targets.dense(batch.label_ids), batch.countable
        pairs = (carried & countable)[:, :, None] & (~carried & countable)[:, None]  # (B, C, C)
        return Loss.over(F.softplus(scores[:, None] - scores[:, :, None]), pairs)


class NegativeLabels(Sampler):
    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        drawn = []
        for place, row in enumerate(draw.rows):
            own = split.label_sets[row]
            lacking = np.setdiff1d(np.arange(self.label_count), own)
            drawn.append(np.concatenate([own, rng(place).choice(lacking, min(2, len(lacking)), replace=False)]))
        return draw.with_candidates(drawn)
