"""The parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from standin_common import SelfAttention, WordReader, words_of
from torch import Tensor, nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import (
    Assets,
    Batch,
    Context,
    Draw,
    Encoder,
    LabelledRows,
    Loss,
    Predictor,
    Rng,
    Sampler,
    States,
    Targets,
    Task,
    masked_mean,
)

NO, YES, MASK = 0, 1, 2


class LabelMaskEncoder(Encoder):
    """Per label one of the tokens NO-i, YES-i, MASK-i before the words; what `given` does not tell is masked."""

    @classmethod
    def prepare(cls, config: Any, corpus: Corpus) -> Assets:
        model = json.loads((Path(config.pretrained) / "config.json").read_text())
        return {"words": words_of(corpus), "width": model["hidden_size"]}

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        words, width = context.assets["words"], context.assets["width"]
        self.reader = WordReader(words, 60)
        self.embedding = nn.Embedding(len(words) + 1, width)
        self.tokens = nn.Parameter(torch.randn(len(context.labels), 3, width))
        self.mix = SelfAttention(width)
        self.widths = {"tokens": width, "document": width, "labels": width, "lmmtc.slots": 2}

    def forward(self, states: States, batch: Batch) -> States:
        ids, mask = batch.inputs["ids"], batch.inputs["mask"]
        shape = (len(batch), batch.label_count)
        given = torch.full(shape, -1, device=ids.device) if batch.given is None else batch.given.long()
        shown = torch.where(given < 0, MASK, given)  # (B, L)
        slots = self.tokens[torch.arange(batch.label_count, device=ids.device), shown]  # (B, L, H)
        there = torch.cat([torch.ones(shape, dtype=torch.bool, device=ids.device), mask], 1)
        mixed = self.mix(torch.cat([slots, self.embedding(ids)], 1), there)
        slots, tokens = mixed[:, : batch.label_count], mixed[:, batch.label_count :]
        answers = (slots[:, :, None] * self.tokens[:, :MASK]).sum(-1)  # (B, L, 2): NO-i and YES-i
        return states.add(
            {"lmmtc.slots": batch.pick(answers)},
            tokens=tokens,
            token_mask=mask,
            document=slots.mean(1) + masked_mean(tokens, mask),
            labels=batch.pick(slots),
        )


class Reveal(Sampler):
    """Of each anchor's L labels hide k ~ U{1..L} and tell the others."""

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        count = self.label_count
        truth = split.label_sets.take(draw.rows).to_dense().astype(np.int8)
        noise = rng.noise(count + 1)
        hidden = 1 + (noise[:, :1] * count).astype(np.int64)  # (R, 1)
        rank = noise[:, 1:].argsort(1).argsort(1)
        given = np.where(rank < hidden, -1, truth).astype(np.int8)
        given[draw.anchors :] = -1
        return draw.with_given(given)


class SlotLinear(Predictor):
    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(context.width("labels"), 1)

    def forward(self, states: States, batch: Batch) -> States:
        return states.add(scores=self.out(cast(Tensor, states.labels))[..., 0])


class LabelMLM(Task):
    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        slots = states.get("lmmtc.slots")  # (B, C, 2)
        truth = targets.dense(batch.label_ids).expand(slots.shape[:2]).long()
        return Loss.over(F.cross_entropy(slots.transpose(1, 2), truth, reduction="none"), batch.countable)
