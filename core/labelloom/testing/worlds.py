"""`World`: one component with what it needs around it, some of it made up, some from other components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from labelloom.components import FIELDS, Component, Need, is_draw
from labelloom.compose.batches import make_batch, make_targets
from labelloom.compose.build import AllAssets
from labelloom.compose.plan import Node
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus
from labelloom.data.labels import LabelSpace
from labelloom.errors import LabelloomError
from labelloom.interfaces import Batch, Draw, Encoder, LabelledRows, Loss, Part, Rng, States, Targets
from labelloom.interfaces.noise import stable_key
from labelloom.interfaces.part import Width
from labelloom.testing.draws import made_up
from labelloom.testing.fields import WIDTHS
from labelloom.testing.outcome import Skipped
from labelloom.testing.watching import WatchedWidths
from labelloom.testing.workshop import Workshop, encode_with

ROWS = 6
"""Documents of a batch: no label, one, all, some; one of them without a word, one long."""


@dataclass(frozen=True)
class World:
    """A component with a choice of what it may need.

    node       the component, with options
    chosen     the names, fields and draws, that are there of those that it may need
    suppliers  parts that run before it, and give what `Fields` cannot make up
    samplers   what draws for it; what they leave is made up
    """

    workshop: Workshop
    node: Node
    chosen: frozenset[str]
    suppliers: tuple[Node, ...] = ()
    samplers: tuple[Node, ...] = ()

    @property
    def component(self) -> Component:
        return self.node.component

    @cached_property
    def made_up(self) -> frozenset[str]:
        """The fields that nobody computes, of the component and of its suppliers."""
        names = {name for name in self.chosen if name in FIELDS}
        for node in self.suppliers:
            names |= {name for name in _chosen(node, optional=False) if name in FIELDS}
        return frozenset(names) - {name for node in self.suppliers for name in node.signature.gives}

    @property
    def draws(self) -> frozenset[str]:
        """What is drawn here, but for `given`: by samplers, or made up."""
        of_samplers = {name for node in self.samplers for name in node.signature.gives}
        return frozenset({name for name in self.chosen if is_draw(name)} | of_samplers) - {"given"}

    @property
    def axes(self) -> dict[str, str]:
        """The axes of bundles' own fields."""
        nodes = [*self.suppliers, self.node]
        return {n: axes for node in nodes for n, axes in {**node.component.axes, **node.signature.axes}.items()}

    @property
    def every_label(self) -> bool:
        """Whether something here works only on every label."""
        return any(node.signature.labels == "all" for node in (*self.suppliers, self.node))

    @property
    def told(self) -> str:
        """What it is fed, for messages."""
        return ", ".join(sorted(self.chosen)) or "nothing"

    @cached_property
    def assets(self) -> AllAssets:
        """What its parts take from the workshop's corpus, saved and read back."""
        return self.workshop.prepare((*self.suppliers, self.node))

    def build(self, seed: int = 0, initialise: bool = True, corpus: Corpus | None = None, assets: Any = None) -> Built:
        """Its parts with weights that follow from `seed`, over the workshop's corpus or another one."""
        corpus = corpus or self.workshop.corpus
        nodes = (*self.suppliers, self.node)
        if assets is None:
            assets = self.assets if corpus is self.workshop.corpus else self.workshop.prepare(nodes, corpus)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            widths: dict[str, Width] = {name: WIDTHS[name] for name in self.made_up if name in WIDTHS}
            parts: dict[str, Part] = {}
            for node in nodes:
                wanted = self.chosen if node is self.node else _chosen(node, optional=False)
                met = WatchedWidths({name: width for name, width in widths.items() if name in wanted})
                made = self.workshop.part(node, met, corpus.labels, assets)
                if initialise:
                    encode = encode_with(made[node.path], self.workshop.fields, len(corpus.labels))
                    for part in made.values():
                        part.initialise(corpus, encode)
                parts |= made
                widths |= made[node.path].widths
        built = Built(self, corpus.labels, parts, assets, met.read)
        for part in parts.values():
            part.eval()
        return built


@dataclass
class Built:
    """The parts of a world, built and in eval mode."""

    world: World
    labels: LabelSpace
    parts: Mapping[str, Part]
    assets: Mapping[str, Any] = field(repr=False)
    widths_read: set[str]

    @property
    def part(self) -> Part:
        """The component's own."""
        return self.parts[self.world.node.path]

    @property
    def encoder(self) -> Encoder | None:
        """What reads texts here, if anything does."""
        encoders = [node for node in (*self.world.suppliers, self.world.node) if node.component.kind == "encoder"]
        return cast(Encoder, self.parts[encoders[0].path]) if encoders else None

    @cached_property
    def rows(self) -> LabelledRows:
        """The training documents."""
        return LabelledRows(self.world.workshop.corpus.train.label_sets)

    def anchors(self, count: int = ROWS) -> np.ndarray:
        """The first documents that its samplers may anchor on."""
        rows = np.arange(len(self.rows))
        for sampler in self._samplers:
            rows = sampler.anchors(self.rows, rows)
        return rows[:count]

    def even(self, count: int = ROWS) -> np.ndarray:
        """Documents of one length: where they meet, nothing is padded."""
        rows = self.anchors(len(self.rows))
        if self.encoder is None:
            lengths = self.world.workshop.fields.lengths[torch.from_numpy(rows)].numpy()
        else:
            lengths = Columns.from_texts(self.world.workshop.corpus.train.texts.take(rows), self.encoder.reader).lengths
        values, counts = np.unique(lengths[lengths > 0], return_counts=True)
        return rows[lengths == values[counts.argmax()]][:count]

    @cached_property
    def _samplers(self) -> list[Any]:
        workshop, nodes = self.world.workshop, self.world.samplers
        assets = workshop.prepare(nodes)
        return [workshop.sampler(node, self.labels, assets) for node in nodes]

    def draw(self, rows: Sequence[int] | np.ndarray | None = None, key: int = 1) -> Draw:
        """What a step sees that anchors on `rows`."""
        chosen = self.anchors() if rows is None else np.asarray(rows, dtype=np.int64)
        draw = Draw(rows=chosen, anchors=len(chosen))
        for sampler in self._samplers:
            draw = sampler.draw(draw, self.rows, Rng(stable_key(key, sampler.path), draw))
        drawn = {name for node in self.world.samplers for name in node.signature.gives}
        left = {name for name in self.world.chosen if is_draw(name)} - drawn
        return made_up(draw, left, self.rows.label_sets)

    def batch(self, draw: Draw | None = None, key: int = 1, ids: Tensor | None = None) -> Batch:
        """The batch of a draw; with other labels under consideration where `ids` (1 or B, C) says so."""
        draw = self.draw(key=key) if draw is None else draw
        inputs: dict[str, Any] = {}
        if self.encoder is not None:
            texts = self.world.workshop.corpus.train.texts.take(draw.rows)
            reader = self.encoder.reader
            inputs = reader.collate(Columns.from_texts(texts, reader).rows(np.arange(len(texts))))
        batch = make_batch(inputs, draw, len(self.labels), key)
        return batch if ids is None else batch.with_labels(ids)

    def targets(self, draw: Draw) -> Targets:
        """The truth of a draw's rows, as tasks get it."""
        return make_targets(draw, self.rows.label_sets)

    def feed(
        self, batch: Batch, padding: int = 0, more: frozenset[str] = frozenset(), gradient: bool = False
    ) -> States:
        """What stands before the part; `more` are fields that it does not ask for."""
        fields = self.world.workshop.fields
        states = fields.states(self.world.made_up | more, batch, padding, gradient)
        for node in self.world.suppliers:
            states = self.parts[node.path](states, batch)
        return states if more else states.only({name for name in self.world.chosen if not is_draw(name)})

    def states(self, batch: Batch, padding: int = 0, more: frozenset[str] = frozenset()) -> States:
        """What the part makes of it, without gradient."""
        with torch.no_grad():
            return cast(States, self.part(self.feed(batch, padding, more), batch))

    def loss(self, batch: Batch, targets: Targets, padding: int = 0, more: frozenset[str] = frozenset()) -> Loss:
        """What the task says, without gradient."""
        with torch.no_grad():
            return cast(Loss, self.part(self.feed(batch, padding, more), batch, targets))


def worlds_of(workshop: Workshop, component: Component) -> list[World]:
    """The worlds in which a component is looked at: with the first of all alternatives and nothing optional, with each
    that stands between, and with the last and everything.

    Raises:
        LabelloomError: its options, or the parts that it holds, do not fit.
        Skipped: nothing that is installed gives what it needs.
    """
    node = workshop.node(component)
    if component.kind == "sampler":
        return [World(workshop, node, frozenset())]
    most = max((len(Need.parse(text).alternatives) for text in node.signature.needs), default=1)
    choices = dict.fromkeys(
        [*(_chosen(node, optional=False, place=place) for place in range(max(1, most - 1))), _chosen(node, True, -1)]
    )
    made: dict[frozenset[str], World] = {}
    reasons: list[Skipped] = []
    for chosen in choices:
        try:
            world = _furnished(workshop, node, chosen)
            made[world.chosen] = world
        except Skipped as reason:
            reasons.append(reason)
    if not made:
        raise reasons[0]
    return list(made.values())


def _chosen(node: Node, optional: bool, place: int = 0) -> frozenset[str]:
    """Of each need one name: that at `place`, or the last."""
    needs = [need for need in map(Need.parse, node.signature.needs) if optional or not need.optional]
    return frozenset(need.alternatives[min(place, len(need.alternatives) - 1)] for need in needs)


def _furnished(workshop: Workshop, node: Node, chosen: frozenset[str]) -> World:
    suppliers: list[Node] = []
    for name in sorted(chosen):
        if not is_draw(name):
            _supply(workshop, name, node.component, suppliers)
    placed = [_placed(each, place) for place, each in enumerate(suppliers)]
    samplers: list[Node] = []
    for name in sorted(chosen, reverse=True):
        if is_draw(name) and name != "given" and not any(name in each.signature.gives for each in samplers):
            samplers += _samplers(workshop, name, node.component, chosen, len(samplers))
    own = _placed(node, len(placed)) if node.component.kind == "label_module" else node
    there = {name for each in placed for name in each.signature.gives} & set(node.reads)
    return World(workshop, own, chosen | there, tuple(placed), tuple(samplers))


def _placed(node: Node, place: int) -> Node:
    """A label module at a path of its own."""
    if node.component.kind != "label_module":
        return node
    before = node.path
    return _moved(node, before, f"model.label_modules.{place}")


def _moved(node: Node, before: str, after: str) -> Node:
    held = {below: _moved(part, before, after) for below, part in node.held.items()}
    return replace(node, path=node.path.replace(before, after, 1), held=held)


def _supply(workshop: Workshop, name: str, asking: Component, suppliers: list[Node]) -> None:
    """Adds what gives `name`, unless it can be made up or is given already, after what that needs itself."""
    if name in FIELDS or any(name in node.signature.gives for node in suppliers):
        return
    for node in _givers(workshop, name, asking):
        if node.component.kind == "encoder" and any(other.component.kind == "encoder" for other in suppliers):
            continue
        for need in sorted(_chosen(node, optional=False)):
            if not is_draw(need):
                _supply(workshop, need, asking, suppliers)
        suppliers.append(node)
        suppliers.sort(key=lambda each: each.component.kind != "encoder")  # what reads texts comes first
        return
    raise Skipped(f"nothing that is installed gives {name} with its default options")


def _samplers(workshop: Workshop, name: str, asking: Component, chosen: frozenset[str], place: int) -> list[Node]:
    """What draws `name`, and as much else of what is chosen as there is; none where nothing installed draws it."""
    found = [node for node in _givers(workshop, name, asking) if node.component.kind == "sampler"]
    if not found:
        return []
    best = max(found, key=lambda node: (node.component.bundle == asking.bundle, len(node.signature.gives & chosen)))
    return [replace(best, path=f"stages.main.samplers.{place}")]


def _givers(workshop: Workshop, name: str, asking: Component) -> Iterator[Node]:
    """Components that give `name`, of the same bundle first, with the options that they are looked at with."""
    others = [each for each in workshop.catalogue.suppliers(name) if each.name != asking.name]
    for component in sorted(others, key=lambda each: (each.bundle != asking.bundle, each.name)):
        try:
            node = workshop.node(component)
        except LabelloomError:
            continue  # what is wrong with it is told by its own checks
        if name in node.signature.gives:
            yield node
