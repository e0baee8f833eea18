"""Draws that no sampler made: what a part is fed that needs what nothing installed draws."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from labelloom.data.label_sets import LabelSets
from labelloom.interfaces import Batch, Draw


def made_up(draw: Draw, names: Collection[str], label_sets: LabelSets) -> Draw:
    """`draw` with the draws `names`, by rule: the same for the same rows.

    Of each role as many rows as there are anchors, these documents once more; relations by common labels; as candidates
    a document's own labels and the next but one after each.
    """
    for role in sorted(name.removeprefix("role:") for name in names if name.startswith("role:")):
        more = draw.with_rows(draw.rows[: draw.anchors])
        draw = more.with_roles([""] * len(draw.rows) + [role] * draw.anchors)
    if "relation" in names:
        draw = draw.with_relation(_relation(draw.rows, label_sets))
    if "candidates" in names:
        count = label_sets.label_count
        own = [label_sets[int(row)] for row in draw.rows]
        draw = draw.with_candidates([np.union1d(labels, [*(labels + 2) % count, 0]) for labels in own])
    if "given" in names:
        draw = half_told(draw, label_sets)
    return draw


def half_told(draw: Draw, label_sets: LabelSets) -> Draw:
    """The draw with the truth told of about half of the labels of each document, always the same ones."""
    truth = label_sets.take(draw.rows).to_dense().astype(np.int8)
    shown = (draw.rows[:, None] * 5 + np.arange(truth.shape[1]) * 3) % 4 < 2
    return draw.with_given(np.where(shown, truth, -1))


def _relation(rows: np.ndarray, label_sets: LabelSets) -> np.ndarray:
    """(R, R): who has a label in common, or is the same document, is a positive; all others are negatives."""
    truth = label_sets.take(rows).to_dense().astype(np.int64)
    relation = np.where((truth @ truth.T > 0) | (rows[:, None] == rows), 1, -1)
    np.fill_diagonal(relation, 0)
    return relation


def variants(batch: Batch, roles: Collection[str] = ()) -> dict[str, Batch]:
    """The batch with each thing that samplers may draw, by its name; in "role" every second row has one of `roles`."""
    count, labels = len(batch), batch.label_count
    shown = torch.arange(count * labels).view(count, labels)
    names = ("", *(sorted(roles) or ["testing"]))
    return {
        "given": replace(batch, given=(shown % 3 - 1).to(torch.int8)),
        "relation": replace(batch, relation=(torch.arange(count**2).view(count, count) % 3 - 1).to(torch.int8)),
        "role": replace(batch, roles=torch.arange(count) % len(names), role_names=names),
    }


@contextmanager
def roles_asked() -> Iterator[set[str]]:
    """The roles whose rows are asked for meanwhile."""
    asked: set[str] = set()
    plain: Callable[[Batch, str], Tensor] = Batch.where

    def where(batch: Batch, role: str) -> Tensor:
        asked.add(role)
        return plain(batch, role)

    with patch.object(Batch, "where", where):
        yield asked
