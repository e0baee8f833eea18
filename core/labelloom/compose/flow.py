"""How fields pass through a model: what is there when each part's turn comes, and what the tasks make live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from labelloom.components import Need
from labelloom.compose.plan import ModelPlan, Node


@dataclass
class Flow:
    """What is there after a sequence of parts, who gave it, and which parts cannot run.

    `given_by` maps a field or draw to the node that gave it last; `uses` maps a path to what that part takes, by name;
    `blocked` maps the path of a part that cannot run to the needs that nothing meets.
    """

    given_by: dict[str, Node] = field(default_factory=dict)
    uses: dict[str, dict[str, Node]] = field(default_factory=dict)
    blocked: dict[str, list[Need]] = field(default_factory=dict)

    def copy(self) -> Flow:
        """An independent flow that starts where this one is."""
        return Flow(dict(self.given_by), dict(self.uses), dict(self.blocked))

    def choose(self, node: Node) -> tuple[dict[str, Node], list[Need]]:
        """What `node` would take from here, by name, and the needs that nothing here meets."""
        chosen: dict[str, Node] = {}
        missing: list[Need] = []
        for text in sorted(node.signature.needs):
            need = Need.parse(text)
            name = need.choose(self.given_by)
            if name is not None:
                chosen[name] = self.given_by[name]
            elif not need.optional:
                missing.append(need)
        return chosen, missing

    def run(self, nodes: Iterable[Node]) -> Flow:
        """Pass through `nodes` in order; a part whose needs are unmet is blocked and gives nothing."""
        for node in nodes:
            chosen, missing = self.choose(node)
            if missing:
                self.blocked[node.path] = missing
                continue
            self.uses[node.path] = chosen
            self.given_by.update(dict.fromkeys(node.signature.gives, node))
        return self


@dataclass(frozen=True)
class ModelFlow:
    """The flow at the end of the trunk and at the end of each branch."""

    trunk: Flow
    branches: Mapping[str, Flow]

    def at(self, branch: str | None) -> Flow:
        """What a task on `branch` (None: the trunk) sees."""
        return self.trunk if branch is None else self.branches[branch]


def model_flow(model: ModelPlan, samplers: Sequence[Node] = ()) -> ModelFlow:
    """Pass through samplers, trunk and branches."""
    trunk = Flow().run(samplers).run(model.trunk)
    return ModelFlow(trunk, {branch.name: trunk.copy().run(branch.nodes) for branch in model.branches})


def live_paths(flow: Flow, wanted: Mapping[str, Node]) -> set[str]:
    """The paths of all parts of the model that those in `wanted` rest on, themselves included; samplers are none."""
    live: set[str] = set()
    queue = list(wanted.values())
    while queue:
        node = queue.pop()
        if node.path not in live and node.component.kind != "sampler":
            live.add(node.path)
            queue += flow.uses.get(node.path, {}).values()
    return live
