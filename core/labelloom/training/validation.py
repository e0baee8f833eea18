"""What a stage is worth on the validation split: metrics where it trains scores, else its own losses."""

from __future__ import annotations

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import gather_object

from labelloom.components import Scale
from labelloom.compose.model import Assembly
from labelloom.data.columns import Columns
from labelloom.data.corpus import Split
from labelloom.errors import RunError
from labelloom.evaluation.decision import fit_decision
from labelloom.evaluation.metrics import evaluate, find_metric
from labelloom.evaluation.ranking import Ranking
from labelloom.runs.scoring import gathered, ranked_batches
from labelloom.spec.decision import DecisionSettings
from labelloom.training.feed import Feed
from labelloom.training.stage import StageModule


def rank_shared(assembly: Assembly, columns: Columns, label_count: int, batch_size: int) -> Ranking:
    """The ranking of every document of `columns`; the processes share the batches and all get the whole."""
    state = PartialState()
    mine = ranked_batches(assembly.model, columns, label_count, batch_size, state.process_index, state.num_processes)
    if state.num_processes == 1:
        return gathered(mine, len(columns), label_count)
    batches, failed = [], None
    try:
        batches = list(mine)
    except RunError as error:
        failed = error
    # A process that left here would keep the others waiting, so what went wrong in one is raised by all.
    failures = [text for text in gather_object([failed and str(failed)]) if text is not None]
    batches = gather_object(batches)
    if failures:
        raise RunError(failures[0])
    return gathered(batches, len(columns), label_count)


def metrics_on(
    ranking: Ranking,
    split: Split,
    metric: str,
    decision: DecisionSettings,
    scale: Scale,
    propensities: np.ndarray,
) -> dict[str, float]:
    """The metrics, `metric` among them, under the decision rule fitted on this split; `scale` is that of its scores."""
    fitted = fit_decision(decision, ranking, split.label_sets, scale=scale)
    _, at, k = metric.partition("@")
    extra = {metric: find_metric(metric)} if "/" in metric else {}
    ks = sorted({1, 3, 5, int(k)}) if at and not extra else (1, 3, 5)
    return evaluate(
        split.label_sets,
        fitted.decide(ranking),
        fitted.calibrated(ranking),
        ks,
        probabilities=fitted.gives_probabilities(scale),
        propensities=propensities,
        extra=extra,
    )


@torch.no_grad()
def losses_on(module: StageModule, feed: Feed, accelerator: Accelerator, batch_size: int) -> dict[str, float]:
    """The stage's losses on `feed`, in eval mode, and what its tasks count beside them.

    "loss" is the weighted sum, "loss.<task>" each task's mean, "<task>.<log>" the mean of each of its logs.
    """
    tasks = module.stage.tasks
    logs = [sorted(task.node.component.logs) for task in tasks]
    sums = [torch.zeros(2 + len(names), device=accelerator.device) for names in logs]
    module.eval()
    for batch, targets in feed.all(batch_size):
        losses = module.losses(batch.to(accelerator.device), targets.to(accelerator.device))
        for own, loss, names in zip(sums, losses, logs, strict=True):
            told = (loss.count, loss.total, *(loss.logs[name] for name in names))
            own += torch.stack([torch.as_tensor(value).to(own) for value in told])
    module.train()
    weighted, each, beside = 0.0, {}, {}
    for task, own, names in zip(tasks, accelerator.reduce(sums, "sum"), logs, strict=True):
        mean, *logged = (own[1:] / own[0].clamp(min=1)).tolist()
        weighted += task.weight * mean
        each[f"loss.{task.name}"] = mean
        beside.update({f"{task.name}.{name}": value for name, value in zip(names, logged, strict=True)})
    return {"loss": weighted, **each, **beside}
