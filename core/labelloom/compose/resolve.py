"""From a spec to a plan: every component found, its options validated, the parts that it holds beneath it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from labelloom.bundles import Catalogue, component_class, load_local
from labelloom.components import Component, Kind
from labelloom.compose.plan import BranchPlan, ModelPlan, Node, Plan, StagePlan, TaskPlan
from labelloom.config import Config, PartSpec, Signature, held_specs
from labelloom.errors import BundleError, Problem
from labelloom.spec import Spec, StageSpec
from labelloom.spec.problems import problems_of
from labelloom.wording import with_article


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
            first, *others = error.problems
            # A bundle that is at fault is named; of an unknown name the key of the spec says enough.
            told = first.message if first.where == spec.use else f"{first.where}: {first.message}"
            self.problems.append(Problem(f"{key}.use", told, first.suggestions))
            self.problems += [problem for problem in others if problem not in self.problems]
            return None
        if component.kind != kind:
            message = f"{spec.use} is {with_article(component.kind)}; {with_article(kind)} is expected here"
            self.problems.append(Problem(f"{key}.use", message, (f"labelloom list {kind.replace('_', '-')}s",)))
            return None
        config = self.config(component, spec.options, key, beside=type(spec).model_fields)
        if config is None:
            return None
        held: dict[str, Node] = {}
        faulty: list[PartSpec] = []
        for below, held_kind, held_spec in held_specs(config):
            # An option that by default is another one's part is that very spec: what is wrong with it is told once.
            if any(held_spec is other for other in faulty):
                continue
            part = self.node(held_spec, held_kind, f"{path}.{below}", f"{key}.{below}")
            if part is None:
                faulty.append(held_spec)
            else:
                held[below] = part
        if faulty:
            return None
        signature = self.signature(component, config, held, key)
        return Node(path, key, component, config, signature, held) if signature else None

    def config(
        self, component: Component, options: Mapping[str, Any], key: str, beside: Iterable[str] = ()
    ) -> BaseModel | None:
        """The component's validated options, or None after noting their problems; `beside` are the spec's own keys."""
        try:
            model = component_class(component, component.config, key) if component.config else Config
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

    def with_options(self, node: Node, path: str, options: Mapping[str, Any], key: str) -> Node | None:
        """`node` with a stage's `options` over those of the part at `path`, itself or one beneath it.

        What its holders need and give is told anew. None after noting the problems.
        """
        for below, part in node.held.items():
            if path == part.path or path.startswith(f"{part.path}."):
                changed = self.with_options(part, path, options, key)
                if changed is None:
                    return None
                held = {**node.held, below: changed}
                outer = self.signature(node.component, node.config, held, node.key)
                return replace(node, held=held, signature=outer) if outer else None
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
        return self.catalogue.component(use, kind)


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
    # They add up to 1 but for what a spec rounds.
    whole = sum(branch.share or 1 / len(model.branches) for branch in model.branches)
    for index, branch in enumerate(model.branches):
        path, key = f"model.branches.{branch.name}", f"model.branches.{index}"
        own = _label_modules(branch.label_modules, path, key, resolver)
        predictor = resolver.node(branch.predictor, "predictor", f"{path}.predictor", f"{key}.predictor")
        share = branch.share if branch.share is not None else 1 / len(model.branches)
        if predictor is not None and own is not None:
            branches.append(BranchPlan(branch.name, own, predictor, share / whole))
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
        stage.training,
        tuple(stage.freeze),
        tuple(stage.reset),
    )


def _changed_nodes(stage: StageSpec, prefix: str, model: ModelPlan, resolver: Resolver) -> dict[str, Node]:
    """The nodes of the model that the stage's options change, in themselves or beneath them, by path."""
    changed = {node.path: node for node in model.nodes}
    top_of = {node.path: top.path for top in model.nodes for node in top.walk()}
    for path, options in stage.options.items():
        key = f"{prefix}options.{path}"
        if path not in top_of:
            close = get_close_matches(path, top_of, n=3, cutoff=0.4)
            resolver.problems.append(Problem(key, f"no part has the path {path!r}", tuple(close or sorted(top_of))))
            continue
        node = resolver.with_options(changed[top_of[path]], path, options, key)
        if node is not None:
            changed[node.path] = node
    return changed
