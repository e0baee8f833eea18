"""Whether the result of a document depends on that document alone, and not on its company in a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from labelloom.interfaces import States
from labelloom.testing.closeness import difference, values_of
from labelloom.testing.corpus import LONG
from labelloom.testing.modes import without_dropout
from labelloom.testing.outcome import Failure
from labelloom.testing.worlds import Built, World


def padding(world: World) -> None:
    """A document's result is the same beside a longer one, and padded further."""
    built = world.build()
    rows = [row for row in built.anchors(8) if row != LONG]
    alone = [_run(built, [row]) for row in rows]
    promised = "the result of a document does not depend on how far the batch is padded, nor on what stands there"
    cause = "a mean, maximum, softmax, convolution or recurrence that reads padding: use token_mask"
    longer = _run(built, [*rows, LONG])
    further = _run(built, rows, padding=5)
    for place, row in enumerate(rows):
        for company, states in (("beside a longer one", longer), ("padded by 5 more places", further)):
            _same(world, (alone[place], 0), (states, place), row, company, promised, cause)


def company(world: World) -> None:
    """A document's result is the same alone, among others, and in another order."""
    built = world.build()
    for mode in ("evaluation", "training"):
        built.part.train(mode == "training")
        with without_dropout(built.part):
            _company(world, built, mode)


def _company(world: World, built: Built, mode: str) -> None:
    rows = list(built.even())
    together = _run(built, rows)
    backwards = _run(built, rows[::-1])
    twice = _run(built, [row for row in rows for _ in range(2)])
    promised = f"in {mode} the result of a document does not depend on the documents beside it"
    for place, row in enumerate(rows):
        _same(world, (_run(built, [row]), 0), (together, place), row, "among others", promised, _BATCH_AXIS)
        last = len(rows) - 1 - place
        _same(world, (together, place), (backwards, last), row, "in another order", promised, _BATCH_AXIS)
        _same(world, (together, place), (twice, 2 * place), row, "with each document twice", promised, _BATCH_AXIS)


_BATCH_AXIS = "a statistic or attention over the batch axis, a softmax over the wrong dim, or one noise for all rows"
_TABLE = "a table is the same for every document: what depends on documents goes into `labels`"


def _run(built: Built, rows: Sequence[int], padding: int = 0) -> States:
    draw = built.draw(np.asarray(rows, dtype=np.int64))
    return built.states(built.batch(draw), padding=padding)


def _same(
    world: World,
    one: tuple[States, int],
    other: tuple[States, int],
    row: int,
    company: str,
    promised: str,
    cause: str,
) -> None:
    ids = torch.arange(len(world.workshop.corpus.labels))
    for name in sorted(world.node.signature.gives):
        pairs = (values_of(states, name, world.axes, [place], ids) for states, place in (one, other))
        for first, second in zip(*pairs, strict=True):
            if told := difference(second, first):
                cause = _TABLE if name == "label_table" else cause
                raise Failure(promised, f"{name} of document {row} changed {company}: {told}", cause)
