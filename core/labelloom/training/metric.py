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


def metric_of(stage: StagePlan) -> str:
    """What chooses the stage's best checkpoint. Raises SpecError for a metric that there is not."""
    metric = stage.settings.metric
    if metric is None:
        return "micro_f1" if trains_scores(stage) else "loss"
    where = f"{stage.key}.training.metric".lstrip(".")
    losses = ["loss", *(f"loss.{task.name}" for task in stage.tasks)]
    if is_loss(metric) and metric not in losses:
        raise SpecError(
            f"the stage {stage.name!r} has no {metric!r}; its losses are {', '.join(losses)}",
            where=where,
            suggestions=get_close_matches(metric, losses, n=3, cutoff=0.5),
        )
    if not is_loss(metric):
        # Metrics compute with numpy and scipy; a spec that names none is checked without importing them.
        from labelloom.evaluation.metrics import find_metric

        find_metric(metric, where=where)
    return metric
