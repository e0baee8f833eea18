"""What parts lack, told once at the root: what only follows from it is named there, and has no message of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from labelloom.bundles import Catalogue
from labelloom.components import Need
from labelloom.compose.flow import Flow, ModelFlow
from labelloom.compose.plan import Node, Plan, StagePlan, TaskPlan
from labelloom.compose.remedies import Remedies
from labelloom.errors import Problem


@dataclass
class _Lack:
    """A need of `node` that nothing meets, where it was first seen; `followers` cannot run without what it gives."""

    node: Node
    need: Need
    flow: Flow
    stage: StagePlan
    elsewhere: Sequence[str]
    followers: dict[str, str] = field(default_factory=dict)


class Lacks:
    """Collects the unmet needs of one plan; `problems` tells each root with its remedies."""

    def __init__(self, plan: Plan, catalogue: Catalogue) -> None:
        self.plan = plan
        self._remedies = Remedies(plan, catalogue)
        self._found: dict[tuple[str, str], _Lack] = {}

    def note(
        self,
        node: Node,
        missing: Sequence[Need],
        flow: Flow,
        stage: StagePlan,
        task: TaskPlan | None = None,
        model: ModelFlow | None = None,
    ) -> bool:
        """Enter what `node` misses, at the parts that it follows from; whether it misses anything.

        `task` and `model` are of a task: it may see the trunk and want what only a branch has.
        """
        for need in missing:
            self._enter(node, need, flow, stage, list(_elsewhere(need, task, model)), ())
        return bool(missing)

    def problems(self) -> list[Problem]:
        """One for each root, in the order in which they were met."""
        return [self._told(lack) for lack in self._found.values()]

    def _enter(
        self,
        node: Node,
        need: Need,
        flow: Flow,
        stage: StagePlan,
        elsewhere: Sequence[str],
        followers: tuple[Node, ...],
    ) -> None:
        earlier, later = _blocked_givers(node, need, flow, stage)
        for giver in earlier:
            for its in flow.blocked[giver.path]:
                self._enter(giver, its, flow, stage, (), (node, *followers))
        if earlier:
            return
        place = (node.key, str(need))
        known = place in self._found
        lack = self._found.setdefault(place, _Lack(node, need, flow, stage, elsewhere))
        lack.followers.update({each.path: each.title for each in followers if each.path != node.path})
        for giver in () if known else later:  # parts that wait for one another would go on without end
            lacks = flow.blocked[giver.path]
            if need not in lacks:  # two parts that each lack what they give are told at the first of them
                for its in lacks:
                    self._enter(giver, its, flow, stage, (), ())

    def _told(self, lack: _Lack) -> Problem:
        flow, need = lack.flow, lack.need
        there = ", ".join(sorted(name for name in flow.given_by)) or "nothing"
        late = _late(need, flow)
        text = f"{lack.node.component.name} needs {need}, {late or f'and nothing here gives it (there: {there})'}"
        reasons = [text, *lack.elsewhere, *self._other_reasons(lack)]
        if lack.followers:
            order = {node.path: place for place, node in enumerate(lack.stage.model.nodes)}
            in_order = sorted(lack.followers, key=lambda path: order.get(path, len(order)))
            reasons.append(f"without it {_listed([lack.followers[path] for path in in_order])} cannot run either")
        remedies = () if late else self._remedies.of(lack.node, need, flow, lack.stage)
        return Problem(lack.node.key, "; ".join(reasons), tuple(dict.fromkeys(remedies)))

    def _other_reasons(self, lack: _Lack) -> Iterator[str]:
        """Parts of the spec that would give what is needed, and why they do not."""
        base = {node.path: node for node in self.plan.model.nodes}
        _, later = _blocked_givers(lack.node, lack.need, lack.flow, lack.stage)
        for giver in later:
            lacks = lack.flow.blocked[giver.path]
            if lack.need not in lacks:
                yield f"{giver.title} would give it after that, but lacks {', '.join(map(str, lacks))}"
        for node in lack.stage.model.nodes:
            gave = node.path != lack.node.path and lack.need.choose(base[node.path].signature.gives)
            if gave and not lack.need.choose(node.signature.gives):
                yield f"{node.title} gives it, but not under the options of stage {lack.stage.name!r}"


def _blocked_givers(node: Node, need: Need, flow: Flow, stage: StagePlan) -> tuple[list[Node], list[Node]]:
    """The parts that would give what `node` needs and cannot run: those before it, and those after it."""
    before: list[Node] = []
    after: list[Node] = []
    now = before
    for other in (*stage.samplers, *stage.model.nodes):
        if other.path == node.path:
            now = after
        elif other.path in flow.blocked and need.choose(other.signature.gives):
            now.append(other)
    return before, after


def _late(need: Need, flow: Flow) -> str:
    """What a blocked part needs may come after it: `flow` is what is there at the end."""
    name = need.choose(flow.given_by)
    return "" if name is None else f"which {flow.given_by[name].title} gives only after it: put that before"


def _elsewhere(need: Need, task: TaskPlan | None, model: ModelFlow | None) -> Iterator[str]:
    """A task that sees the trunk may want what only the branches have."""
    if task is None or model is None or task.branch is not None:
        return
    having = [name for name, flow in model.branches.items() if need.choose(flow.given_by)]
    if having:
        yield f'the branches {", ".join(having)} give it: say which with branch = "{having[0]}"'


def _listed(titles: list[str]) -> str:
    *others, last = titles
    return f"{', '.join(others)} and {last}" if others else last
