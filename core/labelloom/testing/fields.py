"""Fields that nobody computed: what a part is fed that is looked at alone."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from labelloom.interfaces import Batch, States
from labelloom.interfaces.part import Width
from labelloom.testing.corpus import EMPTY, LONG

WIDTHS: dict[str, Width] = {"tokens": 16, "document": 24, "aspects": (2, 20), "labels": 12, "label_table": 8}
"""All different, as they are between papers; 4 heads divide each."""

GARBAGE = 30.0
"""How large the states are that stand where no word does: who reads them cannot miss it."""


class Fields:
    """Values of every field of the core for each document of a split, and for each of its labels.

    Tokens stand as an encoder of `[CLS] words [SEP]` leaves them: the places before, after and beyond the words hold
    states too, which `token_mask` leaves out. One document has no words at all, one has many.
    """

    def __init__(self, documents: int, labels: int, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator)

        self.lengths = torch.randint(1, 6, (documents,), generator=generator)
        self.lengths[EMPTY], self.lengths[LONG] = 0, 11
        self.tokens = normal(documents, 11, 16)
        self.document = normal(documents, 24)
        self.aspects = normal(documents, 2, 20)
        self.labels = normal(documents, labels, 12)
        self.scores = normal(documents, labels)
        self.table = normal(labels, 8)
        self.leaves: dict[str, Tensor] = {}

    def states(self, names: Collection[str], batch: Batch, padding: int = 0, gradient: bool = False) -> States:
        """The fields `names`, as they are for the rows and labels of `batch`.

        `padding` more places follow the longest document. With `gradient` each field is a leaf that requires one, and
        stands in `leaves`.
        """
        made: dict[str, Tensor] = {}
        states = States()
        if "tokens" in names:
            made["tokens"], mask = self._tokens(batch.rows, padding)
            states = states.add(token_mask=mask)
        for name in ("document", "aspects"):
            if name in names:
                made[name] = _again(getattr(self, name)[batch.rows], batch)
        for name in ("labels", "scores"):
            if name in names:
                made[name] = batch.pick(_again(getattr(self, name)[batch.rows], batch))
        if "label_table" in names:
            made["label_table"] = self.table
        leaves = {name: value.clone().requires_grad_(gradient) for name, value in made.items()}
        self.leaves = leaves
        given: dict[str, Any] = {name: Table(leaf) if name == "label_table" else leaf for name, leaf in leaves.items()}
        return states.add(**given)

    def _tokens(self, rows: Tensor, padding: int) -> tuple[Tensor, Tensor]:
        """(B, T, 16) and (B, T): one place before the words, one after, then padding."""
        lengths = self.lengths[rows]
        width = int(lengths.max()) + 2 + padding
        places = torch.arange(width)
        mask = (places >= 1) & (places <= lengths[:, None])
        generator = torch.Generator().manual_seed(width)
        tokens = GARBAGE * torch.randn(len(self.tokens), width, 16, generator=generator)[rows]
        words = torch.zeros_like(tokens)
        count = min(width - 2, self.tokens.shape[1])
        words[:, 1 : 1 + count] = self.tokens[rows][:, :count]
        return torch.where(mask[..., None], words, tokens), mask


def _again(values: Tensor, batch: Batch) -> Tensor:
    """A row that comes again is a little different each time, as under another dropout."""
    copies = batch.copies.view(-1, *[1] * (values.dim() - 1))
    return values + 0.1 * copies * values.roll(1, -1)


class Table:
    """A `label_table` over a tensor (L, K)."""

    def __init__(self, table: Tensor) -> None:
        self.table = table

    def __call__(self, ids: Tensor) -> Tensor:
        return self.table[ids]
