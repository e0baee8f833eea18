"""An encoder of words, and wrong ones."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelloom import Batch, Component, Context, Corpus, Encoder, States
from labelloom.interfaces import Assets, Reader, masked_mean

from . import readers
from .config import BagConfig
from .records import code


class Bag(Encoder):
    """Each word's vector through one layer: `tokens` (B, T, H), and their mean, `document` (B, H)."""

    component = Component(kind="encoder", config=code(BagConfig), gives=frozenset({"tokens", "document"}))
    reading: type[readers.WordsReader] = readers.WordsReader

    @classmethod
    def prepare(cls, config: BagConfig, corpus: Corpus) -> Assets:
        """The words of the training split."""
        return {"words": sorted({word for text in corpus.train.texts for word in text.split()})}

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        words, width = context.assets["words"], config.width
        self.reader: Reader = self.reading(words)
        self.embedding = nn.Embedding(len(words) + 1, width)
        self.dropout = nn.Dropout(config.dropout)
        self.out = nn.Linear(width, width)
        self.widths = {"tokens": width, "document": width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask and document."""
        ids, mask = batch.inputs["ids"], batch.inputs["mask"]
        tokens = self.words(ids, batch)
        return states.add(tokens=tokens, token_mask=mask, document=self.pooled(tokens, mask))

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        """(B, T, H)."""
        return self.out(self.dropout(self.embedding(ids))).tanh()

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(B, H)."""
        return masked_mean(tokens, mask)


class Masking(Bag):
    """In training it hides words by the noise of their row."""

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        hidden = batch.noise(ids.shape[1], self.path) < 0.3
        return super().words(ids.masked_fill(hidden, readers.UNKNOWN) if self.training else ids, batch)


# What a document is made of.


class MeanOverPadding(Bag):
    """The mean runs over padding too, so a document depends on the longest one beside it."""

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return tokens.mean(1)


class Centred(Bag):
    """Documents are centred on the batch, so each depends on its company."""

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        document = super().pooled(tokens, mask)
        return document - document.mean(0)


class ByRow(Bag):
    """A document's vector depends on the row that it has in its split, by which answers could be looked up."""

    def forward(self, states: States, batch: Batch) -> States:
        states = super().forward(states, batch)
        return states.add(document=states.first("document") + (batch.rows % 7)[:, None])


class EmptyIsNothing(Bag):
    """The mean divides by the number of words, which is 0 for a text without any."""

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


class Peeks(Bag):
    """Its vocabulary has the words of every split, the test split's too."""

    @classmethod
    def prepare(cls, config: BagConfig, corpus: Corpus) -> Assets:
        return {
            "words": sorted({word for split in corpus.splits.values() for text in split.texts for word in text.split()})
        }


class WordsOfOthers(Bag):
    """Its dropout of whole words hides the same places in every document of a step, by the position in the batch."""

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        kept = batch.noise(ids.shape[1], self.path)[:1] >= 0.2  # the first document's, for all
        return super().words(ids, batch) * (kept[..., None] if self.training else 1)


# Random numbers, training and evaluation.


class NumpyNoise(Bag):
    """It hides words in training by numpy's global generator, which no seed of the run reaches."""

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        kept = torch.from_numpy(np.random.rand(*ids.shape) >= 0.2) if self.training else torch.ones_like(ids)
        return super().words(ids, batch) * kept[..., None]


class AlwaysDropout(Bag):
    """It drops out in evaluation as in training: the function does not know in which it is."""

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        return self.out(F.dropout(self.embedding(ids), 0.2)).tanh()


class LouderInTraining(Bag):
    """Without any dropout its training differs from its evaluation: it scales where dropout would."""

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        return super().words(ids, batch) * (1.25 if self.training else 1)


class Drifting(Bag):
    """It keeps a running mean of the documents of evaluations too, so an answer depends on those before."""

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.register_buffer("mean", torch.zeros(config.width))

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        document = super().pooled(tokens, mask)
        mean = cast(Tensor, self.mean)
        mean.lerp_(document.detach().float().mean(0), 0.1)
        return document - mean
