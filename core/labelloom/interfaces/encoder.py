"""Encoders and the readers that feed them.

A whole encoder, as a bundle author writes it: a bag of words in a few lines.

    class BagReader(Reader):
        def __init__(self, words):
            self.ids = {word: index for index, word in enumerate(words)}
            self.key = stable_digest("mybundle/bag", *words)

        def tokenize(self, texts):
            ids = [[self.ids[word] for word in text.split() if word in self.ids] for text in texts]
            return {"ids": ids, "length": [len(row) for row in ids]}

        def collate(self, rows):
            ids, mask = pad([row["ids"] for row in rows])
            return {"ids": ids, "mask": mask}

    class Bag(Encoder):                       # its record: gives={"tokens", "document"}
        @classmethod
        def prepare(cls, config, corpus):
            return {"words": most_frequent_words(corpus.train, config.size)}

        def __init__(self, config, context):
            super().__init__(config, context)
            self.reader = BagReader(context.assets["words"])
            self.embedding = nn.Embedding(len(context.assets["words"]), config.width)
            self.widths = {"tokens": config.width, "document": config.width}

        def forward(self, states, batch):
            tokens = self.embedding(batch.inputs["ids"])                                     # (B, T, H)
            mask = batch.inputs["mask"]
            document = masked_mean(tokens, mask)                                             # (B, H)
            return states.add(tokens=tokens, token_mask=mask, document=document)
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labelloom.interfaces.batch import Batch
from labelloom.interfaces.part import Part
from labelloom.interfaces.states import States


class Reader(ABC):
    """Turns texts into what an encoder eats. It has no weights, so what it made can be cached under its `key`.

    key  a digest of all that `tokenize` depends on, the same in every process
    """

    key: str

    @abstractmethod
    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        """Columns, one entry a text: numbers, or lists (of lists) of them; "length" tells how long each text is."""

    @abstractmethod
    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The inputs of a batch from tokenised rows: tensors, or mappings of tensors, with B rows first."""


class Encoder(Part):
    """Text to `tokens`, `token_mask` and `document`; to `labels` too when it sees the labels.

    reader  feeds it; asked for anew at the start of each stage, so where it depends on options that a stage may change,
            and in holders, which pass on those of the encoders that they hold, it is a property
    """

    reader: Reader

    def forward(self, states: States, batch: Batch) -> States:
        """`states` (empty, or what a holder put there) with the encoder's fields added."""
        raise NotImplementedError


class SharedReader(Reader):
    """The reader of an encoder that holds several: each held reader's inputs under its name.

    Readers of one key tokenise once, whatever number of encoders share them.
    """

    def __init__(self, readers: Mapping[str, Reader]) -> None:
        self.readers = dict(readers)
        self._first = {name: self._first_with(reader.key) for name, reader in self.readers.items()}
        self.key = stable_digest(*(f"{name}={reader.key}" for name, reader in self.readers.items()))

    def _first_with(self, key: str) -> str:
        return next(name for name, reader in self.readers.items() if reader.key == key)

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        """Every reader's columns, as `<name>.<column>`; the length is the longest."""
        columns: dict[str, list[Any]] = {}
        for name in dict.fromkeys(self._first.values()):
            for column, values in self.readers[name].tokenize(texts).items():
                columns[f"{name}.{column}"] = values
        lengths = [values for column, values in columns.items() if column.endswith(".length")]
        return {**columns, "length": [max(row) for row in zip(*lengths, strict=True)]}

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """`{name: inputs}`; readers of one key share the very same tensors."""
        made: dict[str, Any] = {}
        for name in dict.fromkeys(self._first.values()):
            prefix = f"{name}."
            own = [{k.removeprefix(prefix): v for k, v in row.items() if k.startswith(prefix)} for row in rows]
            made[name] = self.readers[name].collate(own)
        return {name: made[first] for name, first in self._first.items()}


def stable_digest(*parts: str) -> str:
    """A short digest of strings, for reader keys."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def pad(rows: Sequence[Any], value: int = 0) -> tuple[Tensor, Tensor]:
    """Rows of numbers of unequal length as (B, T) int64 and the (B, T) bool mask of what is real; T is at least 1."""
    width = max([1, *(len(row) for row in rows)])
    ids = np.full((len(rows), width), value, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=bool)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = True
    return torch.from_numpy(ids), torch.from_numpy(mask)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """(B, H): the mean of (B, T, H) over the positions of `mask` (B, T); zero for a row without any."""
    weights = mask.to(values.dtype)[..., None]
    return (values * weights).sum(-2) / weights.sum(-2).clamp(min=1)
