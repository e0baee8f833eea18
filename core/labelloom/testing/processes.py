"""Whether an encoder or a sampler is the same in every process: runs are resumed, and what readers made is kept."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast
from weakref import WeakKeyDictionary

import numpy as np
from torch import Tensor

from labelloom.components import Component
from labelloom.interfaces import Draw, Encoder, Files, LabelledRows, Rng
from labelloom.testing.closeness import difference
from labelloom.testing.elsewhere import ask
from labelloom.testing.learning import said
from labelloom.testing.modes import global_seed, without_dropout
from labelloom.testing.options import Options
from labelloom.testing.outcome import Failure, Skipped
from labelloom.testing.workshop import With, Workshop
from labelloom.testing.worlds import World, worlds_of

STEPS = range(3)
Seen = dict[str, Any]
_BERT = tuple(
    f"transformers.models.{name}" for name in ("bert.modeling_bert", "auto.modeling_auto", "auto.tokenization_auto")
)
"""What reads the small pretrained model."""

_PROMISED = "a component is the same in every process: runs are resumed in others, and several train one model"
_SALTED = (
    "hash() of a string, which each process salts anew, id(), or the order of a set of strings: stable_digest for "
    "keys, batch.noise and rng(place) for choices, sorted(...) for sets"
)


def processes(world: World) -> None:
    """In another process it prepares, starts, reads, draws and says the same."""
    if not hasattr(os, "fork"):
        raise Skipped("this system cannot copy a process")
    try:
        here = seen(world)
    except Exception as error:
        raise Skipped(f"in this process already it raises {type(error).__name__}, as other checks tell") from error
    there = _elsewhere(world)
    for what, value in here.items():
        if what not in there:
            happened = f"in a second interpreter there is no such thing as {what}"
            raise Failure(_PROMISED, happened, _SALTED)
        told = _unlike(value, there[what])
        if told is not None:
            raise Failure(_PROMISED, f"in a second interpreter {what} is another{told}", _SALTED)


def seen(world: World) -> Seen:
    """What a component is and does, by what it is called: assets, first weights, a reader's key and columns, draws."""
    found: Seen = {}
    for path, assets in world.assets.items():
        found |= {f"the asset {name!r} of {path}": _plain(value) for name, value in assets.items()}
    if world.component.kind == "sampler":
        return found | dict(_drawn(world))
    built = world.build()
    reader = cast(Encoder, built.part).reader
    found["the key of its reader"] = reader.key
    columns = reader.tokenize(world.workshop.corpus.train.texts.take(range(8)))
    found |= {f"the column {name!r} of its reader": _plain(values) for name, values in columns.items()}
    weights = built.part.state_dict().items()
    found |= {f"the first value of the weight {name}": value.clone() for name, value in weights}
    draw = built.draw()
    built.part.train()
    with without_dropout(built.part), global_seed(1):
        results = said(built, built.batch(draw), built.targets(draw))
    return found | {f"{name} in training": [value.clone() for value in values] for name, values in results.items()}


def _drawn(world: World) -> Iterator[tuple[str, Any]]:
    workshop = world.workshop
    sampler = workshop.sampler(world.node, workshop.corpus.labels, world.assets)
    split = LabelledRows(workshop.corpus.train.label_sets)
    rows = np.asarray(sampler.anchors(split, np.arange(len(split))), dtype=np.int64)
    yield "the rows that it anchors on", rows.tolist()
    start = Draw(rows[:6], len(rows[:6]))
    for step in STEPS:
        draw = sampler.draw(start, split, Rng(step, start))
        for name in ("rows", "roles", "relation", "candidates", "given"):
            yield f"{name} of step {step}", _plain(getattr(draw, name))


def _elsewhere(world: World) -> Seen:
    """What the same component is and does in a second interpreter, which is asked once for all of a workshop."""
    workshop, name = world.workshop, world.component.name
    if workshop not in _ASKED:
        beside, finder = workshop.catalogue.beside, workshop.finder
        question = partial(_all_seen, beside, finder.examples, finder.pretrained, workshop.subjects or (name,))
        _ASKED[workshop] = ask(question, _BERT if finder.pretrained.exists() else ())
    of_worlds = _ASKED[workshop][name]
    found = of_worlds if isinstance(of_worlds, str) else of_worlds[world.chosen]
    if isinstance(found, str):
        raise Failure(_PROMISED, f"in a second interpreter it raised\n{found}", "what the error says")
    return found


_ASKED: WeakKeyDictionary[Workshop, Mapping[str, Mapping[frozenset[str], Seen | str] | str]] = WeakKeyDictionary()


def _all_seen(
    beside: Mapping[str, Component], examples: Mapping[str, Options], pretrained: Path, names: Sequence[str]
) -> dict[str, dict[frozenset[str], Seen | str] | str]:
    """Of each component, in each world, what is seen; or the traceback of what it raised."""
    workshop = Workshop(With(beside.values()), examples, pretrained, names)
    found: dict[str, dict[frozenset[str], Seen | str] | str] = {}
    for name in names:
        try:
            worlds = worlds_of(workshop, workshop.catalogue.component(name))
        except Exception:  # what is wrong with it is told where it is asked about
            found[name] = traceback.format_exc()
            continue
        found[name] = {world.chosen: _tried(world) for world in worlds}
    return found


def _tried(world: World) -> Seen | str:
    try:
        return seen(world)
    except Exception:
        return traceback.format_exc()


def _unlike(one: Any, other: Any) -> str | None:
    """How two things that were seen differ, in words or none; None where they do not."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        told = difference(other, one)
        return told and f": {told}"
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return next((told for pair in zip(one, other, strict=True) if (told := _unlike(*pair)) is not None), None)
    return None if one == other else ""


def _plain(value: Any) -> Any:
    """Arrays as lists, files as their bytes."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Files):
        return {name: Path(value.root / name).read_bytes() for name in value.names}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
