"""Samplers: what a step sees. A pure function of seed, stage, step and rows.

A whole one, as a bundle author writes it: four random labels beside a document's own.

    class FourOthers(Sampler):                # its record: gives={"candidates"}
        def draw(self, draw, split, rng):
            own = [split.label_sets[row] for row in draw.rows]
            drawn = [np.union1d(own[i], rng(i).integers(self.label_count, size=4)) for i in range(len(own))]
            return draw.with_candidates(drawn)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from labelloom.data.label_sets import LabelSets
from labelloom.interfaces.noise import stable_key, uniform
from labelloom.interfaces.part import Assets, Context


class LabelledRows:
    """The rows of a split as samplers see them: label sets, and for each label the rows that carry it."""

    def __init__(self, label_sets: LabelSets) -> None:
        self.label_sets = label_sets

    def __len__(self) -> int:
        return len(self.label_sets)

    def documents_of(self, label: int) -> np.ndarray:
        """The rows that carry `label`, ascending."""
        return self.label_sets.documents_of(label)


@dataclass(frozen=True)
class Draw:
    """What a step sees, so far. A sampler keeps what is there, first and in order, and adds to it.

    rows            (R,) int64: rows of the split, the anchors first; a row may come again
    anchors         how many of the first rows are anchors
    roles           (R,) names, "" for a row without one; or None
    relation        (R, R) int8 or None: to row i, row j is a positive (+1), a negative (-1) or nothing (0)
    candidates      (1 or R, C) int64 or None: the labels under consideration; None is every label
    candidate_mask  (1 or R, C) bool: False where `candidates` is padding
    given           (R, L) int8 or None: the truth that the input tells of a label, -1 where it tells none
    """

    rows: np.ndarray
    anchors: int
    roles: np.ndarray | None = None
    relation: np.ndarray | None = None
    candidates: np.ndarray | None = None
    candidate_mask: np.ndarray | None = None
    given: np.ndarray | None = None

    @property
    def copies(self) -> np.ndarray:
        """(R,) int64: which repetition of its row each place is."""
        order = np.argsort(self.rows, kind="stable")
        ordered = self.rows[order]
        first = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, dtype=bool)
        starts = np.maximum.accumulate(np.where(first, np.arange(len(ordered)), 0)) if len(ordered) else order
        copies = np.empty(len(self.rows), dtype=np.int64)
        copies[order] = np.arange(len(ordered)) - starts
        return copies

    def with_rows(self, rows: np.ndarray) -> Draw:
        """More rows after those that are there: no role, unrelated, told nothing, the first row's candidates."""
        count = len(rows)
        given, relation, roles = self.given, self.relation, self.roles
        if given is not None:
            given = np.concatenate([given, np.full((count, given.shape[1]), -1, dtype=np.int8)])
        if relation is not None:
            relation = np.pad(relation, ((0, count), (0, count)))
        if roles is not None:
            roles = np.concatenate([roles, np.full(count, "", dtype=object)])
        candidates, mask = self.candidates, self.candidate_mask
        if candidates is not None and mask is not None and len(candidates) == len(self.rows) > 1:
            candidates = np.concatenate([candidates, np.repeat(candidates[:1], count, axis=0)])
            mask = np.concatenate([mask, np.repeat(mask[:1], count, axis=0)])
        return Draw(
            np.concatenate([self.rows, np.asarray(rows, dtype=np.int64)]),
            self.anchors,
            roles,
            relation,
            candidates,
            mask,
            given,
        )

    def with_roles(self, roles: Sequence[str]) -> Draw:
        """With a role for each row; "" leaves the one that is there."""
        new = np.array(list(roles), dtype=object)
        return replace(self, roles=new if self.roles is None else np.where(new == "", self.roles, new))

    def with_relation(self, relation: np.ndarray) -> Draw:
        """With more relations: where `relation` is 0, those that are there stay."""
        relation = np.asarray(relation, dtype=np.int8)
        return replace(
            self, relation=relation if self.relation is None else np.where(relation == 0, self.relation, relation)
        )

    def with_candidates(self, candidates: Sequence[np.ndarray]) -> Draw:
        """With the labels of each row under consideration: one array of ids a row, of any lengths."""
        width = max([1, *(len(row) for row in candidates)])
        ids = np.zeros((len(candidates), width), dtype=np.int64)
        mask = np.zeros((len(candidates), width), dtype=bool)
        for place, row in enumerate(candidates):
            ids[place, : len(row)] = row
            mask[place, : len(row)] = True
        return replace(self, candidates=ids, candidate_mask=mask)

    def with_given(self, given: np.ndarray) -> Draw:
        """With what the input tells: (R, L) int8; where it is -1, what is told already stays."""
        given = np.asarray(given, dtype=np.int8)
        return replace(self, given=given if self.given is None else np.where(given < 0, self.given, given))


class Rng:
    """The random numbers of one sampler in one step."""

    def __init__(self, key: int, draw: Draw, process: int = 0) -> None:
        self.key = key
        self._rows = draw.rows
        self._copies = draw.copies
        self._process = process

    def __call__(self, place: int | None = None) -> np.random.Generator:
        """The generator of the row at `place`: a function of seed, stage, step, sampler, row and copy alone.

        Without a place: one for pools that the rows of a step share; only those differ between process counts.
        """
        if place is None:
            return np.random.Generator(np.random.Philox(key=stable_key(self.key, "shared", self._process)))
        return np.random.Generator(
            np.random.Philox(key=stable_key(self.key, int(self._rows[place]), int(self._copies[place])))
        )

    def noise(self, n: int) -> np.ndarray:
        """(R, n) float32, uniform in [0, 1): the same per row in whatever step's company; fast for many rows."""
        return uniform(self.key, torch.from_numpy(self._rows), torch.from_numpy(self._copies), n).numpy()


class Sampler:
    """Decides which rows a step anchors on, which rows join, which labels count, what the input tells.

    path   its place, which tells its random numbers apart from others'
    notes  what `anchors` has to tell the user of the split it was asked about last, a line each: how many documents it
           leaves out. Said once a stage, of train and, where the stage's own losses are measured, of validation
    """

    def __init__(self, config: Any, context: Context) -> None:
        self.config = config
        self.path = context.path
        self.label_count = len(context.labels)
        self.notes: list[str] = []

    @classmethod
    def prepare(cls, config: Any, corpus: Any) -> Assets:
        """What it takes from the corpus, in fresh runs only."""
        return {}

    def anchors(self, split: LabelledRows, rows: np.ndarray) -> np.ndarray:
        """Which of `rows` a step may anchor on: a function of its arguments, asked before the first stage trains."""
        return rows

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        """`draw` with what this sampler adds."""
        raise NotImplementedError
