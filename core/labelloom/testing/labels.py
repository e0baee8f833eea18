"""Whether a part says the same of a label whatever other labels are under consideration."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from labelloom.interfaces import Batch, States
from labelloom.testing.closeness import differing, results
from labelloom.testing.outcome import Failure, Skipped
from labelloom.testing.worlds import World

_CAUSE = (
    "the first C labels instead of batch.label_ids (use batch.pick or batch.look_up), or a mean or softmax over the "
    'label axis: then the record must say labels="all"'
)


def labels(world: World) -> None:
    """A label gets the same, whether all, a few shared, or each document's own are under consideration."""
    if world.every_label:
        raise Skipped("it works only on every label, as its record says")
    built = world.build()
    whole = built.batch().with_every_label()
    gives = world.node.signature.gives
    dense = built.states(whole)
    for asked, ids in choices(whole).items():
        batch = whole.with_labels(ids)
        states = built.states(batch)
        expected = results(picked(dense, batch, world.axes), gives, world.axes, batch)
        for name, told in differing(expected, results(states, gives, world.axes, batch)):
            raise Failure(
                f'labels="any": {name} is the same, whatever labels are under consideration',
                f"for {asked}, label_ids of shape {tuple(ids.shape)}, it is another: {told}",
                _CAUSE,
            )


def choices(batch: Batch) -> dict[str, Tensor]:
    """Labels under consideration, by what they are: (1 or B, C) int64."""
    count, rows = batch.label_count, len(batch)
    every = torch.arange(count)
    own = (every * 3 + torch.arange(rows)[:, None]) % count
    return {
        "one label": every[None, count // 2 : count // 2 + 1],
        "a few labels for all documents": every[None, [count - 1, 0, 2]],
        "all labels in another order": every.flip(0)[None],
        "all labels, without batch.every_label": every[None],
        "three labels of each document's own": own[:, :3],
        "as many labels of each document's own as there are": own,
    }


def picked(states: States, batch: Batch, axes: Mapping[str, str]) -> States:
    """The states of every label, cut to those of `batch`."""
    fields = {name: batch.pick(value) for name in ("labels", "scores") if (value := states.get(name)) is not None}
    own = {
        name: batch.pick(value)
        for name in states.extra
        if axes.get(name, "").startswith("BC") and isinstance(value := states.get(name), Tensor)
    }
    return states.add(own, **fields)
