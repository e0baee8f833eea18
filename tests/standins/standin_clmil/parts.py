"""The parts."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from standin_common import at, contrast, label_vectors, one_of
from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import (
    Assets,
    Batch,
    Context,
    Draw,
    LabelledRows,
    LabelModule,
    Loss,
    Rng,
    Sampler,
    States,
    Targets,
    Task,
)


def related(corpus: Corpus) -> np.ndarray:
    """(L, L) bool: whether label j comes with label i more often than labels do on average."""
    statistics = corpus.statistics
    return statistics.cooccurrence.toarray() > statistics.mean_cooccurrence[:, None]


class LabelFrequencyContrast(Sampler):
    """Anchors carry a rare label; each comes twice; a pool that all share holds the negatives."""

    @classmethod
    def prepare(cls, config: Any, corpus: Any) -> Assets:
        least = config.low_frequency * (1 if isinstance(config.low_frequency, int) else len(corpus.train))
        return {"rare": corpus.statistics.frequency < least, "related": related(corpus)}

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.rare, self.related = context.assets["rare"], context.assets["related"]

    def anchors(self, split: LabelledRows, rows: np.ndarray) -> np.ndarray:
        return rows[[bool(self.rare[split.label_sets[row]].any()) for row in rows]]

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        before, count = len(draw.rows), draw.anchors
        pool = rng().choice(len(split), size=min(len(split), 2 * count), replace=False)
        draw = draw.with_rows(np.concatenate([draw.rows[:count], pool]))
        relation = np.zeros((len(draw.rows), len(draw.rows)), dtype=np.int8)
        for anchor in range(count):
            relation[anchor, before + anchor] = 1
            own = split.label_sets[draw.rows[anchor]]
            for place, row in enumerate(pool, start=before + count):
                other = split.label_sets[row]
                if not np.intersect1d(own, other).size and not self.related[np.ix_(own, other)].any():
                    relation[anchor, place] = -1
        return draw.with_relation(relation)


class InfoNCE(Task):
    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        documents = F.normalize(cast(Tensor, states.document), dim=-1)
        return contrast(20 * documents @ documents.T, cast(Tensor, batch.relation))


class DilatedGatedCNN(LabelModule):
    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        width = context.width("tokens")
        self.layers = nn.ModuleList(
            nn.Conv1d(width, 2 * width, 3, padding=dilation, dilation=dilation) for dilation in (1, 2)
        )
        self.widths = {"document": width}

    def forward(self, states: States, batch: Batch) -> States:
        mask = cast(Tensor, states.token_mask)[:, None]  # (B, 1, T)
        values = cast(Tensor, states.tokens).mT * mask
        for layer in self.layers:
            made, gate = layer(values).chunk(2, 1)
            values = (values * (1 - gate.sigmoid()) + made * gate.sigmoid()) * mask
        lowest = torch.finfo(values.dtype).min
        document = values.masked_fill(~mask, lowest).amax(2) * mask.any(2)
        return states.add(document=document)


class LabelRelations(Task):
    """A label of the document and any other: carried too, related to one that is carried, or neither."""

    @classmethod
    def prepare(cls, config: Any, corpus: Corpus) -> Assets:
        return {"related": related(corpus)}

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.register_buffer("related", torch.from_numpy(context.assets["related"]), persistent=False)
        self.out = nn.Linear(3 * context.width("labels"), 3)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        labels = label_vectors(states, batch, "labels")
        countable, ids = batch.countable, batch.label_ids
        count = countable.shape[1]
        carried = targets.dense(ids) & countable
        first, any_first = one_of(carried, batch.noise(count, self.path, "first"))
        others = countable & (torch.arange(count, device=first.device) != first[:, None])
        second, any_second = one_of(others, batch.noise(count, self.path, "second"))
        links = cast(Tensor, self.related)[ids[:, :, None], ids[:, None]] & carried[..., None]  # (B, C, C)
        indirect = links.any(1).gather(1, second[:, None])[:, 0]
        direct = carried.gather(1, second[:, None])[:, 0]
        relation = torch.where(direct, 0, torch.where(indirect, 1, 2))
        a, b = at(labels, first), at(labels, second)
        logits = self.out(torch.cat([a, b, (a - b).abs()], -1))
        return Loss.over(F.cross_entropy(logits, relation, reduction="none"), any_first & any_second)
