"""The parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from standin_common import SelfAttention, WordReader, at, label_vectors, one_of, words_of
from torch import nn

from labelloom.data.corpus import Corpus
from labelloom.interfaces import (
    Assets,
    Batch,
    Context,
    Encoder,
    LabelModule,
    Loss,
    States,
    Targets,
    Task,
    masked_mean,
)


class JointEncoder(Encoder):
    """`[CLS] document [SEP] labels` through one attention; the labels are encoded all, then picked."""

    @classmethod
    def prepare(cls, config: Any, corpus: Corpus) -> Assets:
        model = json.loads((Path(config.pretrained) / "config.json").read_text())
        return {"words": words_of(corpus), "width": model["hidden_size"]}

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        count = len(context.labels)
        room = config.max_length - count - 2
        if room < 1:
            raise ValueError(
                f"{config.max_length} positions - {count} labels - 2 special tokens leave {room} for words"
            )
        words, width = context.assets["words"], context.assets["width"]
        self.reader = WordReader(words, room)
        self.embedding = nn.Embedding(len(words) + 1, width)
        self.first = nn.Parameter(torch.randn(1, 1, width))
        self.label_tokens = nn.Embedding(len(context.labels), width)
        self.mix = SelfAttention(width)
        self.widths = {"tokens": width, "document": width, "labels": width}

    def forward(self, states: States, batch: Batch) -> States:
        mask = batch.inputs["mask"]
        count, length = mask.shape
        pieces = [self.first.expand(count, -1, -1), self.embedding(batch.inputs["ids"])]
        if not self.config.text_alone:
            pieces.append(self.label_tokens.weight.expand(count, -1, -1))
        sequence = torch.cat(pieces, 1)
        there = torch.ones(sequence.shape[:2], dtype=torch.bool, device=mask.device)
        there[:, 1 : 1 + length] = mask
        mixed = self.mix(sequence, there)
        tokens = mixed[:, 1 : 1 + length]
        states = states.add(tokens=tokens, token_mask=mask, document=mixed[:, 0] + masked_mean(tokens, mask))
        return states if self.config.text_alone else states.add(labels=batch.pick(mixed[:, 1 + length :]))


class CrossAttention(LabelModule):
    """Cosine of words and labels, a convolution over both, a maximum, tanh: the weight of a word."""

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        width = context.width("tokens")
        self.project = nn.Linear(context.width("labels", "label_table"), width)
        self.convolution = nn.Conv2d(1, 2, 3, padding=1)
        self.widths = {"document": width}

    def forward(self, states: States, batch: Batch) -> States:
        tokens, mask = states.tokens, states.token_mask
        assert tokens is not None
        assert mask is not None
        words = F.normalize(tokens, dim=-1).masked_fill(~mask[..., None], 0)
        labels = F.normalize(self.project(label_vectors(states, batch)), dim=-1)
        compatible = self.convolution((words @ labels.mT)[:, None]).relu()  # (B, 2, T, L)
        weights = compatible.amax((1, 3)).tanh() * mask  # (B, T)
        weighted = weights[..., None] * words
        if self.config.pooling == "sum":
            return states.add(document=weighted.sum(1))
        lowest = torch.finfo(weighted.dtype).min
        highest = weighted.masked_fill(~mask[..., None], lowest).amax(1)
        return states.add(document=highest * mask.any(1, keepdim=True))


class PairwiseCooccurrence(Task):
    """Two labels of a document, one of which it carries: does it carry the other?"""

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(2 * context.width("labels"), 1)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        labels = label_vectors(states, batch, "labels")
        countable = batch.countable
        count = countable.shape[1]
        carried = targets.dense(batch.label_ids) & countable
        first, any_first = one_of(carried, batch.noise(count, self.path, "first"))
        others = countable & (torch.arange(count, device=first.device) != first[:, None])
        positive = batch.noise(1, self.path, "which") < 1 / 3
        pool = torch.where(positive & (carried & others).any(1, keepdim=True), carried, ~carried) & others
        second, any_second = one_of(pool, batch.noise(count, self.path, "second"))
        logits = self.out(torch.cat([at(labels, first), at(labels, second)], -1))[:, 0]
        truth = carried.gather(1, second[:, None])[:, 0].to(logits.dtype)
        return Loss.over(F.binary_cross_entropy_with_logits(logits, truth, reduction="none"), any_first & any_second)


class ConditionalCooccurrence(Task):
    """One label that the document carries is told; which others does it carry?"""

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__(config, context)
        self.out = nn.Linear(2 * context.width("labels"), 1)

    def forward(self, states: States, batch: Batch, targets: Targets) -> Loss:
        labels = label_vectors(states, batch, "labels")
        countable = batch.countable
        carried = targets.dense(batch.label_ids) & countable
        told, there = one_of(carried, batch.noise(countable.shape[1], self.path))
        logits = self.out(torch.cat([labels, at(labels, told)[:, None].expand_as(labels)], -1))[..., 0]
        others = countable & (torch.arange(countable.shape[1], device=told.device) != told[:, None])
        losses = F.binary_cross_entropy_with_logits(logits, carried.to(logits.dtype), reduction="none")
        return Loss.over(losses, others & there[:, None])
