"""The parts of the bundle `tiny`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from labelloom import Batch, Context, Corpus, Encoder, LabelModule, Loss, Predictor, Sampler, States, Targets, Task
from labelloom.interfaces import (
    Assets,
    Draw,
    LabelledRows,
    Reader,
    Rng,
    masked_mean,
    masked_softmax,
    pad,
    stable_digest,
)
from labelloom_tiny.config import BagConfig, BCEConfig, OuterConfig


class BagReader(Reader):
    def __init__(self, words: Sequence[str]) -> None:
        self.ids = {word: place for place, word in enumerate(words)}
        self.key = stable_digest("tiny/bag", *words)

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        ids = [[self.ids[word] for word in text.split() if word in self.ids] for text in texts]
        return {"ids": ids, "length": [len(row) for row in ids]}

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        ids, mask = pad([row["ids"] for row in rows])
        return {"ids": ids, "mask": mask}


class Bag(Encoder):
    @classmethod
    def prepare(cls, config: BagConfig, corpus: Corpus) -> Assets:
        return {"words": sorted({word for text in corpus.train.texts for word in text.split()})}

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.reader = BagReader(context.assets["words"])
        self.embedding = nn.Embedding(len(context.assets["words"]), config.width)
        self.spare = nn.Parameter(torch.zeros(3)) if config.spare else None
        self.widths = {"tokens": config.width, "document": config.width}

    def forward(self, states: States, batch: Batch) -> States:
        tokens, mask = self.embedding(batch.inputs["ids"]), batch.inputs["mask"]
        document = masked_mean(tokens, mask) if self.config.pooling == "mean" else (tokens * mask[..., None]).sum(1)
        return states.add(tokens=tokens, token_mask=mask, document=document)


class Outer(Encoder):
    def __init__(self, config: OuterConfig, context: Context) -> None:
        super().__init__(config, context)
        self.encoder = context.parts["encoder"]({})
        self.reader = self.encoder.reader
        self.widths = self.encoder.widths

    def forward(self, states: States, batch: Batch) -> States:
        return self.encoder(states, batch)


class Attention(LabelModule):
    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.query = nn.Embedding(len(context.labels), context.width("tokens"))
        self.widths = {"labels": context.width("tokens")}

    def forward(self, states: States, batch: Batch) -> States:
        assert states.tokens is not None
        assert states.token_mask is not None
        weights = masked_softmax(self.query(batch.label_ids) @ states.tokens.mT, states.token_mask[:, None])
        return states.add(labels=weights @ states.tokens)


class Table(LabelModule):
    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.vectors = nn.Embedding(len(context.labels), context.width("tokens"))
        self.widths = {"label_table": context.width("tokens")}

    def forward(self, states: States, batch: Batch) -> States:
        return states.add(label_table=self.vectors)


class Linear(Predictor):
    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Embedding(len(context.labels), context.width("document") + 1)

    def forward(self, states: States, batch: Batch) -> States:
        weight = self.out(batch.label_ids)
        return states.add(scores=(weight[..., 1:] @ states.first("document")[..., None])[..., 0] + weight[..., 0])


class LabelLinear(Predictor):
    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(context.width("labels"), 1)

    def forward(self, states: States, batch: Batch) -> States:
        return states.add(scores=self.out(states.labels)[..., 0])


class BCE(Task):
    config: BCEConfig

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        if self.config.fail:
            raise KeyError("what nobody expects")
        truth = targets.dense(batch.label_ids).float()
        values = F.binary_cross_entropy_with_logits(states.first("scores"), truth, reduction="none")
        return Loss.over(values * self.config.scale, batch.countable)


class Norm(Task):
    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        return Loss.over(states.first("document").square().sum(-1), batch.is_anchor)


class TableNorm(Task):
    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        assert states.label_table is not None
        return Loss.over(states.label_table(batch.label_ids).square().sum(-1), batch.label_mask)


class Negatives(Sampler):
    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        own = [split.label_sets[row] for row in draw.rows]
        drawn = [sorted({*own[i], *rng(i).integers(self.label_count, size=2)}) for i in range(len(own))]
        return draw.with_candidates(drawn)  # type: ignore[arg-type]
