"""What is asked of samplers: a pure function of seed, stage, step and rows that keeps what is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labelloom.interfaces import Draw, LabelledRows, Rng, Sampler
from labelloom.testing.modes import global_seed
from labelloom.testing.outcome import Failure, Skipped
from labelloom.testing.records import same_assets
from labelloom.testing.tasks import DOCUMENTS
from labelloom.testing.worlds import World

STEPS = range(4)


def builds(world: World) -> None:
    """Its constructor takes its default options, or those of an example; prepared again it has the same assets."""
    _made(world)
    same_assets(world)


def draws(world: World) -> None:
    """It draws what its record gives and nothing else, in the types and ranges of `Draw`."""
    sampler, split = _made(world)
    gives = world.node.signature.gives
    promised = f"it draws what its record gives, {_listed(gives)}, and nothing else"
    drawn: set[str] = set()
    for step in STEPS:
        before = _start(sampler, split, 6)
        after = _draw(sampler, split, before, step)
        if not isinstance(after, Draw):
            raise Failure(promised, f"draw returned {type(after).__name__}", "`return draw.with_...` is missing")
        _ranges(after, split, sampler)
        drawn |= _named(after)
        if world.component.only_carried:
            _carried(after, split)
    if drawn - gives:
        raise Failure(promised, f"it also drew {_listed(drawn - gives)}", "gives of the record was not changed along")
    if gives - drawn:
        happened = f"in {len(STEPS)} steps of 6 documents it never drew {_listed(gives - drawn)}"
        raise Failure(promised, happened, "gives of the record was not changed along, or a role has another name")


def rows(world: World) -> None:
    """It keeps what is there: rows first and in order, anchors, what other samplers drew."""
    sampler, split = _made(world)
    promised = "a sampler keeps what is there, rows first and in their order, and adds to it"
    allowed = sampler.anchors(split, np.arange(0, len(split), 2))
    if not set(np.asarray(allowed).tolist()) <= set(range(0, len(split), 2)):
        more = sorted(set(np.asarray(allowed).tolist()) - set(range(0, len(split), 2)))
        happened = f"asked which even rows may be anchors it also named {more[:4]}"
        raise Failure("anchors(split, rows) chooses among `rows`", happened, "it looks at the whole split")
    draw = _start(sampler, split, 5)
    others = _others(draw, split, world.node.signature.gives)
    after = _draw(sampler, split, others, 1)
    count = len(others.rows)
    if after.anchors != others.anchors:
        raise Failure(promised, f"{others.anchors} anchors became {after.anchors}", "rows that it adds are no anchors")
    if len(after.rows) < count or not np.array_equal(after.rows[:count], others.rows):
        happened = f"the rows {others.rows.tolist()} became {after.rows.tolist()}"
        raise Failure(promised, happened, "rows put before, sorted or made unique: draw.with_rows adds behind")
    if others.given is not None:
        told = others.given >= 0
        kept = after.given is not None and np.array_equal(after.given[:count][told], others.given[told])
        if not kept:
            raise Failure(promised, "what the input told before is told no more", "draw.with_given keeps it")
    if others.roles is not None:
        named = others.roles != ""  # a row without a role may get one
        if after.roles is None or list(after.roles[:count][named]) != list(others.roles[named]):
            now = None if after.roles is None else list(after.roles[:count])
            raise Failure(promised, f"the roles {list(others.roles)} became {now}", "draw.with_roles keeps them")
    for name in ("relation", "candidates"):
        before, now = getattr(others, name), getattr(after, name)
        if before is not None and (now is None or not np.array_equal(now[tuple(map(slice, before.shape))], before)):
            happened = f"{name} that was drawn before is gone, or another"
            raise Failure(promised, happened, "a new Draw(...): use draw.with_..., or dataclasses.replace")


def determinism(world: World) -> None:
    """A draw follows from seed, stage, step and rows alone."""
    sampler, split = _made(world)
    other, _ = _made(world)
    promised = "a draw is a pure function of seed, stage, step and rows"
    found = []
    for seed, each in ((1, sampler), (2, sampler), (3, other)):
        with global_seed(seed):
            found.append([_draw(each, split, _start(each, split, 6), step) for step in STEPS])
    for again, what in ((found[1], "drawn again"), (found[2], "drawn by a new sampler")):
        for step, (one, two) in enumerate(zip(found[0], again, strict=True)):
            if told := _unlike(one, two):
                cause = "numpy.random, random, or a generator kept from step to step: use rng(place), or rng()"
                raise Failure(promised, f"{what}, step {step} has other {told}", cause)
    _apart(sampler, split, world)


def documents(world: World) -> None:
    """It draws for every document that it anchors on: without a label, with one, with all."""
    sampler, split = _made(world)
    may = set(sampler.anchors(split, np.arange(len(split))).tolist())
    if not may:
        raise Failure(
            "it anchors on some document",
            f"of {len(split)} documents it anchors on none",
            "options that fit large corpora only: give a small example in a spec, or in `examples`",
        )
    seen = {what: row for what, row in DOCUMENTS.items() if row in may}
    if not seen:
        raise Skipped("it anchors on none of the odd documents")
    for what, row in seen.items():
        try:
            drawn = _draw(sampler, split, Draw(np.array([row]), 1), 1)
        except Exception as error:
            raise Failure(
                "it draws for every document that its `anchors` lets through",
                f"for a document {what} it raised {type(error).__name__}: {error}",
                "a choice among the labels that a document carries, or lacks, when there are none",
            ) from error
        _ranges(drawn, split, sampler)


def _made(world: World) -> tuple[Sampler, LabelledRows]:
    corpus = world.workshop.corpus
    sampler = world.workshop.sampler(world.node, corpus.labels, world.workshop.prepare([world.node]))
    return sampler, LabelledRows(corpus.train.label_sets)


def _start(sampler: Sampler, split: LabelledRows, count: int) -> Draw:
    """The first and the last documents that it anchors on, those that are odd left out."""
    found = np.asarray(sampler.anchors(split, np.arange(len(split))), dtype=np.int64)
    carried = split.label_sets.counts[found]
    usual = found[(carried > 0) & (carried < sampler.label_count - 1)]
    those = usual if len(usual) else found
    chosen = those if len(those) <= count else np.concatenate([those[: count // 2], those[-(count - count // 2) :]])
    return Draw(chosen, len(chosen))


def _draw(sampler: Sampler, split: LabelledRows, draw: Draw, key: int) -> Draw:
    return sampler.draw(draw, split, Rng(key, draw))


def _others(draw: Draw, split: LabelledRows, gives: frozenset[str]) -> Draw:
    """The draw after other samplers added a row with a role, told of labels, and drew what this one does not give."""
    draw = draw.with_rows(draw.rows[:1]).with_roles([""] * draw.anchors + ["other"])
    if "relation" not in gives:
        draw = draw.with_relation(np.eye(len(draw.rows)))
    if "candidates" not in gives:
        draw = draw.with_candidates([np.arange(1 + place % 3) for place in range(len(draw.rows))])
    truth = split.label_sets.take(draw.rows).to_dense().astype(np.int8)
    shown = np.arange(truth.size).reshape(truth.shape) % 3 == 0
    return draw.with_given(np.where(shown, truth, -1))


def _named(draw: Draw) -> set[str]:
    found = {name for name in ("relation", "candidates", "given") if getattr(draw, name) is not None}
    return found | ({f"role:{role}" for role in set(draw.roles) - {""}} if draw.roles is not None else set())


def _ranges(draw: Draw, split: LabelledRows, sampler: Sampler) -> None:
    count, labels = len(draw.rows), sampler.label_count
    _within("rows", draw.rows, (count,), 0, len(split) - 1)
    if draw.roles is not None and len(draw.roles) != count:
        raise Failure("roles are one a row", f"{len(draw.roles)} for {count} rows", "roles of the added rows alone")
    if draw.relation is not None:
        _within("relation", draw.relation, (count, count), -1, 1)
    if draw.given is not None:
        _within("given", draw.given, (count, labels), -1, 1)
    if draw.candidates is not None:
        _candidates(draw, labels)


def _within(name: str, values: Any, shape: tuple[int, ...], low: int, high: int) -> None:
    found = np.asarray(values)
    if found.shape != shape:
        happened = f"it has the shape {found.shape}, not {shape}"
        raise Failure(f"{name} of a draw has an entry for each of its rows", happened, "rows added after it was made")
    if found.size and (found.min() < low or found.max() > high):
        happened = f"it has values from {found.min()} to {found.max()}"
        raise Failure(f"{name} of a draw lies in {low} .. {high}", happened, "ids that start at 1, or counts for flags")


def _candidates(draw: Draw, labels: int) -> None:
    ids, mask = np.asarray(draw.candidates), draw.candidate_mask
    promised = "candidates (1 or R, C) are ids of labels, each once a row, with candidate_mask where they are real"
    if mask is None or mask.shape != ids.shape or mask.dtype != np.bool_:
        told = "no candidate_mask" if mask is None else f"a candidate_mask {mask.shape} of {mask.dtype}"
        raise Failure(promised, f"there is {told} for candidates {ids.shape}", "use draw.with_candidates")
    if len(ids) not in (1, len(draw.rows)):
        happened = f"{len(ids)} rows of candidates for {len(draw.rows)} rows"
        raise Failure(promised, happened, "candidates of the anchors alone: those of added rows are needed too")
    if ids.min() < 0 or ids.max() >= labels:
        raise Failure(promised, f"ids from {ids.min()} to {ids.max()} of {labels} labels", "ids that start at 1")
    for row, real in zip(ids, mask, strict=True):
        own = row[real]
        if len(np.unique(own)) < len(own):
            raise Failure(promised, f"a row has {own.tolist()}", "draws with replacement: np.unique, or np.union1d")


def _carried(draw: Draw, split: LabelledRows) -> None:
    assert draw.candidates is not None
    assert draw.candidate_mask is not None
    for place in range(draw.anchors):
        row = place if len(draw.candidates) > 1 else 0
        own = draw.candidates[row][draw.candidate_mask[row]]
        lacking = np.setdiff1d(own, split.label_sets[int(draw.rows[place])])
        if len(lacking):
            raise Failure(
                "only_carried: of an anchor only labels that it carries are under consideration",
                f"document {draw.rows[place]} meets {lacking.tolist()}, which it lacks",
                "only_carried=True is for samplers of contrast, not for those that draw negatives",
            )


def _unlike(one: Draw, two: Draw) -> str | None:
    for name in ("rows", "roles", "relation", "candidates", "candidate_mask", "given"):
        first, second = getattr(one, name), getattr(two, name)
        if (first is None) != (second is None):
            return name
        if first is not None and not np.array_equal(first, second):
            return name
    return None


class _Watched(Rng):
    """Tells whether the pool was asked for that the rows of a step share."""

    shared = False

    def __call__(self, place: int | None = None) -> np.random.Generator:
        self.shared = self.shared or place is None
        return super().__call__(place)


def _apart(sampler: Sampler, split: LabelledRows, world: World) -> None:
    """What is drawn for a row alone must not depend on the rows that another process has."""
    if not world.node.signature.gives <= {"given", "candidates"}:
        return
    whole = _start(sampler, split, 6)
    rng = _Watched(7, whole)
    together = sampler.draw(whole, split, rng)
    if rng.shared or len(together.rows) > len(whole.rows):
        return
    half = Draw(whole.rows[3:], len(whole.rows) - 3)
    alone = sampler.draw(half, split, Rng(7, half))
    for place in range(len(half.rows)):
        if _of_row(together, place + 3) != _of_row(alone, place):
            raise Failure(
                "what is drawn for a row depends on seed, stage, step, row and copy, and not on the rows beside it",
                f"row {half.rows[place]} meets {_of_row(together, place + 3)} among 6 rows, {_of_row(alone, place)} "
                "among 3: two processes would train otherwise than one",
                "one generator for all rows, or its place as the seed: rng(place) for each row",
            )


def _of_row(draw: Draw, place: int) -> dict[str, Sequence[int]]:
    found: dict[str, Sequence[int]] = {}
    if draw.candidates is not None and draw.candidate_mask is not None:
        row = place if len(draw.candidates) > 1 else 0
        found["candidates"] = draw.candidates[row][draw.candidate_mask[row]].tolist()
    if draw.given is not None:
        found["given"] = draw.given[place].tolist()
    return found


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"
