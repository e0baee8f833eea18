"""What a stage is worth on the validation split: metrics where it trains scores, else its own losses."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from labelloom.compose.model import Assembly
from labelloom.compose.plan import StagePlan
from labelloom.data.columns import Columns
from labelloom.data.corpus import Split
from labelloom.evaluation.decision import fit_decision
from labelloom.evaluation.metrics import evaluate, higher_is_better
from labelloom.evaluation.ranking import Ranking
from labelloom.runs.scoring import gathered, ranked_batches
from labelloom.spec.decision import DecisionSettings
from labelloom.training.feed import Feed
from labelloom.training.stage import StageModule


def trains_scores(stage: StagePlan) -> bool:
    """Whether a task of the stage trains what the model predicts."""
    return any(task.node.component.trains for task in stage.tasks)


def metric_of(stage: StagePlan) -> str:
    """What chooses the stage's best checkpoint. Raises SpecError for a metric that there is not."""
    metric = stage.settings.metric or ("micro_f1" if trains_scores(stage) else "loss")
    if not is_loss(metric):
        higher_is_better(metric)
    return metric


def is_loss(metric: str) -> bool:
    """Whether `metric` is one of the stage's own losses: "loss" is their weighted sum, "loss.<task>" one of them."""
    return metric == "loss" or metric.startswith("loss.")


def rank_shared(
    assembly: Assembly, columns: Columns, label_count: int, batch_size: int, accelerator: Accelerator
) -> Ranking:
    """The ranking of every document of `columns`; the processes share the batches and all get the whole."""
    mine = ranked_batches(
        assembly.model, columns, label_count, batch_size, accelerator.process_index, accelerator.num_processes
    )
    batches = gather_object(list(mine)) if accelerator.num_processes > 1 else mine
    return gathered(batches, len(columns), label_count)


def metrics_on(
    ranking: Ranking, split: Split, metric: str, decision: DecisionSettings, probabilities: bool
) -> dict[str, float]:
    """The metrics, `metric` among them, under the decision rule fitted on this very split."""
    fitted = fit_decision(decision, ranking, split.label_sets, probabilities=probabilities)
    _, at, k = metric.partition("@")
    ks = sorted({1, 3, 5, int(k)}) if at else (1, 3, 5)
    return evaluate(split.label_sets, fitted.decide(ranking), ranking, ks)


@torch.no_grad()
def losses_on(module: StageModule, feed: Feed, accelerator: Accelerator, batch_size: int) -> dict[str, float]:
    """The stage's losses on `feed`, in eval mode: "loss", their weighted sum, and "loss.<task>" for each."""
    tasks = module.stage.tasks
    sums = torch.zeros(2, len(tasks), device=accelerator.device)
    module.eval()
    for batch, targets in feed.all(batch_size):
        totals, counts = module(batch.to(accelerator.device), targets.to(accelerator.device))
        sums += torch.stack([totals, counts])
    sums = accelerator.reduce(sums, "sum")
    means = (sums[0] / sums[1].clamp(min=1)).tolist()
    module.train()
    each = {f"loss.{task.name}": mean for task, mean in zip(tasks, means, strict=True)}
    return {"loss": sum(task.weight * mean for task, mean in zip(tasks, means, strict=True)), **each}
