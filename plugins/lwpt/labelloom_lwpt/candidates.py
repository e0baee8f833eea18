"""`lwpt/candidates`: for each document one of its labels, a document that carries it too and some that lack it."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from labelloom.interfaces import Draw, LabelledRows, Rng, Sampler
from labelloom.wording import counted


class Candidates(Sampler):
    """Draws the candidates of the label-wise pre-training (Liu et al. 2020 section 2.1), anew in every step.

    Each anchor becomes a target: with one of its labels, each as likely, it meets another document that carries this
    label, each as likely, and n - 1 that lack it, each set as likely. All of them are asked about this label alone,
    so a task that trains scores belongs in another stage: of each target it would see one label, always a right one.

    A label can be drawn if at least two documents of the split carry it and at least n - 1 lack it; documents without
    such a label are no anchors.
    """

    def anchors(self, split: LabelledRows, rows: np.ndarray) -> np.ndarray:
        """The documents of `rows` with a label that can be drawn; notes how many documents and labels cannot be.

        Where no label can be, it notes the largest n with which one could.
        """
        sets = split.label_sets
        counts = np.bincount(sets.values, minlength=sets.label_count)  # (L,)
        drawable = self._drawable(counts, len(split))  # (L,) bool
        able = np.zeros(len(split), dtype=bool)
        able[sets.rows[drawable[sets.values]]] = True
        left, lost = int((~able[rows]).sum()), int((~drawable).sum())
        missed = [(left, counted(len(rows), "document")), (lost, counted(len(drawable), "label"))]
        told = " and ".join(f"{number:,} of {whole}" for number, whole in missed if number)
        needed = f"it takes a label that at least 2 documents carry and {self.config.n - 1} lack"
        most = len(split) - int(counts[counts > 1].min(initial=len(split))) + 1
        possible = f"n = {most} is the most for this split" if most > 1 else "no n will do for this split"
        hint = "" if drawable.any() else f" ({possible})"
        self.notes = [f"{told} cannot be drawn: {needed}{hint}"] if told else []
        return rows[able[rows]]

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        """`draw` with n rows more for each anchor, in their order, the one that carries its label first."""
        there, anchors, n = len(draw.rows), draw.anchors, self.config.n
        labels, added = np.zeros(anchors, dtype=np.int64), np.zeros((anchors, n), dtype=np.int64)
        for place in range(anchors):
            labels[place], added[place] = self._candidates(int(draw.rows[place]), split, rng(place))
        relation = np.zeros((there + added.size, there + added.size), dtype=np.int8)
        new = np.arange(there, there + added.size).reshape(added.shape)
        relation[np.arange(anchors)[:, None], new] = np.where(np.arange(n) == 0, 1, -1)
        # Rows that other samplers added are asked about no label.
        others = [np.zeros(0, dtype=np.int64)] * (there - anchors)
        asked = [*labels[:, None], *others, *np.repeat(labels, n)[:, None]]
        roles = ["target"] * anchors + [""] * (there - anchors) + ["candidate"] * added.size
        return draw.with_rows(added.ravel()).with_roles(roles).with_relation(relation).with_candidates(asked)

    def _candidates(self, row: int, split: LabelledRows, rng: np.random.Generator) -> tuple[int, np.ndarray]:
        """A label of `row`, and (n,) rows: one other that carries it, then n - 1 that lack it."""
        own = split.label_sets[row]
        drawable = own[self._drawable(np.array([len(split.documents_of(label)) for label in own]), len(split))]
        label = int(drawable[rng.integers(len(drawable))])
        carrying = split.documents_of(label)
        place = rng.integers(len(carrying) - 1)  # among those that are not the row itself
        positive = carrying[place + (place >= np.searchsorted(carrying, row))]
        numbers = rng.choice(len(split) - len(carrying), self.config.n - 1, replace=False)
        return label, np.array([positive, *(lacking(carrying, int(number)) for number in numbers)])

    def _drawable(self, counts: np.ndarray, documents: int) -> np.ndarray:
        """Which labels, carried by so many of the split's documents, can be drawn."""
        return (counts >= 2) & (documents - counts >= self.config.n - 1)


def lacking(carrying: np.ndarray, number: int) -> int:
    """The row that comes at place `number` (from 0) among those that are not in `carrying`, which is ascending.

    Found by bisection, so that a label that most of a large split carries costs no more than a rare one.
    """
    # Before the i-th of `carrying` come carrying[i] - i others: it precedes the sought row if they are no more than
    # those that precede that row.
    before = bisect_right(range(len(carrying)), number, key=lambda i: int(carrying[i]) - i)
    return number + before
