"""What chooses a stage's best checkpoint. No torch: `labelloom check` asks it too."""

from __future__ import annotations

from difflib import get_close_matches

from labelloom.compose.plan import StagePlan
from labelloom.errors import SpecError


def trains_scores(stage: StagePlan) -> bool:
    """Whether a task of the stage trains what the model predicts."""
    return any(task.node.component.trains for task in stage.tasks)


def is_loss(metric: str) -> bool:
    """Whether `metric` is one of the stage's own losses: "loss" is their weighted sum, "loss.<task>" one of them."""
    return metric == "loss" or metric.startswith("loss.")


def is_log(metric: str) -> bool:
    """Whether `metric` is what a task counts beside its loss, "<task>.<log>": more is better."""
    return "." in metric and not is_loss(metric)


def is_of_tasks(metric: str) -> bool:
    """Whether the stage's own tasks tell `metric`, on what its samplers draw."""
    return is_loss(metric) or is_log(metric)


def metric_of(stage: StagePlan) -> str:
    """What chooses the stage's best checkpoint. Raises SpecError for a metric that there is not."""
    metric = stage.settings.metric
    if metric is None:
        return "micro_f1" if trains_scores(stage) else "loss"
    where = f"{stage.key}.training.metric".lstrip(".")
    losses = ["loss", *(f"loss.{task.name}" for task in stage.tasks)]
    logs = [f"{task.name}.{log}" for task in stage.tasks for log in sorted(task.node.component.logs)]
    if is_of_tasks(metric) and metric not in (*losses, *logs):
        from labelloom.evaluation.metrics import METRICS

        counted = f", and its tasks count {', '.join(logs)}" if logs else ""
        raise SpecError(
            f"the stage {stage.name!r} has no {metric!r}; its losses are {', '.join(losses)}{counted}",
            where=where,
            suggestions=get_close_matches(metric, [*losses, *logs, *METRICS], n=3),
        )
    if not is_of_tasks(metric):
        # Metrics compute with numpy and scipy; a spec that names none is checked without importing them.
        from labelloom.evaluation.metrics import find_metric

        find_metric(metric, where=where)
    return metric
