"""The sampler."""

from __future__ import annotations

from typing import Any

import numpy as np

from labelloom.interfaces import Draw, LabelledRows, Rng, Sampler


class Candidates(Sampler):
    """For each document one of its labels, one other document that carries it and n - 1 that do not."""

    def anchors(self, split: LabelledRows, rows: np.ndarray) -> np.ndarray:
        return np.array([row for row in rows if self._usable(split, row)], dtype=np.int64)

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        added: list[int] = []
        labels = [np.array([0])] * len(draw.rows)
        links: list[tuple[int, int, int]] = []
        for place in range(draw.anchors):
            own = rng(place)
            row = draw.rows[place]
            label = own.choice(self._usable(split, row))
            carrying = split.documents_of(label)
            positive = own.choice(carrying[carrying != row])
            lacking = np.setdiff1d(np.arange(len(split)), carrying)
            labels[place] = np.array([label])
            for other, sign in [(positive, 1), *((r, -1) for r in own.choice(lacking, self.config.n - 1, False))]:
                links.append((place, len(draw.rows) + len(added), sign))
                added.append(other)
                labels.append(np.array([label]))
        draw = draw.with_rows(np.array(added, dtype=np.int64))
        relation = np.zeros((len(draw.rows), len(draw.rows)), dtype=np.int8)
        for place, other, sign in links:
            relation[place, other] = sign
        others = len(draw.rows) - len(added) - draw.anchors
        roles = ["target"] * draw.anchors + [""] * others + ["candidate"] * len(added)
        return draw.with_roles(roles).with_relation(relation).with_candidates(labels)

    def _usable(self, split: LabelledRows, row: Any) -> list[int]:
        """The labels of a document that another one carries and enough lack."""
        counts = {label: len(split.documents_of(label)) for label in split.label_sets[row]}
        return [label for label, count in counts.items() if 2 <= count <= len(split) - self.config.n + 1]
