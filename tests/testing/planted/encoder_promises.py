"""Encoders that do not do what their records, widths, options and readers say."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from labelloom import Batch, Context, States

from . import readers
from .config import UnbuildableConfig, UnfinishedConfig
from .encoders import Bag
from .records import code


class Wider(Bag):
    """Its document is twice as wide as it says."""

    def pooled(self, tokens: Tensor, mask: Tensor) -> Tensor:
        document = super().pooled(tokens, mask)
        return torch.cat([document, document], -1)


class NoDocument(Bag):
    """It never gives the document that its record promises."""

    def forward(self, states: States, batch: Batch) -> States:
        return replace(super().forward(states, batch), document=None)


class Generous(Bag):
    """It gives aspects of which its record says nothing."""

    def forward(self, states: States, batch: Batch) -> States:
        states = super().forward(states, batch)
        return states.add(aspects=states.first("document")[:, None])


class NoMask(Bag):
    """Its tokens come without the mask that says which of them are words."""

    def forward(self, states: States, batch: Batch) -> States:
        return replace(super().forward(states, batch), token_mask=None)


class WordsAsNumbers(Bag):
    """Its mask is of numbers, which index and invert in another way than booleans."""

    def forward(self, states: States, batch: Batch) -> States:
        states = super().forward(states, batch)
        return states.add(token_mask=states.first("token_mask").long())


class Double(Bag):
    """It gives float64, which no weight of another part can be multiplied with."""

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        return super().words(ids, batch).double()


class HalfBreaks(Bag):
    """It writes what half precision computed into a tensor of full precision."""

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        tokens = torch.zeros(*ids.shape, self.config.width, device=ids.device)
        mask = batch.inputs["mask"]
        tokens[mask] = self.out(self.dropout(self.embedding(ids[mask])))
        return tokens.tanh()


class Shifts(Bag):
    """It shifts ids in place, and so again for whoever reads the same batch next."""

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        return super().words(ids.add_(1).remainder_(self.embedding.num_embeddings), batch)


class Unbuildable(Bag):
    """Its options' defaults cannot work with each other."""

    component = replace(Bag.component, config=code(UnbuildableConfig))

    def __init__(self, config: UnbuildableConfig, context: Context) -> None:
        if config.width % config.heads:
            raise ValueError(f"heads = {config.heads} does not divide the width {config.width}")
        super().__init__(config, context)


class Unfinished(Bag):
    """The default of an option is outside of the option's own bounds."""

    component = replace(Bag.component, config=code(UnfinishedConfig))


class HeavyOptions(Bag):
    """The module of its options imports torch."""

    component = replace(Bag.component, config=f"{__package__}.heavy_config:HeavyConfig")


class Misnamed(Bag):
    """Its record names a class that its module does not have."""

    component = replace(Bag.component, target=f"{__name__}:Bagg")


class Moved(Bag):
    """Its record names a module that is no more."""

    component = replace(Bag.component, target=f"{__package__}.bag:Bag")


# Readers.


class KeyOfTheObject(Bag):
    """Its reader's key is random."""

    reading = readers.KeyOfTheObject


class KeyOfAHash(Bag):
    """Its reader's key is another one in each process."""

    reading = readers.KeyOfAHash


class Buckets(Bag):
    """Its reader's ids are others in each process."""

    reading = readers.Buckets


class Learning(Bag):
    """Its reader's vocabulary grows as it reads."""

    reading = readers.Learning


class Bracketed(Bag):
    """Its mask counts a special position."""

    reading = readers.Bracketed


class NoLength(Bag):
    """Its reader tells no length."""

    reading = readers.NoLength


class Weighing(Bag):
    """Its reader has weights."""

    reading = readers.Weighing

    def words(self, ids: Tensor, batch: Batch) -> Tensor:
        return super().words(ids, batch) + batch.inputs["words"]
