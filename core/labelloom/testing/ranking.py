"""Whether labels are ranked in chunks as they are all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from labelloom.components import Component, is_draw
from labelloom.compose.model import Model
from labelloom.compose.plan import BranchPlan, ModelPlan, Node
from labelloom.config import Config, Signature
from labelloom.interfaces import Batch, Context, Encoder, Part, Predictor, Reader, States
from labelloom.testing.outcome import Failure, Skipped
from labelloom.testing.worlds import Built, World


def rank(world: World) -> None:
    """Labels ranked in chunks get the scores that they get all at once."""
    if any(is_draw(name) for name in world.chosen):
        raise Skipped("predictions draw nothing")
    built = world.build()
    batch = built.batch()
    model = _model(built)
    with torch.no_grad():
        dense = model(batch)
        places = torch.arange(len(batch)).tensor_split(2)
        halves = [batch.subset(half) for half in places]
        for chunk in (1, 3):
            ranked = model.rank_all(halves, batch.label_count, chunk=chunk)
            ids, scores = (torch.cat(part) for part in zip(*ranked, strict=True))
            expected = dense.gather(1, ids)
            apart = (scores - expected).abs().max().item()
            if not torch.allclose(scores, expected, rtol=1e-4, atol=1e-5):
                raise Failure(
                    "the ranking of all labels in chunks equals the dense one",
                    f"in chunks of {chunk} of {batch.label_count} labels scores differ by up to {apart:.3g}",
                    "batch.once for what depends on labels, batch.once_for_labels for what depends on documents, a "
                    "field of the wrong side in `axes`, or labels that are compared with one another, where the record "
                    'must say labels="all"',
                )


class _Source(Encoder):
    """The fields that nobody computes, as if an encoder gave them."""

    def __init__(self, context: Context, built: Built) -> None:
        super().__init__(Config(), context)
        self.made = built

    reader: Reader

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with the fields made up."""
        return self.made.world.workshop.fields.states(self.made.world.made_up, batch)


class _Summing(Predictor):
    """Scores of every field that a part gives, by fixed weights."""

    def __init__(self, context: Context, names: Sequence[str], axes: Mapping[str, str]) -> None:
        super().__init__(Config(), context)
        self.names = sorted(names)
        self.axes = axes

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with scores (B, C)."""
        scores = torch.zeros(len(batch), batch.label_ids.shape[1])
        for name in self.names:
            value = states.get(name)
            axes = self.axes.get(name, "")
            if name == "label_table":
                value = value(batch.label_ids)
            if name in ("labels", "label_table") or axes.startswith("BC"):
                scores = scores + value.cos().reshape(*value.shape[:2], -1).sum(-1)
            elif name == "scores":
                scores = scores + value
            elif isinstance(value, torch.Tensor) and (name in ("document", "aspects") or axes.startswith("B")):
                flat = value.reshape(len(value), -1)
                weights = torch.randn(batch.label_count, flat.shape[1], generator=torch.Generator().manual_seed(3))
                scores = scores + (batch.look_up(weights) @ flat[..., None])[..., 0]
        return states.add(scores=scores)


def _model(built: Built) -> Model:
    """A model whose scores rest on what the part gives, and on nothing else."""
    world = built.world
    nodes = [*world.suppliers, world.node]
    parts: dict[str, Part] = dict(built.parts)
    if built.encoder is None:
        source = _node("encoder", "model.encoder", frozenset(), world.made_up)
        parts[source.path] = _Source(_context(source, built), built)
        nodes = [source, *nodes]
    if world.component.kind != "predictor":
        # A table or tokens alone need no scores of their own; the rest is summed.
        names = world.node.signature.gives - {"tokens"}
        predictor = _node("predictor", "model.predictor", names, frozenset({"scores"}))
        parts[predictor.path] = _Summing(_context(predictor, built), sorted(names), world.axes)
        nodes = [*nodes, predictor]
    encoder, *modules, last = nodes
    plan = ModelPlan(encoder, tuple(modules), (BranchPlan("main", (), last, 1.0),))
    return Model(plan, parts, frozenset(node.path for node in nodes), "ranks")


def _node(kind: Any, path: str, needs: frozenset[str], gives: frozenset[str]) -> Node:
    record = Component(kind=kind, name="testing/part", needs=needs, gives=gives)
    return Node(path, path, record, Config(), Signature(needs, gives))


def _context(node: Node, built: Built) -> Context:
    return Context(node.path, {}, built.labels)
