"""What the samplers of a stage draw: once, for somebody, and fit for all who see it. Rules of `check`."""

from __future__ import annotations

from collections.abc import Iterator

from labelloom.bundles import Catalogue
from labelloom.components import Component, Need, is_draw, side
from labelloom.compose.flow import Flow, ModelFlow, live_paths
from labelloom.compose.plan import Node, StagePlan, TaskPlan
from labelloom.errors import Problem


def drawn_twice(stage: StagePlan) -> Iterator[Problem]:
    """Two samplers that draw one thing would mix what their readers cannot tell apart."""
    first: dict[str, Node] = {}
    for sampler in stage.samplers:
        taken = sorted(name for name in sampler.signature.gives if first.setdefault(name, sampler) is not sampler)
        if taken:
            yield Problem(
                sampler.key,
                f"{sampler.component.name} draws {', '.join(taken)}, as {first[taken[0]].title} does already",
                ("give each a stage of its own",),
            )


def unread_draws(stage: StagePlan, live: set[str], catalogue: Catalogue) -> Iterator[Problem]:
    """Samplers of whose draws nothing, or not all that the input tells or relates, is read."""
    readers = [node for node in stage.model.nodes if node.path in live]
    readers += [task.node for task in stage.tasks] + list(stage.samplers)
    read = {name for node in readers for name in node.reads}
    named = (name for node in readers for name in (*node.signature.gives, *node.reads))
    if any(side(name, {}) == "label" for name in named if not is_draw(name)):
        read.add("candidates")
    for sampler in stage.samplers:
        unread = sorted(sampler.signature.gives - read)
        if unread and not sampler.signature.gives & read:
            names = ", ".join(unread)
            yield Problem(
                sampler.key,
                f"{sampler.component.name} draws {names}, which nothing in this stage reads",
                tuple(_readers(unread[0], stage, catalogue)) or (f"remove {sampler.component.name}",),
            )
        elif lost := sorted(set(unread) & {"given", "relation"}):
            names = ", ".join(lost)
            yield Problem(
                sampler.key,
                f"{sampler.component.name} draws {names}, which nothing in this stage reads",
                tuple(_readers(lost[0], stage, catalogue)),
            )


def right_labels_alone(stage: StagePlan) -> Iterator[Problem]:
    """A loss on scores that is asked about right labels alone would learn to give every label."""
    for sampler in stage.samplers:
        for task in stage.tasks:
            if sampler.component.only_carried and task.node.component.trains:
                name = sampler.component.name
                yield Problem(
                    task.node.key,
                    f"{task.node.component.name} trains scores, but {name} draws of a document only labels that it "
                    "carries: every label would become likely",
                    (f"give {name} a stage of its own, without {task.node.component.name}",),
                )


def label_sets(stage: StagePlan, live: set[str], flow: ModelFlow, catalogue: Catalogue) -> Iterator[Problem]:
    """Parts and tasks that work only on every label, where a sampler draws a few."""
    if "candidates" not in stage.draws:
        return
    samplers = ", ".join(s.component.name for s in stage.samplers if "candidates" in s.signature.gives)
    tops = [node for node in stage.model.nodes if node.path in live] + [task.node for task in stage.tasks]
    for top in tops:
        for node in top.walk():
            # Where a held part is what needs every label, it is told at its own place and not at its holder's.
            if node.signature.labels == "all" and all(part.signature.labels == "any" for part in node.held.values()):
                others = [
                    f'use = "{component.name}", which works on any labels'
                    for component in _instead(node, top, flow, catalogue)
                ]
                apart = ", ".join(task.name for task in _without(top, stage, flow))
                yield Problem(
                    node.key,
                    f"{node.component.name} works only on every label, but {samplers} draws a few of them",
                    (
                        *(
                            [f"give {samplers} a stage of its own, with the tasks that rest on it: {apart}"]
                            * bool(apart)
                        ),
                        *(others or ['use a part whose record says labels="any"']),
                        f"remove {samplers}",
                    ),
                )


def table_of(component: Component, stage: StagePlan) -> str:
    """The table of the spec in which a component of this kind stands; those of a stage's own stand in the stage."""
    above = "stages." if stage.key else ""
    return {
        "encoder": "[model.encoder]",
        "label_module": "[[model.label_modules]]",
        "predictor": "[model.predictor]",
        "task": f"[[{above}tasks]]",
        "sampler": f"[[{above}samplers]]",
    }[component.kind]


def _readers(draw: str, stage: StagePlan, catalogue: Catalogue) -> Iterator[str]:
    for component in catalogue.components():
        if any(draw in Need.parse(need).alternatives for need in component.needs):
            yield f'{table_of(component, stage)} use = "{component.name}" reads {draw}'


def _instead(node: Node, top: Node, flow: ModelFlow, catalogue: Catalogue) -> Iterator[Component]:
    """Components that could stand in the place of `node` and work on any labels; none for a part that `top` holds."""
    ends = [end for end in flow.branches.values() if node is top and (top.path in end.uses or top.component.trains)]
    for component in catalogue.components():
        if (
            component.kind == node.component.kind
            and component.labels == "any"
            and node.signature.gives <= component.gives
            and bool(component.trains) == bool(node.component.trains)
            and any(_runs(component, end) for end in ends)
        ):
            yield component


def _runs(component: Component, flow: Flow) -> bool:
    needs = [Need.parse(text) for text in component.needs]
    return all(need.optional or need.choose(flow.given_by) for need in needs)


def _without(top: Node, stage: StagePlan, flow: ModelFlow) -> Iterator[TaskPlan]:
    """The tasks that read what the stage draws and do not rest on `top`."""
    for task in stage.tasks:
        here = flow.at(task.branch)
        rests = live_paths(here, here.choose(task.node)[0]) | {task.node.path}
        if top.path not in rests and stage.draws & set(task.node.reads):
            yield task
