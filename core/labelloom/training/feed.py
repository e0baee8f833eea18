"""What each step of a stage sees: a pure function of seed, stage and step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from labelloom.compose.batches import make_batch, make_targets
from labelloom.data.batching import batch_rows, evaluation_batches, share
from labelloom.data.columns import Columns
from labelloom.data.corpus import Split
from labelloom.errors import TrainingError
from labelloom.interfaces import Batch, Draw, LabelledRows, Reader, Rng, Sampler, Targets
from labelloom.interfaces.noise import stable_key
from labelloom.spec import TrainingSettings
from labelloom.training.anchors import anchors_on


def planned_steps(settings: TrainingSettings, documents: int) -> int:
    """Optimiser steps of a stage with so many documents to anchor on."""
    # Rounded first: 1.1 epochs of 10 steps are 11.000000000000002 steps in floating point.
    per_epoch = math.ceil(documents / settings.batch_size)
    return settings.steps or max(1, math.ceil(round(settings.epochs * per_epoch, 6)))


class Feed:
    """The steps of one stage on one split, as one process of `world` sees them.

    Args:
        key: of everything random in the stage: seed and stage name.

    Raises:
        TrainingError: when its samplers may anchor on no document.
    """

    def __init__(
        self,
        split: Split,
        columns: Columns,
        reader: Reader,
        samplers: Sequence[Sampler],
        settings: TrainingSettings,
        key: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.columns = columns
        self.reader = reader
        self.samplers = samplers
        self.settings = settings
        self.key = key
        self.rank = rank
        self.world = world
        self.rows = LabelledRows(split.label_sets)
        self.anchors = anchors_on(split, samplers)
        if len(self.anchors) == 0:
            names = " and ".join(sampler.path for sampler in samplers)
            raise TrainingError(
                f"there is no document among {len(split):,} of {split.name} to anchor on",
                where=names,
                suggestions=["other options there", "more documents"],
            )
        self._epoch = lru_cache(maxsize=1)(self._batches_of)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in one pass over the anchors."""
        return math.ceil(len(self.anchors) / self.settings.batch_size)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole stage."""
        return planned_steps(self.settings, len(self.anchors))

    def anchors_of(self, step: int) -> np.ndarray:
        """The rows that optimiser step `step` (from 0) anchors on, in all processes together."""
        epoch, place = divmod(step, self.steps_per_epoch)
        return self._epoch(epoch)[place]

    def idle(self, step: int) -> bool:
        """Whether step `step` has fewer anchors than there are processes, and none for this one.

        It then runs the first anchor beside the process that has it, for the others wait for it, and must count nothing
        of what it finds.
        """
        return len(share(self.anchors_of(step), self.rank, self.world)) == 0

    def step(self, step: int) -> Iterator[tuple[Batch, Targets]]:
        """The batches of optimiser step `step` of this process: one, or `accumulation` smaller ones.

        Every process has as many of them, since they wait for each other in each.
        """
        anchors = self.anchors_of(step)
        mine = anchors[:1] if self.idle(step) else share(anchors, self.rank, self.world)
        parts = max(1, min(self.settings.accumulation, len(anchors) // self.world))
        for part in range(parts):
            process = self.rank * self.settings.accumulation + part
            yield self.draw(share(mine, part, parts), stable_key(self.key, step), process)

    def all(self, batch_size: int) -> Iterator[tuple[Batch, Targets]]:
        """Every anchor once, for validation, drawn with one fixed key; the part that falls to this process."""
        for place, rows in enumerate(evaluation_batches(self.columns.lengths[self.anchors], batch_size)):
            if place % self.world == self.rank:
                yield self.draw(self.anchors[rows], stable_key(self.key, "validation"), place)

    def draw(self, rows: np.ndarray, key: int, process: int = 0) -> tuple[Batch, Targets]:
        """The batch that anchors on `rows`, after every sampler has added to it."""
        draw = Draw(rows=rows, anchors=len(rows))
        for sampler in self.samplers:
            draw = sampler.draw(draw, self.rows, Rng(stable_key(key, sampler.path), draw, process))
        label_sets = self.rows.label_sets
        inputs = self.reader.collate(self.columns.rows(draw.rows))
        return make_batch(inputs, draw, label_sets.label_count, key), make_targets(draw, label_sets)

    def _batches_of(self, epoch: int) -> list[np.ndarray]:
        settings = self.settings
        return batch_rows(
            self.columns.lengths,
            settings.batch_size,
            self.key,
            epoch,
            group=settings.group_by_length,
            rows=self.anchors,
        )
