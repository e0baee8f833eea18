"""Whether evaluation is a function of what it is fed: nothing remembered, nothing written, no truth looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from labelloom.components import FIELDS
from labelloom.data.corpus import Split
from labelloom.data.label_sets import LabelSets
from labelloom.data.texts import Texts
from labelloom.interfaces import Batch, States
from labelloom.testing.closeness import difference, differing, results, same
from labelloom.testing.modes import global_seed
from labelloom.testing.outcome import Failure
from labelloom.testing.worlds import World


def purity(world: World) -> None:
    """Evaluated twice it says the same, and leaves what it is fed as it was."""
    built = world.build()
    batch = built.batch()
    fed = built.feed(batch)
    before = {name: value.clone() for name, value in _tensors(fed, batch.inputs)}
    found: list[States] = []
    for seed in (1, 2):
        with global_seed(seed), torch.no_grad():
            found.append(built.part(fed, batch))
            found[-1] = replace(found[-1], **_copied(found[-1]))
    for name, value in _tensors(fed, batch.inputs):
        if told := difference(value, before[name], tolerance=0):
            raise Failure(
                "a part changes nothing in place: others read the same fields and inputs",
                f"after forward {name} is another: {told}",
                "an operation in place, such as x += y, masked_fill_ or x[mask] = y: use its copy",
            )
    one, other = (results(states, world.node.signature.gives, world.axes, batch) for states in found)
    for name, told in differing(one, other, tolerance=0.1):
        raise Failure(
            "evaluation draws no random numbers and remembers nothing",
            f"evaluated twice, {name} is another: {told}",
            "F.dropout without `training=self.training`, or a buffer that moves in evaluation",
        )


def leak(world: World) -> None:
    """Evaluation sees the document, and not who it is: row, copy and step change nothing."""
    built = world.build()
    batch = built.batch()
    fed = built.feed(batch)
    others = [(what, replace(batch, **{what: value})) for what, value in _others(batch)]
    with torch.no_grad():
        states = built.part(fed, batch)
        one = results(states, world.node.signature.gives, world.axes, batch)
        for what, changed in others:
            again = results(built.part(fed, changed), world.node.signature.gives, world.axes, batch)
            for name, told in differing(one, again):
                raise Failure(
                    "no target reaches the scores at evaluation: only text, and what is given, decides",
                    f"with other batch.{what}, {name} is another: {told}",
                    f"batch.{what} is read in evaluation; with the row, truth of the corpus can be looked up",
                )


def _others(batch: Batch) -> Iterator[tuple[str, Any]]:
    """Other rows, copies and keys: no remainder, order or binary digit of them is the same in each of these."""
    for more in (1, 2, 40, 125):
        yield "rows", batch.rows + more
    yield "rows", batch.rows.flip(0) + 6
    for more in (1, 2):
        yield "copies", batch.copies + more
    for more in (1, 2, 2**40):
        yield "key", batch.key + more


def corpus(world: World) -> None:
    """What it takes from the corpus is taken from the training split alone."""
    own = world.workshop.corpus
    other = replace(own, splits={**own.splits, **{name: _changed(own.splits[name]) for name in ("validation", "test")}})
    promised = "prepare and initialise read texts and labels of the training split alone"
    cause = "it loops over corpus.splits, or reads corpus.validation: use corpus.train and corpus.statistics"
    nodes = [world.node] if world.component.kind == "sampler" else [*world.suppliers, world.node]
    one, two = world.workshop.prepare(nodes), world.workshop.prepare(nodes, other)
    for path in {*one, *two}:
        if not same(one.get(path), two.get(path)):
            happened = f"with other validation and test documents {path} prepared something else"
            raise Failure(promised, happened, cause)
    if world.component.kind == "sampler":
        return
    built = (world.build(assets=one), world.build(corpus=other, assets=one))
    first, second = (each.part.state_dict() for each in built)
    moved = [name for name in first if not torch.equal(first[name], second[name])]
    if moved:
        happened = f"with other validation and test documents {', '.join(moved[:4])} start otherwise"
        raise Failure(promised, happened, cause)


def _changed(split: Split) -> Split:
    """Other texts, and every label turned round."""
    texts = Texts.from_list([f"never seen {place}" for place in range(len(split))])
    return replace(split, texts=texts, label_sets=LabelSets.from_dense(~split.label_sets.to_dense()), digest="changed")


def _tensors(states: States, inputs: Mapping[str, Any], above: str = "batch.inputs") -> Iterator[tuple[str, Tensor]]:
    for name in (*sorted(FIELDS), "token_mask", *states.extra):
        value = states.get(name)
        if isinstance(value, Tensor):
            yield f"states.{name}", value
    for name, value in inputs.items():
        if isinstance(value, Tensor):
            yield f"{above}.{name}", value
        elif isinstance(value, Mapping):
            yield from _tensors(States(), value, f"{above}.{name}")


def _copied(states: States) -> dict[str, Any]:
    fields = {name: getattr(states, name) for name in States.__dataclass_fields__}
    return {name: value.clone() for name, value in fields.items() if isinstance(value, Tensor)}
