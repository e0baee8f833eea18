"""Encoders whose weights are not trained, not saved or of names that change: on purpose, or by mistake."""

from __future__ import annotations

import random
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from labelloom import Batch, Context, Corpus
from labelloom.interfaces import Assets
from labelloom.interfaces.part import Encode

from .config import BagConfig
from .encoders import Bag


class Fixed(Bag):
    """Words' vectors that are not to be trained."""

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.embedding.weight.requires_grad = False


class Sparse(Bag):
    """Words' vectors with a sparse gradient."""

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.embedding = nn.Embedding(len(context.assets["words"]) + 1, config.width, sparse=True)


class Derived(Bag):
    """Lengths of words in a buffer that is not saved, for the assets that it is made of are."""

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        lengths = torch.tensor([0.0, *map(len, context.assets["words"])])
        self.register_buffer("lengths", lengths, persistent=False)

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        return super().words(ids, batch) * cast(Tensor, self.lengths)[ids][..., None]


class Adapted(Bag):
    """A layer of low rank whose second factor starts at zero, so that at first no gradient reaches the other one."""

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.down = nn.Linear(config.width, 2, bias=False)
        self.up = nn.Linear(2, config.width, bias=False)
        nn.init.zeros_(self.up.weight)

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        words = super().words(ids, batch)
        return words + self.up(self.down(words))


class Listed(Bag):
    """A layer for each label, in a list as long as there are labels."""

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.shifts = nn.ModuleList(nn.Linear(config.width, config.width) for _ in context.labels.codes)

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        document = super().pooled(tokens, mask)
        return torch.stack([shift(document) for shift in self.shifts]).sum(0)


# Wrong ones.


class Numpy(Bag):
    """Its weights start from numpy's global generator, which no seed of the run reaches."""

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.shift = nn.Parameter(torch.from_numpy(np.random.rand(config.width)).float())

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return super().pooled(tokens, mask) + self.shift


class Shuffled(Bag):
    """Its vocabulary has another order each time that it is prepared."""

    @classmethod
    def prepare(cls, config: BagConfig, corpus: Corpus) -> Assets:
        words = super().prepare(config, corpus)["words"]
        return {"words": random.sample(words, len(words))}


class Unordered(Bag):
    """Its vocabulary has the order of a set, which each process makes another."""

    @classmethod
    def prepare(cls, config: BagConfig, corpus: Corpus) -> Assets:
        return {"words": list(set(super().prepare(config, corpus)["words"]))}


class Unused(Bag):
    """A layer that nothing runs through."""

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.gate = nn.Linear(config.width, config.width)


class Detached(Bag):
    """The words' vectors are cut from the graph, and never learn."""

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        return self.out(self.dropout(self.embedding(ids).detach())).tanh()


class WithoutGradient(Bag):
    """A whole forward pass under no_grad, left from a trial."""

    @torch.no_grad()
    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        return super().words(ids, batch)


class PlainWeights(Bag):
    """Weights in a plain attribute: no file keeps them."""

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.shift = torch.randn(config.width)

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        return super().words(ids, batch) + self.shift.to(ids.device)


class UnsavedBuffer(Bag):
    """Random projections in a buffer that is not saved."""

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.register_buffer("shift", torch.randn(config.width), persistent=False)

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        return super().words(ids, batch) + cast(Tensor, self.shift)


class NamedByLabels(Bag):
    """The names of its weights are those of the labels."""

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.shifts = nn.ParameterDict(
            {label: nn.Parameter(torch.zeros(config.width)) for label in context.labels.codes}
        )

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return super().pooled(tokens, mask) + torch.stack(list(self.shifts.values())).sum(0)


class NeedsInitialise(Bag):
    """A layer that only `initialise` makes, which loading a saved run never calls."""

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The missing layer."""
        self.late = nn.Linear(self.config.width, self.config.width)

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return self.late(super().pooled(tokens, mask))


class KeptFromInitialise(Bag):
    """`initialise` counts words into a plain attribute, which no saved run has."""

    scale = 1.0

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """How many documents there are."""
        self.scale = 1 / (1 + len(corpus.train))

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return super().pooled(tokens, mask) * self.scale
