"""An encoder with the labels in its input, and wrong ones."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from labelloom import Batch, Context, States
from labelloom.interfaces import masked_softmax

from .config import BagConfig
from .encoders import Bag


class Joint(Bag):
    """Words and all L labels look at each other; a label's vector shows what `given` tells of it.

    Gives `tokens` (B, T, H), `document` (B, H) and, of the labels under consideration, `labels` (B, C, H).
    """

    component = replace(Bag.component, needs=frozenset({"given?"}), gives=frozenset({"tokens", "document", "labels"}))

    def __init__(self, config: BagConfig, context: Context) -> None:
        super().__init__(config, context)
        self.names = nn.Embedding(len(context.labels), config.width)
        self.told = nn.Embedding(3, config.width)
        self.widths = {**self.widths, "labels": config.width}

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask, document and labels."""
        ids, mask = batch.inputs["ids"], batch.inputs["mask"]
        slots = self.slots(batch)  # (B, L, H)
        joined = torch.cat([self.words(ids, batch), slots], 1)
        present = torch.cat([mask, mask.new_ones(slots.shape[:2])], 1)
        scores = joined @ joined.mT * joined.shape[-1] ** -0.5
        joined = joined + masked_softmax(scores, present[:, None]) @ joined
        tokens, labels = joined[:, : ids.shape[1]], joined[:, ids.shape[1] :]
        return states.add(
            tokens=tokens, token_mask=mask, document=self.pooled(tokens, mask), labels=self.asked(labels, batch)
        )

    def slots(self, batch: Batch) -> Tensor:
        """(B, L, H): of each label who it is and what is told of it."""
        return self.names.weight + self.told(self.shown(batch) + 1)

    def shown(self, batch: Batch) -> Tensor:
        """(B, L) int64: 0 or 1 where the truth is told, else -1."""
        if batch.given is None:
            return torch.full((len(batch), batch.label_count), -1, device=batch.rows.device)
        return batch.given.long()

    def asked(self, labels: Tensor, batch: Batch) -> Tensor:
        """(B, C, H) of (B, L, H)."""
        return batch.pick(labels)


class Shows(Joint):
    """Nothing is added to a label where nothing is told, so that without `given` the layer for it is not used."""

    def slots(self, batch: Batch) -> Tensor:
        return self.names.weight.expand(len(batch), -1, -1) if batch.given is None else super().slots(batch)


class Undeclared(Joint):
    """Its record does not say that it reads `given`."""

    component = replace(Joint.component, needs=frozenset())


class GivesEvery(Joint):
    """It gives every label's vector, whichever are asked about."""

    def asked(self, labels: Tensor, batch: Batch) -> Tensor:
        return labels


class GivesFirst(Joint):
    """It gives the vectors of the first C labels, whichever are asked about."""

    def asked(self, labels: Tensor, batch: Batch) -> Tensor:
        return labels[:, : batch.label_ids.shape[1]]


class GivesTheFirstRows(Joint):
    """It gives all documents the labels that the first one asks about."""

    def asked(self, labels: Tensor, batch: Batch) -> Tensor:
        return labels[:, batch.label_ids[0]]


class OnlyAsked(Joint):
    """It reads only the labels under consideration, so that words and labels depend on which these are."""

    def slots(self, batch: Batch) -> Tensor:
        return self.names(batch.label_ids).expand(len(batch), -1, -1) + self.told(batch.pick(self.shown(batch)) + 1)

    def asked(self, labels: Tensor, batch: Batch) -> Tensor:
        return labels


class Copies(Joint):
    """It tells each label's truth by the batch's mask of what is visible, and so of documents that show nothing."""

    def shown(self, batch: Batch) -> Tensor:
        shown = super().shown(batch)
        return torch.where((shown >= 0).any(0), shown.clamp(min=0), shown)
