"""Encoders whose label vectors stand in the text, so that tests know which documents are near."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from labelloom import Batch, Component, Context, Encoder, States
from labelloom.config import Config
from labelloom.interfaces import Reader

WIDTH = 2


class NumbersReader(Reader):
    """Texts of 2 L integers: two for each label."""

    key = "planted"

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        numbers = [[int(number) for number in text.split()] for text in texts]
        return {"numbers": numbers, "length": [len(row) for row in numbers]}

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        return {"numbers": torch.stack([torch.tensor(row["numbers"].tolist()) for row in rows]).float()}


class Planted(Encoder):
    """The vector of a label is what the text says; while it trains it is noise."""

    component = Component(kind="encoder", gives=frozenset({"labels"}))

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.reader = NumbersReader()
        self.widths = {"labels": WIDTH}

    def forward(self, states: States, batch: Batch) -> States:
        every = batch.inputs["numbers"].unflatten(1, (-1, WIDTH))  # (B, L, K)
        return states.add(labels=batch.pick(torch.rand_like(every) if self.training else every))


class Whole(Planted):
    """The same, on every label alone."""

    component = Component(kind="encoder", gives=frozenset({"labels"}), labels="all")

    def forward(self, states: States, batch: Batch) -> States:
        assert batch.every_label
        return super().forward(states, batch)
