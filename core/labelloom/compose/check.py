"""Whether the parts of a plan fit together: every rule of the contract that needs no data and no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from labelloom.bundles import Catalogue
from labelloom.components import Need, is_draw, side
from labelloom.compose.draws import drawn_twice, label_sets, right_labels_alone, table_of, unread_draws
from labelloom.compose.flow import Flow, ModelFlow, live_paths, model_flow
from labelloom.compose.iteration import iteration_problems
from labelloom.compose.plan import BranchPlan, Node, Plan, StagePlan, TaskPlan
from labelloom.compose.resolve import Resolver, make_plan
from labelloom.compose.scale import scale_in, scale_of_scores
from labelloom.errors import CompositionError, Problem
from labelloom.spec import Spec


def check(
    spec: Spec, folder: Path | None = None, catalogue: Catalogue | None = None, allow_local_code: bool = False
) -> Plan:
    """The checked plan of `spec`.

    Raises:
        CompositionError: with every problem found: names, options, needs that nothing meets, parts and draws that
            nothing uses, label sets that do not match.
    """
    catalogue = catalogue or Catalogue()
    resolver = Resolver(catalogue, folder or Path.cwd(), allow_local_code)
    plan = make_plan(spec, resolver)
    if plan is None:
        raise CompositionError.from_problems(resolver.problems)
    plan, problems = Checker(plan, catalogue).run()
    if problems:
        raise CompositionError.from_problems(problems)
    return plan


class Checker:
    """One pass over a plan; `run` gives the plan with its live parts filled in, and the problems."""

    def __init__(self, plan: Plan, catalogue: Catalogue) -> None:
        self.plan = plan
        self.catalogue = catalogue

    def run(self) -> tuple[Plan, list[Problem]]:
        """Check everything; parts that nothing uses are told only when nothing else is wrong."""
        problems = [problem for node in self.plan.model.nodes for problem in check_held(node, self.catalogue)]
        problems += self._sides()
        problems += self._tasks()
        inference, unmet = self._inference()
        stages: list[StagePlan] = []
        for stage in self.plan.stages:
            live, found = self._stage(stage, {problem.where for problem in unmet})
            stages.append(replace(stage, live=frozenset(live)))
            problems += found
        problems += unmet
        scale, found = scale_of_scores(self.plan)
        problems += found or iteration_problems(self.plan.model, frozenset(inference), scale)
        stages = [replace(stage, scale=scale_in(self.plan, place, scale)) for place, stage in enumerate(stages)]
        plan = replace(self.plan, stages=tuple(stages), inference=frozenset(inference), scale=scale)
        return plan, _distinct(problems or list(self._unused(plan)))

    # One stage.

    def _stage(self, stage: StagePlan, told: set[str]) -> tuple[set[str], list[Problem]]:
        """What is live in a stage, and its problems; `told` are the keys of predictors that cannot run at all."""
        flow = model_flow(stage.model, stage.samplers)
        stuck = {branch.name for branch in stage.model.branches if branch.predictor.key in told}
        live: set[str] = set()
        problems: list[Problem] = []
        for sampler in stage.samplers:
            problems += self._unmet(sampler, flow.trunk.blocked.get(sampler.path, []), flow.trunk, stage)
        for task in stage.tasks:
            here = flow.at(task.branch)
            chosen, missing = here.choose(task.node)
            if task.branch in stuck:
                missing = [need for need in missing if "scores" not in need.alternatives]
            problems += self._unmet(task.node, missing, here, stage, task, flow)
            live |= live_paths(here, chosen)
        problems += self._changed_holders(stage, live)
        problems += drawn_twice(stage)
        if not problems and not stuck:
            problems += unread_draws(stage, live, self.catalogue)
        one_sided = [] if problems else list(right_labels_alone(stage))
        problems += one_sided or label_sets(stage, live, flow, self.catalogue)
        problems += self._paths(stage)
        return live, problems

    def _changed_holders(self, stage: StagePlan, live: set[str]) -> Iterator[Problem]:
        """The stage's options may leave a held part without what its holder, or its neighbours, rest on."""
        base = self.plan.model.nodes
        for node, before in zip(stage.model.nodes, base, strict=True):
            if node.path in live and node != before:
                for problem in check_held(node, self.catalogue):
                    message = f"under the options of stage {stage.name!r}, {problem.message}"
                    yield Problem(problem.where, message, problem.suggestions)

    def _unmet(
        self,
        node: Node,
        missing: Sequence[Need],
        flow: Flow,
        stage: StagePlan,
        task: TaskPlan | None = None,
        model: ModelFlow | None = None,
    ) -> Iterator[Problem]:
        there = ", ".join(sorted(name for name in flow.given_by)) or "nothing"
        for need in missing:
            late = list(self._late(need, flow))
            reasons = [
                *(late or [f"and nothing here gives it (there: {there})"]),
                *self._elsewhere(need, task, model),
                *self._blockers(need, flow, stage, {node.path}),
            ]
            remedies = self._remedies(need, flow, stage, {node.path})
            text = f"{node.component.name} needs {need}, {'; '.join(reasons)}"
            yield Problem(node.key, text, () if late else tuple(dict.fromkeys(remedies)))

    def _elsewhere(self, need: Need, task: TaskPlan | None, model: ModelFlow | None) -> Iterator[str]:
        """A task that sees the trunk may want what only the branches have."""
        if task is None or model is None or task.branch is not None:
            return
        having = [name for name, flow in model.branches.items() if need.choose(flow.given_by)]
        if having:
            yield f'the branches {", ".join(having)} give it: say which with branch = "{having[0]}"'

    def _late(self, need: Need, flow: Flow) -> Iterator[str]:
        """What a blocked part needs may come after it: `flow` is what is there at the end."""
        name = need.choose(flow.given_by)
        if name is not None:
            yield f"which {flow.given_by[name].title} gives only after it: put that before"

    def _blockers(self, need: Need, flow: Flow, stage: StagePlan, asked: set[str]) -> Iterator[str]:
        """Parts of the spec that would give what is needed, and why they do not; each path is entered in `asked`."""
        base = {node.path: node for node in self.plan.model.nodes}
        for node in stage.model.nodes:
            if node.path in asked:
                continue
            name = need.choose(node.signature.gives)
            if name and node.path in flow.blocked:
                asked.add(node.path)
                lacks = flow.blocked[node.path]
                yield f"{node.title} would give {name} but lacks {', '.join(str(lack) for lack in lacks)}"
                for lack in lacks:
                    yield from self._late(lack, flow)
                    yield from self._blockers(lack, flow, stage, asked)
            elif need.choose(base[node.path].signature.gives) and not name:
                yield f"{node.title} gives it, but not under the options of stage {stage.name!r}"

    def _remedies(self, need: Need, flow: Flow, stage: StagePlan, asked: set[str]) -> Iterator[str]:
        """What would give what is needed: first what parts of the spec lack that would give it, then other parts."""
        for node in stage.model.nodes:
            if node.path not in asked and node.path in flow.blocked and need.choose(node.signature.gives):
                asked.add(node.path)
                for lack in flow.blocked[node.path]:
                    yield from self._remedies(lack, flow, stage, asked)
        yield from self._suppliers(need, flow, stage)

    def _suppliers(self, need: Need, flow: Flow, stage: StagePlan) -> Iterator[str]:
        """Installed components that give what is needed, those that could run here first."""
        found: dict[str, tuple[int, str]] = {}
        present = {node.component.name for node in self.plan.model.nodes}
        for name in need.alternatives:
            for component in self.catalogue.suppliers(name):
                if component.name in found or component.name in present or component.kind == "task":
                    continue
                lacking = [
                    text for text in sorted(component.needs) if _lacks(text, flow) and not is_draw(text.rstrip("?"))
                ]
                hint = f'{table_of(component, stage)} use = "{component.name}" gives {name}'
                if lacking:
                    hint += f" (it needs {', '.join(lacking)})"
                # An encoder replaces what is there; a label module or sampler only joins it.
                found[component.name] = (len(lacking) * 2 + (component.kind == "encoder"), hint)
        yield from (hint for _, hint in sorted(found.values()))

    def _paths(self, stage: StagePlan) -> Iterator[Problem]:
        nodes = [*self.plan.model.nodes, *(task.node for s in self.plan.stages for task in s.tasks)]
        known = {node.path for top in nodes for node in top.walk()} | {"model", "tasks"}
        known |= {f"model.branches.{branch.name}" for branch in self.plan.model.branches if branch.name != "main"}
        prefix = f"{stage.key}." if stage.key else ""
        for field, paths in (("freeze", stage.freeze), ("reset", stage.reset)):
            for index, path in enumerate(paths):
                if path not in known:
                    close = get_close_matches(path, sorted(known), n=3, cutoff=0.4)
                    yield Problem(f"{prefix}{field}.{index}", f"no part has the path {path!r}", tuple(close))
        for path in stage.settings.rates:
            if path not in known:
                close = get_close_matches(path, sorted(known), n=3, cutoff=0.4)
                own = stage.own_settings and path in stage.own_settings.rates
                where = f"{prefix}training.rates" if own else "training.rates"
                yield Problem(where, f"no part has the path {path!r}", tuple(close))

    # The whole plan.

    def _sides(self) -> Iterator[Problem]:
        """A document side must not depend on which labels are under consideration."""
        nodes = [node for top in self.plan.model.nodes for node in top.walk()]
        axes = {name: own for node in nodes for name, own in {**node.component.axes, **node.signature.axes}.items()}
        for node in nodes:
            if node.signature.labels != "all" and node.component.kind != "encoder":
                takes = [name for name in node.reads if not is_draw(name)]
                makes = sorted(n for n in node.signature.gives if side(n, axes) == "document")
                from_labels = sorted(n for n in takes if side(n, axes) == "label")
                if makes and from_labels:
                    yield Problem(
                        node.key,
                        f"{node.component.name} makes {', '.join(makes)} from {', '.join(from_labels)}, so its record "
                        'must say labels="all": the document side may not depend on which labels are asked about',
                    )

    def _tasks(self) -> Iterator[Problem]:
        first: dict[str, TaskPlan] = {}
        for stage in self.plan.stages:
            seen: set[str] = set()
            for task in stage.tasks:
                if task.name in seen:
                    yield Problem(f"{task.node.key}.name", f"two tasks are called {task.name!r}: give one another name")
                    continue
                seen.add(task.name)
                before = first.setdefault(task.name, task)
                if before.node.component != task.node.component or before.branch != task.branch:
                    yield Problem(
                        f"{task.node.key}.name",
                        f"a task of one name is one task in every stage, but {task.name!r} is "
                        f"{before.node.component.name} on {before.branch or 'the trunk'} at {before.node.key} and "
                        f"{task.node.component.name} on {task.branch or 'the trunk'} here",
                    )
                elif before.node.config != task.node.config:
                    yield Problem(
                        task.node.key,
                        f"the task {task.name!r} has other options here than at {before.node.key}: "
                        "give it another name",
                    )

    def _inference(self) -> tuple[set[str], list[Problem]]:
        """Predictions draw nothing: every part that makes scores must run without samplers."""
        flow = model_flow(self.plan.model)
        live: set[str] = set()
        problems: list[Problem] = []
        scorers = self.plan.stages[-1]
        for branch in self.plan.model.branches:
            here = flow.branches[branch.name]
            missing = here.blocked.get(branch.predictor.path, [])
            problems += self._unmet(branch.predictor, missing, here, replace(scorers, model=self.plan.model))
            if not missing:
                live |= live_paths(here, {"scores": branch.predictor})
                problems += self._dropped(branch, live)
        return live, problems

    def _dropped(self, branch: BranchPlan, live: set[str]) -> Iterator[Problem]:
        """Parts that a branch's scores rest on in training must not fall away where nothing is drawn."""
        scoring = [
            s for s in self.plan.stages if any(t.branch == branch.name and t.node.component.trains for t in s.tasks)
        ]
        if not scoring:
            return
        flow = model_flow(scoring[-1].model, scoring[-1].samplers).branches[branch.name]
        if branch.predictor.path in flow.blocked:
            return
        for node in self.plan.model.nodes:
            if node.path in live_paths(flow, {"scores": branch.predictor}) - live:
                draws = sorted(need for need in node.signature.needs if is_draw(need) and not need.endswith("?"))
                yield Problem(
                    node.key,
                    f"the scores rest on {node.component.name} in stage {scoring[-1].name!r} and not in predictions, "
                    f"where nothing is drawn: it needs {', '.join(draws) or 'what only that stage has'}",
                    tuple(f'its record may say "{draw}?", if it can do without' for draw in draws),
                )

    def _unused(self, plan: Plan) -> Iterator[Problem]:
        used = set().union(*(stage.live for stage in plan.stages))
        last = plan.stages[-1]
        flow = model_flow(last.model, last.samplers)
        for node in plan.model.nodes:
            blocked = next((here for here in flow.branches.values() if node.path in here.blocked), None)
            if node.path not in used and blocked:
                yield from self._unmet(node, blocked.blocked[node.path], blocked, last)
            elif node.path not in used:
                gives = ", ".join(sorted(node.signature.gives)) or "nothing"
                yield Problem(
                    node.key,
                    f"nothing uses {node.component.name}: no task of any stage rests on what it gives ({gives})",
                    (f"remove {node.key}", f"add a task or part that needs {gives}"),
                )


def check_held(node: Node, catalogue: Catalogue) -> Iterator[Problem]:
    """Whether the parts that `node` holds get from it what they need and give what it relies on."""
    for below, part in node.held.items():
        promise = node.signature.holds.get(below)
        fed = promise.fed if promise else frozenset()
        for text in sorted(part.signature.needs):
            need = Need.parse(text)
            if need.optional or need.choose(fed) or text in node.signature.needs:
                continue
            there = ", ".join(sorted(fed)) or "nothing"
            yield Problem(part.key, f"{part.component.name} needs {need}; inside {node.component.name} is {there}")
        for name in sorted((promise.must_give if promise else frozenset()) - part.signature.gives):
            gives = ", ".join(sorted(part.signature.gives)) or "nothing"
            yield Problem(
                part.key,
                f"{node.component.name} needs {name} from the part that it holds here, and {part.component.name} "
                f"gives {gives}",
                tuple(
                    f'use = "{component.name}" gives {name}'
                    for component in catalogue.suppliers(name)
                    if component.kind == part.component.kind
                ),
            )
        yield from check_held(part, catalogue)


def _lacks(text: str, flow: Flow) -> bool:
    need = Need.parse(text)
    return not need.optional and need.choose(flow.given_by) is None


def _distinct(problems: Iterable[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


__all__ = ["Checker", "check", "check_held"]
