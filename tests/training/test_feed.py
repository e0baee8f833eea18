"""What each step sees: a pure function of seed, stage and step, shared out among processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelloom.config import Config
from labelloom.data import batching
from labelloom.data.columns import Columns
from labelloom.data.corpus import Split, load_corpus
from labelloom.errors import TrainingError
from labelloom.interfaces import Batch, Context, Draw, LabelledRows, Reader, Rng, Sampler, Targets
from labelloom.spec import TrainingSettings
from labelloom.spec.data import DataSettings
from labelloom.training.feed import Feed

from .small import write_corpus


class Lengths(Reader):
    key = "lengths"

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        return {"length": [len(text.split()) for text in texts]}

    def collate(self, rows: Sequence[Any]) -> dict[str, Any]:
        return {"lengths": [row["length"] for row in rows]}


class Drawing(Sampler):
    """Two labels of each row, drawn by its own numbers, beside a pool that the rows share; every other row anchors."""

    def anchors(self, split: LabelledRows, rows: np.ndarray) -> np.ndarray:
        return rows[::2]

    def draw(self, draw: Draw, split: LabelledRows, rng: Rng) -> Draw:
        pool = rng().integers(100)
        drawn = [rng(place).choice(6, 2, replace=False) for place in range(len(draw.rows))]
        return draw.with_candidates([np.append(labels, pool) for labels in drawn])


class Nothing(Sampler):
    def anchors(self, split: LabelledRows, rows: np.ndarray) -> np.ndarray:
        self.notes = [f"none of {len(rows)} documents will do"]
        return rows[:0]


Make = Callable[..., Feed]


@pytest.fixture(scope="module")
def make(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A feed on the first `documents` of 60."""
    # A worker that comes back to this module makes it anew.
    folder = write_corpus(tmp_path_factory.mktemp("feed") / "sixty", train=60)
    corpus = load_corpus(DataSettings(source=str(folder)))

    def make_feed(
        documents: int = 60,
        samplers: Sequence[type[Sampler]] = (),
        key: int = 7,
        rank: int = 0,
        world: int = 1,
        **of: Any,
    ) -> Feed:
        split: Split = corpus.train.select("train", np.arange(documents))
        columns = Columns.from_texts(split.texts.take(np.arange(documents)), Lengths())
        context = Context("stages.main.samplers.0", {}, corpus.labels)
        drawn = [sampler(Config(), context) for sampler in samplers]
        return Feed(split, columns, Lengths(), drawn, TrainingSettings(**of), key, rank, world)

    return make_feed


def rows_of(parts: Sequence[tuple[Batch, Targets]]) -> list[int]:
    return [row for batch, _ in parts for row in batch.rows.tolist()]


@settings(deadline=None, max_examples=60)
@given(
    documents=st.integers(1, 60),
    batch_size=st.integers(1, 20),
    world=st.integers(1, 5),
    accumulation=st.integers(1, 4),
    group=st.booleans(),
)
def test_an_epoch_has_each_document_once_among_all_processes(
    make: Make, documents: int, batch_size: int, world: int, accumulation: int, group: bool
) -> None:
    options: dict[str, Any] = {"batch_size": batch_size, "accumulation": accumulation, "group_by_length": group}
    alone = make(documents, **options)
    feeds = [make(documents, rank=rank, world=world, **options) for rank in range(world)]
    seen: list[int] = []
    assert alone.steps_per_epoch == -(-documents // batch_size)
    for step in range(alone.steps_per_epoch):
        parts = [list(feed.step(step)) for feed in feeds]
        working = [place for place, feed in enumerate(feeds) if not feed.idle(step)]
        together = [row for place in working for row in rows_of(parts[place])]
        assert together == alone.anchors_of(step).tolist()
        assert len({len(part) for part in parts}) == 1, "every process takes part in every part of a step"
        assert all(len(batch) > 0 for part in parts for batch, _ in part)
        assert len(working) == min(world, len(together))
        seen += together
    assert sorted(seen) == list(range(documents))


def test_a_step_is_a_function_of_its_number(make: Make) -> None:
    """Whatever was asked before, in whatever process."""
    one, other = (make(samplers=[Drawing], batch_size=7, epochs=3) for _ in range(2))
    order = np.random.default_rng(0).permutation(one.steps)
    shuffled = {step: list(other.step(int(step))) for step in order}
    for step in range(one.steps):
        [(batch, targets)] = one.step(step)
        [(again, told)] = shuffled[step]
        assert batch.rows.tolist() == again.rows.tolist()
        assert batch.label_ids.tolist() == again.label_ids.tolist()
        assert batch.inputs == again.inputs
        assert batch.key == again.key
        assert (targets.offsets.tolist(), targets.values.tolist()) == (told.offsets.tolist(), told.values.tolist())


def test_epochs_stages_and_seeds_differ(make: Make) -> None:
    feed, other = make(batch_size=60), make(batch_size=60, key=8)
    [(first, _)], [(second, _)], [(elsewhere, _)] = feed.step(0), feed.step(1), other.step(0)
    assert sorted(first.rows.tolist()) == sorted(second.rows.tolist()) == sorted(elsewhere.rows.tolist())
    assert first.rows.tolist() != second.rows.tolist()
    assert first.rows.tolist() != elsewhere.rows.tolist()
    assert len({first.key, second.key, elsewhere.key}) == 3


def test_what_is_drawn_for_a_row_depends_on_no_other_row(make: Make) -> None:
    """Two processes and three parts draw for each row what one process does; only what rows share differs."""
    options: dict[str, Any] = {"samplers": [Drawing], "batch_size": 12}

    def drawn(feed: Feed) -> dict[int, list[int]]:
        parts = [part for step in range(feed.steps_per_epoch) for part in feed.step(step)]
        return {
            row: labels[:2]
            for batch, _ in parts
            for row, labels in zip(batch.rows.tolist(), batch.label_ids.tolist(), strict=True)
        }

    whole = drawn(make(**options))
    halves = [drawn(make(rank=rank, world=2, accumulation=3, **options)) for rank in (0, 1)]
    assert whole == {**halves[0], **halves[1]}
    assert set(whole) == set(range(0, 60, 2))


def test_an_epoch_is_cut_into_batches_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs: list[int] = []
    real = batching.batch_rows

    def counted(lengths: np.ndarray, size: int, seed: int, epoch: int, **options: Any) -> list[np.ndarray]:
        epochs.append(epoch)
        return real(lengths, size, seed, epoch, **options)

    monkeypatch.setattr("labelloom.training.feed.batch_rows", counted)
    feed = make(batch_size=10, epochs=3)
    for step in range(feed.steps):
        list(feed.step(step))
    assert epochs == [0, 1, 2]


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"epochs": 2}, 12),
        ({"epochs": 0.5}, 3),
        ({"epochs": 0.01}, 1),
        ({"epochs": 1.05}, 7),
        ({"epochs": 1.1, "batch_size": 6}, 11),  # 1.1 * 10 is 11.000000000000002
        ({"epochs": 2, "steps": 5}, 5),
        ({"epochs": 1, "batch_size": 7}, 9),
        ({"epochs": 1, "batch_size": 7, "world": 4}, 9),
    ],
)
def test_steps_of_a_stage(options: dict[str, Any], steps: int, make: Make) -> None:
    assert make(**{"batch_size": 10, **options}).steps == steps


@pytest.mark.parametrize("world", [1, 2, 3])
def test_validation_has_each_anchor_once_and_draws_the_same_again(world: int, make: Make) -> None:
    feeds = [make(samplers=[Drawing], rank=rank, world=world) for rank in range(world)]
    first, second = ([part for feed in feeds for part in feed.all(8)] for _ in range(2))
    assert sorted(rows_of(first)) == list(range(0, 60, 2))
    assert [batch.label_ids.tolist() for batch, _ in first] == [batch.label_ids.tolist() for batch, _ in second]
    alone = {tuple(batch.rows.tolist()): batch.label_ids.tolist() for batch, _ in make(samplers=[Drawing]).all(8)}
    assert {tuple(batch.rows.tolist()): batch.label_ids.tolist() for batch, _ in first} == alone


def test_samplers_that_leave_no_anchor_are_told(make: Make) -> None:
    with pytest.raises(TrainingError) as error:
        make(samplers=[Drawing, Nothing])
    assert str(error.value).splitlines() == [
        "stages.main.samplers.0 and stages.main.samplers.0: there is no document among 60 of train to anchor on",
        "    try: other options there",
        "    try: more documents",
    ]
