"""From a checked plan to a built model: the only place that builds components."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from labelloom.bundles import component_class
from labelloom.compose.batches import plain_batch
from labelloom.compose.flow import Flow, model_flow
from labelloom.compose.model import Assembly, Model
from labelloom.compose.plan import Node, Plan, StagePlan
from labelloom.data.corpus import Corpus
from labelloom.data.labels import LabelSpace
from labelloom.errors import CompositionError, LabelloomError
from labelloom.interfaces import Assets, Context, Part, Sampler, States, Task, Widths

AllAssets = Mapping[str, Assets]
"""Assets by path."""


def all_nodes(plan: Plan) -> Iterator[Node]:
    """Every node of the model, the samplers and the tasks, held ones too, each path once."""
    tops = [*plan.model.nodes]
    for stage in plan.stages:
        tops += [*stage.samplers, *(task.node for task in stage.tasks)]
    seen: set[str] = set()
    for top in tops:
        for node in top.walk():
            if node.path not in seen:
                seen.add(node.path)
                yield node


def prepare(plan: Plan, corpus: Corpus) -> dict[str, Assets]:
    """What each component takes from the corpus, by path; fresh runs only."""
    assets: dict[str, Assets] = {}
    for node in all_nodes(plan):
        with _Placed(node):
            made = _class(node).prepare(node.config, corpus)
        if made:
            assets[node.path] = made
    return assets


def build(plan: Plan, labels: LabelSpace, assets: AllAssets) -> Assembly:
    """The model and its tasks with fresh weights, every part built with the widths that it will meet.

    Raises:
        CompositionError: sizes that cannot work, or one part that would meet different widths in two stages.
    """
    return _Builder(plan, labels, assets).assembly()


def build_samplers(stage: StagePlan, labels: LabelSpace, assets: AllAssets) -> list[Sampler]:
    """The samplers of one stage, in order."""
    made = []
    for node in stage.samplers:
        with _Placed(node):
            sampler = _class(node)
            made.append(sampler(node.config, Context(node.path, {}, labels, assets.get(node.path, {}))))
    return made


def use_options(assembly: Assembly, stage: StagePlan | None, plan: Plan) -> None:
    """Give every part of the model the options of `stage`, or the spec's own when there is none; and to what its losses
    make of scores, which is how they are read."""
    assembly.model.scale = (stage and stage.scale) or plan.scale
    for top in (stage.model if stage else plan.model).nodes:
        for node in top.walk():
            assembly.parts[node.path].config = node.config


def initialise(assembly: Assembly, corpus: Corpus, paths: Iterable[str] = ("model", "tasks")) -> None:
    """Start the weights of the parts at or below `paths`: pretrained ones, label names.

    Held parts come before their holders, and the encoder before what reads label names with it.
    """
    encode = encoder_of_texts(assembly.model, len(corpus.labels))
    for place, part in assembly.parts.items():
        if any(place == path or place.startswith(f"{path}.") for path in paths):
            part.initialise(corpus, encode)


def encoder_of_texts(model: Model, label_count: int) -> Callable[[Sequence[str]], States]:
    """A function from texts to what the model's encoder makes of them, in eval mode and without gradient."""

    @torch.no_grad()
    def encode(texts: Sequence[str]) -> States:
        reader = model.encoder.reader
        columns = reader.tokenize(list(texts))
        rows = [{name: values[place] for name, values in columns.items()} for place in range(len(texts))]
        batch = plain_batch(rows, reader, label_count)
        training = model.encoder.training
        model.encoder.eval()
        try:
            device = next((parameter.device for parameter in model.encoder.parameters()), torch.device("cpu"))
            return model.encoder(States(), batch.to(device))
        finally:
            model.encoder.train(training)

    return encode


class _Builder:
    def __init__(self, plan: Plan, labels: LabelSpace, assets: AllAssets) -> None:
        self.plan = plan
        self.labels = labels
        self.assets = assets
        self.parts: dict[str, Part] = {}
        self.met: dict[str, tuple[dict[str, Any], str]] = {}
        self.tasks: dict[str, Task] = {}

    def assembly(self) -> Assembly:
        for stage in self.plan.stages:
            self._stage(stage)
        self._inference()
        self._refuse_taken_names()
        model = Model(self.plan.model, self.parts, self.plan.inference, self.plan.scale)
        return Assembly(model, self.tasks, self.parts)

    def _stage(self, stage: StagePlan) -> None:
        flow = model_flow(stage.model, stage.samplers)
        trunk = self._pass(stage.model.trunk, {}, flow.trunk, stage.live, stage.roles, stage.name)
        ends: dict[str | None, dict[str, Any]] = {None: trunk}
        for branch in stage.model.branches:
            here = flow.branches[branch.name]
            ends[branch.name] = self._pass(branch.nodes, trunk, here, stage.live, stage.roles, stage.name)
        for task in stage.tasks:
            chosen, _ = flow.at(task.branch).choose(task.node)
            widths = {name: ends[task.branch][name] for name in chosen if name in ends[task.branch]}
            part = self._part(task.node, widths, stage.name)
            assert isinstance(part, Task), task.node.component.target
            self.tasks[task.name] = part

    def _refuse_taken_names(self) -> None:
        """A table of modules has methods, and no entry may be called like one."""
        taken = torch.nn.ModuleDict()
        branches = [branch.name for branch in self.plan.model.branches if branch.name != "main"]
        for where, names in (("model.branches", branches), ("tasks", self.tasks)):
            for name in names:
                if hasattr(taken, name):
                    raise CompositionError(f"{name!r} cannot be a name here: give it another", where=where)

    def _inference(self) -> None:
        model, live = self.plan.model, self.plan.inference
        flow = model_flow(model)
        trunk = self._pass(model.trunk, {}, flow.trunk, live, frozenset(), "prediction")
        for branch in model.branches:
            self._pass(branch.nodes, trunk, flow.branches[branch.name], live, frozenset(), "prediction")

    def _pass(
        self,
        nodes: Iterable[Node],
        widths: Mapping[str, Any],
        flow: Flow,
        live: frozenset[str],
        roles: frozenset[str],
        stage: str,
    ) -> dict[str, Any]:
        """The widths at the end of `nodes`; parts that are met for the first time are built on the way."""
        here = dict(widths)
        for node in nodes:
            if node.path in live:
                taken = {name: here[name] for name in flow.uses[node.path] if name in here}
                part = self._part(node, taken, stage)
                with _Placed(node):
                    here.update(part.widths_with(roles))
        return here

    def _part(self, node: Node, widths: dict[str, Any], stage: str) -> Part:
        if node.path not in self.parts:
            self.met[node.path] = (widths, stage)
            return self._make(node, widths)
        before, first = self.met[node.path]
        if before != widths:
            raise CompositionError(
                f"{node.component.name} would meet {_told(before)} in {first!r} and {_told(widths)} in {stage!r}",
                where=node.key,
                suggestions=["give the stages parts of their own, or encoders whose widths agree"],
            )
        return self.parts[node.path]

    def _make(self, node: Node, widths: Widths) -> Part:
        if node.path in self.parts:
            raise CompositionError(
                f"its holder makes {node.component.name} twice; each part needs an entry and a path of its own",
                where=node.key,
            )
        makers = {below: self._maker(held) for below, held in node.held.items()}
        context = Context(node.path, widths, self.labels, self.assets.get(node.path, {}), makers)
        with _Placed(node):
            part: Part = _class(node)(node.config, context)
        left_out = [held.key for held in node.held.values() if held.path not in self.parts]
        if left_out:
            raise CompositionError(f"{node.component.name} never makes the parts {', '.join(left_out)}", where=node.key)
        self.parts[node.path] = part
        return part

    def _maker(self, node: Node) -> Callable[[Widths], Part]:
        return lambda widths: self._make(node, widths)


def _class(node: Node) -> type[Any]:
    return component_class(node.component, node.component.target, node.key)


class _Placed:
    """Adds the place in the spec to a ValueError that a component raises about sizes that cannot work."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError) and not isinstance(error, LabelloomError):
            raise CompositionError(f"{self.node.component.name}: {error}", where=self.node.key) from error


def _told(widths: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {width}" for name, width in sorted(widths.items())) or "no fields"


__all__ = [
    "AllAssets",
    "all_nodes",
    "build",
    "build_samplers",
    "encoder_of_texts",
    "initialise",
    "prepare",
    "use_options",
]
