"""What a model's scores are: probabilities, a distribution over the labels, or only an order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from labelloom.components import Scale
from labelloom.compose.plan import BranchPlan, Plan, StagePlan
from labelloom.errors import Problem
from labelloom.spec.decision import DecisionSettings

_TOLD: dict[Scale, str] = {
    "probabilities": "probabilities of each label",
    "distribution": "a distribution over all labels",
}


def scale_of_scores(plan: Plan) -> tuple[Scale, list[Problem]]:
    """What the losses of the last stage that trains a branch's scores make of them, and what does not fit.

    Branches are averaged, so all must have scores of one kind, and not only an order; a fixed threshold needs
    probabilities.
    """
    problems: list[Problem] = []
    scales: dict[str, Scale] = {}
    for branch in plan.model.branches:
        trains = _trained(plan.stages, branch)
        scales[branch.name] = _scale(trains)
        if {"probabilities", "distribution"} <= trains:
            problems.append(
                Problem(
                    branch.predictor.key,
                    f"one loss trains the scores of the branch {branch.name!r} as probabilities of each label, another "
                    "as a distribution over all labels: they cannot be both",
                    ("keep one of the two losses",),
                )
            )
        if len(plan.model.branches) > 1 and scales[branch.name] == "ranks":
            how = "trained to rank only" if trains else "trained by no loss that makes them probabilities"
            problems.append(
                Problem(
                    branch.predictor.key,
                    f"the scores of the branch {branch.name!r} are {how}: they are no probabilities and "
                    "cannot be averaged with those of other branches",
                    (f'add a task that trains probabilities, with branch = "{branch.name}"',),
                )
            )
    scale: Scale = "ranks" if "ranks" in scales.values() else scales[plan.model.branches[0].name]
    problems = problems or list(_unlike(plan, scales)) or list(undecidable(plan.spec.decision, scale))
    return scale, problems


def scale_in(plan: Plan, number: int, final: Scale) -> Scale | None:
    """What the losses up to stage `number` make of all scores, as the last that trains each branch says.

    A branch that none of them trains is read as the others are, and all as in the end, `final`, where none is trained.
    None where the branches' scores are of several kinds, or have no average.
    """
    trained = [_trained(plan.stages[: number + 1], branch) for branch in plan.model.branches]
    found = {_scale(trains) for trains in trained if trains} or {final}
    if len(found) > 1 or (found == {"ranks"} and len(trained) > 1):
        return None
    return found.pop()


def _trained(stages: Sequence[StagePlan], branch: BranchPlan) -> frozenset[str]:
    trains: frozenset[str] = frozenset()
    for stage in stages:
        here = frozenset(task.node.component.trains for task in stage.tasks if task.branch == branch.name) - {""}
        trains = frozenset(here) or trains
    return trains


def _scale(trains: frozenset[str]) -> Scale:
    if "probabilities" in trains:
        return "probabilities"
    return "distribution" if "distribution" in trains else "ranks"


def _unlike(plan: Plan, scales: Mapping[str, Scale]) -> Iterator[Problem]:
    first, *others = plan.model.branches
    for branch in others:
        if scales[branch.name] != scales[first.name]:
            yield Problem(
                branch.predictor.key,
                f"the scores of the branch {branch.name!r} are {_TOLD[scales[branch.name]]}, those of {first.name!r} "
                f"{_TOLD[scales[first.name]]}: their average would mean nothing",
                ("train all branches by losses of one kind",),
            )


def undecidable(decision: DecisionSettings, scale: Scale) -> Iterator[Problem]:
    """What of the decision needs probabilities, where scores are none."""
    if scale == "probabilities":
        return
    what = "rank only" if scale == "ranks" else "share 1 among all labels"
    if decision.calibration == "temperature":
        yield Problem(
            "decision.calibration",
            f"a temperature divides logits of probabilities, and the losses of this model train its scores to {what}",
            ('calibration = "platt"',),
        )
    if decision.rule == "fixed" and decision.calibration != "platt":
        yield Problem(
            "decision.rule",
            f"a fixed threshold is a probability, and the losses of this model train its scores to {what}",
            ('rule = "fitted"', 'rule = "top-k"', 'calibration = "platt"'),
        )
