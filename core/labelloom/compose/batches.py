"""From a draw and tokenised rows to the `Batch` that a model sees and the `Targets` that only tasks see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labelloom.data.label_sets import LabelSets
from labelloom.interfaces import Batch, Draw, Reader, Targets


def make_batch(inputs: Mapping[str, Any], draw: Draw, label_count: int, key: int = 0) -> Batch:
    """The batch of a draw; `inputs` are collated for `draw.rows`, in their order."""
    count = len(draw.rows)
    if draw.candidates is None or draw.candidate_mask is None:
        ids = torch.arange(label_count)[None]
        mask = torch.ones_like(ids, dtype=torch.bool)
    else:
        ids, mask = torch.from_numpy(draw.candidates), torch.from_numpy(draw.candidate_mask)
    names: tuple[str, ...] = ()
    roles: Tensor | None = None
    if draw.roles is not None:
        names = tuple(sorted(set(draw.roles)))
        roles = torch.from_numpy(np.searchsorted(np.array(names, dtype=object), draw.roles).astype(np.int64))
    return Batch(
        inputs=inputs,
        rows=torch.from_numpy(np.ascontiguousarray(draw.rows)),
        copies=torch.from_numpy(draw.copies),
        label_ids=ids,
        label_mask=mask,
        label_count=label_count,
        is_anchor=torch.arange(count) < draw.anchors,
        every_label=draw.candidates is None,
        roles=roles,
        role_names=names,
        relation=None if draw.relation is None else torch.from_numpy(draw.relation),
        given=None if draw.given is None else torch.from_numpy(draw.given),
        key=key,
    )


def make_targets(draw: Draw, label_sets: LabelSets) -> Targets:
    """The truth of a draw's rows, without the labels that the input tells."""
    rows = label_sets.take(draw.rows)
    offsets, values = rows.offsets, rows.values
    if draw.given is not None:
        hidden = draw.given[rows.rows, values] < 0
        counts = np.bincount(rows.rows[hidden], minlength=len(rows))
        offsets, values = np.concatenate([[0], np.cumsum(counts)]), values[hidden]
    return Targets(torch.from_numpy(offsets), torch.from_numpy(values), label_sets.label_count)


def plain_draw(count: int) -> Draw:
    """The draw of `count` rows in their order, every label, nothing told: what predictions see."""
    return Draw(rows=np.arange(count, dtype=np.int64), anchors=count)


def plain_batch(rows: Sequence[Any], reader: Reader, label_count: int) -> Batch:
    """The batch of tokenised rows in their order, every label, nothing told: what predictions see."""
    return make_batch(reader.collate(rows), plain_draw(len(rows)), label_count)
