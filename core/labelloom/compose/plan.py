"""A spec resolved: nodes for the model and every stage.

Nothing here imports torch: a plan is made of records, configs and paths alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pydantic import BaseModel

from labelloom.components import Component, Need, Scale
from labelloom.config import Signature
from labelloom.spec import Spec, TrainingSettings


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

    @property
    def reads(self) -> tuple[str, ...]:
        """Every name that would meet one of its needs."""
        return tuple(name for need in self.signature.needs for name in Need.parse(need).alternatives)

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
    own_settings: TrainingSettings | None
    freeze: tuple[str, ...]
    reset: tuple[str, ...]
    live: frozenset[str] = frozenset()
    """Paths of the nodes that its tasks need; `check` fills it in."""
    scale: Scale | None = None
    """What all scores are in it, None where those of the branches are of several kinds; `check` fills it in."""

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
    scale: Scale = "probabilities"
    """What the final scores are."""
