"""The spec of a plan with every default written out: what a run keeps."""

from __future__ import annotations

from typing import Any

from labelloom.compose.plan import Node, Plan
from labelloom.config import PartSpec, written_out
from labelloom.spec import Spec, TaskSpec


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
    options = written_out(node.config)
    for below, part in node.held.items():
        name, _, index = below.partition(".")
        written = _written_out(part).model_dump(mode="json")
        if index:
            options[name][int(index)] = written
        else:
            options[name] = written
    return options
