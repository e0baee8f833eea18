"""Samplers, right and wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labelloom import Component, Context, Corpus, Sampler
from labelloom.interfaces import Assets, Draw, LabelledRows, Rng

from .config import DrawConfig
from .records import code


class Others(Sampler):
    """Draws candidates: a document's own labels and a few at random, ascending."""

    component = Component(kind="sampler", config=code(DrawConfig), gives=frozenset({"candidates"}))

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        """`draw` with candidates."""
        return draw.with_candidates(self.candidates([split.label_sets[row] for row in draw.rows], rng))

    def candidates(self, own: list[np.ndarray], rng: Rng) -> list[np.ndarray]:
        """The labels of each row."""
        return [np.union1d(labels, self.some(rng(place))) for place, labels in enumerate(own)]

    def some(self, generator: np.random.Generator) -> np.ndarray:
        """A few labels, repeated ones among them."""
        return generator.integers(self.label_count, size=self.config.count)


class Again(Sampler):
    """Draws every anchor a second time, its own positive, to which the other documents are negatives."""

    component = Component(kind="sampler", gives=frozenset({"relation", "role:again"}))

    def anchors(self, split: LabelledRows, rows: np.ndarray) -> np.ndarray:
        """Those with a label."""
        return rows[split.label_sets.counts[rows] > 0]

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        """`draw` with rows, their role and their relation."""
        more = draw.with_rows(draw.rows[: draw.anchors])
        new = np.arange(len(draw.rows), len(more.rows))
        relation = np.zeros((len(more.rows), len(more.rows)), dtype=np.int8)
        relation[: draw.anchors, new] = np.where(more.rows[: draw.anchors, None] == more.rows[new], 1, -1)
        return more.with_relation(relation).with_roles([""] * len(draw.rows) + ["again"] * len(new))


class Tell(Sampler):
    """Draws what the input tells: the truth of each label by the toss of a coin."""

    component = Component(kind="sampler", gives=frozenset({"given"}))

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        """`draw` with given."""
        truth = split.label_sets.take(draw.rows).to_dense().astype(np.int8)
        return draw.with_given(np.where(rng.noise(self.label_count) < 0.5, self.told(truth), -1).astype(np.int8))

    def told(self, truth: np.ndarray) -> np.ndarray:
        """(R, L): what is told where something is."""
        return truth


class Pool(Others):
    """Draws the few labels once, for all rows of a step."""

    def candidates(self, own: list[np.ndarray], rng: Rng) -> list[np.ndarray]:
        pool = self.some(rng())
        return [np.union1d(labels, pool) for labels in own]


# Rows.


class Shuffles(Again):
    """It puts the anchors into another order, while what others drew for them stays."""

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        return super().draw(replace(draw, rows=draw.rows[::-1].copy()), split, rng)


class Drops(Again):
    """It drops the last anchor."""

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        rows, kept = draw.rows[:-1], max(1, draw.anchors - 1)
        return super().draw(replace(draw, rows=rows if len(rows) else draw.rows, anchors=kept), split, rng)


class AnchorsMore(Again):
    """It takes the rows that it adds for anchors, which label losses would count."""

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        made = super().draw(draw, split, rng)
        return replace(made, anchors=len(made.rows))


class AnchorsOnAll(Again):
    """It anchors on documents that it was not asked about."""

    def anchors(self, split: LabelledRows, rows: np.ndarray) -> np.ndarray:
        return super().anchors(split, np.arange(len(split)))


class Outside(Again):
    """It adds a row that the split does not have."""

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        made = super().draw(draw, split, rng)
        return replace(made, rows=np.where(np.arange(len(made.rows)) < len(draw.rows), made.rows, made.rows + 1))


class NeedsALabel(Others):
    """It draws one of a document's own labels, of which there may be none."""

    def candidates(self, own: list[np.ndarray], rng: Rng) -> list[np.ndarray]:
        return [np.array([rng(place).choice(labels)]) for place, labels in enumerate(own)]


class Peeks(Others):
    """It draws more of the labels that the test split carries."""

    @classmethod
    def prepare(cls, config: DrawConfig, corpus: Corpus) -> Assets:
        return {"labels": np.unique(corpus.splits["test"].label_sets.values)}

    def __init__(self, config: DrawConfig, context: Context) -> None:
        super().__init__(config, context)
        self.likely = context.assets["labels"]

    def some(self, generator: np.random.Generator) -> np.ndarray:
        return generator.choice(self.likely, size=self.config.count)


# Random numbers.


class NumpyState(Others):
    """It draws from numpy's global generator, which no seed of the run reaches."""

    def candidates(self, own: list[np.ndarray], rng: Rng) -> list[np.ndarray]:
        return [np.union1d(labels, np.random.randint(self.label_count, size=2)) for labels in own]


class Remembers(Others):
    """It draws from a generator of its own, which goes on from step to step, so no step can be drawn again."""

    def __init__(self, config: DrawConfig, context: Context) -> None:
        super().__init__(config, context)
        self.generator = np.random.default_rng(0)

    def candidates(self, own: list[np.ndarray], rng: Rng) -> list[np.ndarray]:
        return [np.union1d(labels, self.some(self.generator)) for labels in own]


class ByHash(Others):
    """It draws by hashes of strings, of which each process makes others."""

    def candidates(self, own: list[np.ndarray], rng: Rng) -> list[np.ndarray]:
        return [np.union1d(labels, [hash(str(labels)) % self.label_count]) for labels in own]


class ByPlace(Others):
    """A row's draw depends on the place that it has in the step."""

    def candidates(self, own: list[np.ndarray], rng: Rng) -> list[np.ndarray]:
        return [np.union1d(labels, self.some(np.random.default_rng(place))) for place, labels in enumerate(own)]


# What is drawn.


class DrawsMore(Others):
    """It draws a relation too, which its record does not say."""

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        made = super().draw(draw, split, rng)
        return made.with_relation(np.eye(len(made.rows)))


class DrawsNothing(Others):
    """It never draws what its record says."""

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        return draw


class Repeats(Others):
    """A label may be among a document's candidates twice, and then counts twice."""

    def candidates(self, own: list[np.ndarray], rng: Rng) -> list[np.ndarray]:
        return [np.concatenate([labels, self.some(rng(place))]) for place, labels in enumerate(own)]


class FromOne(Others):
    """It numbers labels from 1, so that the last has no vector and the first is never drawn."""

    def candidates(self, own: list[np.ndarray], rng: Rng) -> list[np.ndarray]:
        return [labels + 1 for labels in super().candidates(own, rng)]


class NotOnlyCarried(Others):
    """Its record says that anchors meet only labels that they carry, but they meet others."""

    component = replace(Others.component, only_carried=True)


class UnknownRole(Again):
    """Its record names another role than its rows have."""

    component = replace(Again.component, gives=frozenset({"relation", "role:second"}))


class OutOfRange(Tell):
    """It tells counts, where only 0, 1 and -1 have a meaning."""

    def told(self, truth: np.ndarray) -> np.ndarray:
        return truth * 2


class Forgets(Tell):
    """It makes a draw of its own, without the roles that others drew."""

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        made = super().draw(draw, split, rng)
        return Draw(made.rows, made.anchors, given=made.given)


class ForgetsCandidates(Tell):
    """It makes all labels candidates again that another one drew from."""

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        return replace(super().draw(draw, split, rng), candidates=None, candidate_mask=None)


class Overwrites(Tell):
    """It forgets what was told before it."""

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        return super().draw(replace(draw, given=None), split, rng)
