"""From a spec to nodes: every component found, its options validated, the parts that it holds beneath it.

Nothing here imports torch: a plan is made of records, configs and paths alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from labelloom.bundles import Catalogue, load_local, load_target
from labelloom.components import Component, Kind
from labelloom.config import Config, PartSpec, Signature, held_specs
from labelloom.errors import BundleError, Problem
from labelloom.spec import Spec, StageSpec, TaskSpec, TrainingSettings
from labelloom.spec.problems import problems_of


@dataclass(frozen=True)
class Node:
    """One component in its place.

    `path` names its weights and is what `freeze`, `reset` and `options` say ("model.branches.fine.predictor");
    `key` is its place in the spec, for messages ("model.branches.0.predictor").
    """

    path: str
    key: str
    component: Component
    config: BaseModel
    signature: Signature
    held: Mapping[str, Node] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Place and component, for messages."""
        return f"{self.key} ({self.component.name})"

    def walk(self) -> Iterator[Node]:
        """This node, then all those beneath it."""
        yield self
        for node in self.held.values():
            yield from node.walk()


@dataclass(frozen=True)
class BranchPlan:
    """One view: its label modules and predictor, and its share of the final probability."""

    name: str
    label_modules: tuple[Node, ...]
    predictor: Node
    share: float

    @property
    def nodes(self) -> tuple[Node, ...]:
        """In the order in which data passes."""
        return (*self.label_modules, self.predictor)


@dataclass(frozen=True)
class ModelPlan:
    """The trunk (encoder and common label modules) and the branches on it; a plain model has one, `main`."""

    encoder: Node
    label_modules: tuple[Node, ...]
    branches: tuple[BranchPlan, ...]

    @property
    def trunk(self) -> tuple[Node, ...]:
        """In the order in which data passes."""
        return (self.encoder, *self.label_modules)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Trunk, then branch by branch; without the parts that others hold."""
        return (*self.trunk, *(node for branch in self.branches for node in branch.nodes))

    def with_nodes(self, nodes: Mapping[str, Node]) -> ModelPlan:
        """This model with the nodes of these paths in place of its own."""
        return ModelPlan(
            nodes.get(self.encoder.path, self.encoder),
            tuple(nodes.get(node.path, node) for node in self.label_modules),
            tuple(
                replace(
                    branch,
                    label_modules=tuple(nodes.get(node.path, node) for node in branch.label_modules),
                    predictor=nodes.get(branch.predictor.path, branch.predictor),
                )
                for branch in self.branches
            ),
        )


@dataclass(frozen=True)
class TaskPlan:
    """A task in a stage; `branch` is the branch whose fields it sees, or None for the trunk."""

    name: str
    node: Node
    weight: float
    branch: str | None


@dataclass(frozen=True)
class StagePlan:
    """One phase: what it draws, minimises and trains; `model` has the stage's options in its configs."""

    name: str
    key: str
    model: ModelPlan
    samplers: tuple[Node, ...]
    tasks: tuple[TaskPlan, ...]
    settings: TrainingSettings
    freeze: tuple[str, ...]
    reset: tuple[str, ...]
    live: frozenset[str] = frozenset()
    """Paths of the nodes that its tasks need; `check` fills it in."""

    @property
    def draws(self) -> frozenset[str]:
        """What its samplers decide."""
        return frozenset(name for sampler in self.samplers for name in sampler.signature.gives)

    @property
    def roles(self) -> frozenset[str]:
        """The roles that its samplers give to rows."""
        return frozenset(name.removeprefix("role:") for name in self.draws if name.startswith("role:"))


@dataclass(frozen=True)
class Plan:
    """A spec resolved: nodes for the model and every stage."""

    spec: Spec
    model: ModelPlan
    stages: tuple[StagePlan, ...]
    inference: frozenset[str] = frozenset()
    """Paths of the nodes that predictions need; `check` fills it in."""
    probabilities: bool = True
    """Whether the final scores are probabilities, or only rank."""


class Resolver:
    """Turns the part specs of one spec into nodes and collects every problem on the way."""

    def __init__(self, catalogue: Catalogue, folder: Path, allow_local_code: bool = False) -> None:
        self.catalogue = catalogue
        self.folder = folder
        self.allow_local_code = allow_local_code
        self.problems: list[Problem] = []

    def node(self, spec: PartSpec, kind: Kind, path: str, key: str) -> Node | None:
        """The node of `spec`, or None after noting its problems."""
        try:
            component = self._component(spec.use, kind)
        except BundleError as error:
            self.problems += [Problem(f"{key}.use", problem.message, problem.suggestions) for problem in error.problems]
            return None
        if component.kind != kind:
            self.problems.append(Problem(f"{key}.use", f"{spec.use} is a {component.kind}; here stands a {kind}"))
            return None
        config = self.config(component, spec.options, key, beside=type(spec).model_fields)
        if config is None:
            return None
        held: dict[str, Node] = {}
        complete = True
        for below, held_kind, held_spec in held_specs(config):
            part = self.node(held_spec, held_kind, f"{path}.{below}", f"{key}.{below}")
            if part is None:
                complete = False
            else:
                held[below] = part
        if not complete:
            return None
        signature = self.signature(component, config, held, key)
        return Node(path, key, component, config, signature, held) if signature else None

    def config(
        self, component: Component, options: Mapping[str, Any], key: str, beside: Iterable[str] = ()
    ) -> BaseModel | None:
        """The component's validated options, or None after noting their problems; `beside` are the spec's own keys."""
        try:
            model = load_target(component.config, key) if component.config else Config
            return model.model_validate(options, context={"folder": self.folder})
        except ValidationError as error:
            self.problems += problems_of(error, model, key, beside)
        except BundleError as error:
            self.problems += error.problems
        return None

    def signature(
        self, component: Component, config: BaseModel, held: Mapping[str, Node], key: str
    ) -> Signature | None:
        """What the component needs and gives with these options, or None after noting why that cannot be told."""
        compute = getattr(config, "signature", None)
        if compute is None:
            return Signature(component.needs, component.gives, component.labels, axes=component.axes)
        try:
            return compute(component, {path: node.signature for path, node in held.items()})
        except ValueError as error:
            self.problems.append(Problem(key, str(error)))
            return None

    def with_options(self, node: Node, options: Mapping[str, Any], key: str) -> Node | None:
        """`node` with a stage's `options` over its own, or None after noting its problems."""
        complete = True
        for name in options:
            if name not in node.component.stage_options:
                allowed = ", ".join(sorted(node.component.stage_options)) or "no option"
                self.problems.append(
                    Problem(f"{key}.{name}", f"{node.component.name} lets a stage change {allowed}, not {name!r}")
                )
                complete = False
        if not complete:
            return None
        config = self.config(node.component, {**node.config.model_dump(exclude_unset=True), **options}, key)
        signature = config and self.signature(node.component, config, node.held, key)
        return replace(node, config=config, signature=signature) if config and signature else None

    def _component(self, use: str, kind: Kind) -> Component:
        if use.endswith(".py") or ".py:" in use:
            return load_local(use, self.folder, kind, self.allow_local_code)[0]
        return self.catalogue.component(use)


def make_plan(spec: Spec, resolver: Resolver) -> Plan | None:
    """The plan of `spec`, not yet checked, or None after `resolver.problems` says why there is none."""
    model = _model(spec, resolver)
    stages: list[StagePlan] = []
    for index, stage in enumerate(spec.phases):
        made = _stage(spec, index, stage, model, resolver)
        if made is not None:
            stages.append(made)
    if model is None or len(stages) < len(spec.phases) or resolver.problems:
        return None
    return Plan(spec, model, tuple(stages))


def _model(spec: Spec, resolver: Resolver) -> ModelPlan | None:
    model = spec.model
    encoder = resolver.node(model.encoder, "encoder", "model.encoder", "model.encoder")
    modules = _label_modules(model.label_modules, "model", "model", resolver)
    branches: list[BranchPlan] = []
    if model.predictor is not None:
        predictor = resolver.node(model.predictor, "predictor", "model.predictor", "model.predictor")
        if predictor is not None:
            branches.append(BranchPlan("main", (), predictor, 1.0))
    for index, branch in enumerate(model.branches):
        path, key = f"model.branches.{branch.name}", f"model.branches.{index}"
        own = _label_modules(branch.label_modules, path, key, resolver)
        predictor = resolver.node(branch.predictor, "predictor", f"{path}.predictor", f"{key}.predictor")
        share = branch.share if branch.share is not None else 1 / len(model.branches)
        if predictor is not None and own is not None:
            branches.append(BranchPlan(branch.name, own, predictor, share))
    if encoder is None or modules is None or len(branches) < max(1, len(model.branches)):
        return None
    return ModelPlan(encoder, modules, tuple(branches))


def _label_modules(specs: list[PartSpec], path: str, key: str, resolver: Resolver) -> tuple[Node, ...] | None:
    nodes = [
        resolver.node(spec, "label_module", f"{path}.label_modules.{index}", f"{key}.label_modules.{index}")
        for index, spec in enumerate(specs)
    ]
    return None if None in nodes else tuple(node for node in nodes if node is not None)


def _stage(spec: Spec, index: int, stage: StageSpec, model: ModelPlan | None, resolver: Resolver) -> StagePlan | None:
    prefix = spec.phase_key(index)
    before = len(resolver.problems)
    samplers = [
        resolver.node(part, "sampler", f"stages.{stage.name}.samplers.{place}", f"{prefix}samplers.{place}")
        for place, part in enumerate(stage.samplers)
    ]
    tasks: list[TaskPlan] = []
    branch_names = [branch.name for branch in spec.model.branches] or ["main"]
    for place, part in enumerate(stage.tasks):
        key = f"{prefix}tasks.{place}"
        node = resolver.node(part, "task", f"tasks.{part.name}", key)
        if part.branch is not None and part.branch not in branch_names:
            resolver.problems.append(
                Problem(f"{key}.branch", f"there is no branch {part.branch!r}", tuple(branch_names))
            )
        if node is not None:
            only = branch_names[0] if len(branch_names) == 1 else None
            tasks.append(TaskPlan(part.name, node, part.weight, part.branch or only))
    if model is None or len(resolver.problems) > before:
        return None
    changed = _changed_nodes(stage, prefix, model, resolver)
    return StagePlan(
        stage.name,
        prefix.rstrip("."),
        model.with_nodes(changed),
        tuple(node for node in samplers if node is not None),
        tuple(tasks),
        spec.phase_training(index),
        tuple(stage.freeze),
        tuple(stage.reset),
    )


def _changed_nodes(stage: StageSpec, prefix: str, model: ModelPlan, resolver: Resolver) -> dict[str, Node]:
    nodes = {node.path: node for node in model.nodes}
    changed: dict[str, Node] = {}
    for path, options in stage.options.items():
        key = f"{prefix}options.{path}"
        if path not in nodes:
            resolver.problems.append(Problem(key, f"no part has the path {path!r}", tuple(sorted(nodes))[:8]))
            continue
        node = resolver.with_options(nodes[path], options, key)
        if node is not None:
            changed[path] = node
    return changed


def resolved(plan: Plan) -> Spec:
    """The spec of `plan` with every default of every component written out: what a run keeps.

    A later release may change a default; a saved run then still means what it meant.
    """
    spec = plan.spec
    model = spec.model.model_copy(
        update={
            "encoder": _written_out(plan.model.encoder),
            "label_modules": [_written_out(node) for node in plan.model.label_modules],
            "predictor": _written_out(plan.model.branches[0].predictor) if spec.model.predictor else None,
            "branches": [
                branch.model_copy(
                    update={
                        "label_modules": [_written_out(node) for node in made.label_modules],
                        "predictor": _written_out(made.predictor),
                        "share": made.share,
                    }
                )
                for branch, made in zip(spec.model.branches, plan.model.branches, strict=False)
            ],
        }
    )
    stages = [
        {
            "samplers": [_written_out(node) for node in stage.samplers],
            "tasks": [_task_written_out(part, task.node) for part, task in zip(phase.tasks, stage.tasks, strict=True)],
        }
        for phase, stage in zip(spec.phases, plan.stages, strict=True)
    ]
    if not spec.stages:
        return spec.model_copy(update={"model": model, **stages[0]})
    phases = [stage.model_copy(update=made) for stage, made in zip(spec.stages, stages, strict=True)]
    return spec.model_copy(update={"model": model, "stages": phases})


def _written_out(node: Node) -> PartSpec:
    return PartSpec(use=node.component.name, **_options(node))


def _task_written_out(spec: TaskSpec, node: Node) -> TaskSpec:
    return TaskSpec(use=spec.use, name=spec.name, weight=spec.weight, branch=spec.branch, **_options(node))


def _options(node: Node) -> dict[str, Any]:
    options = node.config.model_dump(mode="json")
    for below, part in node.held.items():
        name, _, index = below.partition(".")
        written = _written_out(part).model_dump(mode="json")
        if index:
            options[name][int(index)] = written
        else:
            options[name] = written
    return options
