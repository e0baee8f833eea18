"""Whether the parts of a plan fit together: every rule of the contract that needs no data and no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from labelloom.bundles import Catalogue
from labelloom.components import Need, is_draw, side
from labelloom.compose.draws import drawn_twice, label_sets, right_labels_alone, unread_draws
from labelloom.compose.flow import live_paths, model_flow
from labelloom.compose.iteration import iteration_problems
from labelloom.compose.lacks import Lacks
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
        self.lacks = Lacks(plan, catalogue)

    def run(self) -> tuple[Plan, list[Problem]]:
        """Check everything; parts that nothing uses are told only when nothing else is wrong."""
        problems = [problem for node in self.plan.model.nodes for problem in check_held(node, self.catalogue)]
        problems += self._sides()
        problems += self._tasks()
        inference, stuck, dropped = self._inference()
        stages: list[StagePlan] = []
        others: list[Problem] = []
        for stage in self.plan.stages:
            live, found = self._stage(stage, stuck)
            stages.append(replace(stage, live=frozenset(live)))
            others += found
        problems += [*self.lacks.problems(), *others, *dropped]
        scale, found = scale_of_scores(self.plan)
        problems += found or iteration_problems(self.plan.model, frozenset(inference), scale)
        stages = [replace(stage, scale=scale_in(self.plan, place, scale)) for place, stage in enumerate(stages)]
        plan = replace(self.plan, stages=tuple(stages), inference=frozenset(inference), scale=scale)
        return plan, _distinct(problems or list(self._unused(plan)))

    # One stage.

    def _stage(self, stage: StagePlan, stuck: set[str]) -> tuple[set[str], list[Problem]]:
        """What is live in a stage, and its problems but for lacks; branches that are `stuck` cannot score at all."""
        flow = model_flow(stage.model, stage.samplers)
        live: set[str] = set()
        lacking = False
        for sampler in stage.samplers:
            lacking |= self.lacks.note(sampler, flow.trunk.blocked.get(sampler.path, []), flow.trunk, stage)
        for task in stage.tasks:
            here = flow.at(task.branch)
            chosen, missing = here.choose(task.node)
            if task.branch in stuck:
                missing = [need for need in missing if "scores" not in need.alternatives]
            lacking |= self.lacks.note(task.node, missing, here, stage, task, flow)
            live |= live_paths(here, chosen)
        problems = [*self._changed_holders(stage, live), *drawn_twice(stage)]
        if not lacking and not problems and not stuck:
            problems += unread_draws(stage, live, self.catalogue)
        one_sided = [] if lacking or problems else list(right_labels_alone(stage))
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

    def _inference(self) -> tuple[set[str], set[str], list[Problem]]:
        """Predictions draw nothing: every part that makes scores must run without samplers.

        The paths that are live in them, the branches that lack what they need, and other problems.
        """
        flow = model_flow(self.plan.model)
        live: set[str] = set()
        stuck: set[str] = set()
        problems: list[Problem] = []
        scorers = self.plan.stages[-1]
        for branch in self.plan.model.branches:
            here = flow.branches[branch.name]
            missing = here.blocked.get(branch.predictor.path, [])
            if self.lacks.note(branch.predictor, missing, here, replace(scorers, model=self.plan.model)):
                stuck.add(branch.name)
            else:
                live |= live_paths(here, {"scores": branch.predictor})
                problems += self._dropped(branch, live)
        return live, stuck, problems

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
                self.lacks.note(node, blocked.blocked[node.path], blocked, last)
            elif node.path not in used:
                gives = ", ".join(sorted(node.signature.gives)) or "nothing"
                yield Problem(
                    node.key,
                    f"nothing uses {node.component.name}: no task of any stage rests on what it gives ({gives})",
                    (f"remove {node.key}", f"add a task or part that needs {gives}"),
                )
        yield from self.lacks.problems()


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


def _distinct(problems: Iterable[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


__all__ = ["Checker", "check", "check_held"]
