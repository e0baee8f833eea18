"""What validation could not measure or decide, refused before a model is trained for it."""

from __future__ import annotations

from dataclasses import replace

from labelloom.components import WHAT_SCORES_DO
from labelloom.compose.iteration import iterative_nodes
from labelloom.compose.plan import Plan
from labelloom.compose.scale import undecidable
from labelloom.data.corpus import Corpus
from labelloom.errors import Problem, SpecError
from labelloom.evaluation.depth import metric_problems, top_k_problems
from labelloom.training.metric import is_of_tasks, metric_of


def refuse_unmeasurable(plan: Plan, corpus: Corpus) -> None:
    """Raise SpecError for metrics and a k that the rankings of this corpus cannot give, each at its key."""
    problems: list[Problem] = []
    decision = plan.spec.decision
    labels, validation = len(corpus.labels), len(corpus.validation)
    for stage in plan.stages:
        metric = metric_of(stage)
        if is_of_tasks(metric):
            continue
        where = f"{stage.key}.training.metric".lstrip(".")
        if stage.scale is None:
            message = (
                f"after the losses up to stage {stage.name!r} the branches' scores are of several kinds, or only rank: "
                "they have no average to measure"
            )
            problems.append(Problem(where, message, ('metric = "loss"',)))
        elif refused := list(undecidable(decision, stage.scale)):
            message = (
                f"{metric} is measured under [decision], which needs probabilities ({refused[0].where}), but the "
                f"scores of stage {stage.name!r} {WHAT_SCORES_DO[stage.scale]}"
            )
            problems.append(Problem(where, message, ('metric = "loss"', *refused[0].suggestions)))
        elif stage.scale != "probabilities" and (nodes := iterative_nodes(plan.model, plan.inference)):
            message = (
                f"{metric} is measured on predictions in several passes ({nodes[0].title}), which take probabilities, "
                f"but the scores of stage {stage.name!r} {WHAT_SCORES_DO[stage.scale]}"
            )
            problems.append(Problem(where, message, ('metric = "loss"',)))
        else:
            scale = stage.scale if decision.calibration == "none" else "probabilities"
            problems += metric_problems(metric, where, (validation, labels), scale)
    splits = [split for split in (corpus.validation, corpus.test) if split is not None]
    most = max(len(split) for split in splits)
    scale = plan.scale if decision.calibration == "none" else "probabilities"
    for place, metric in enumerate(plan.spec.metrics):
        found = metric_problems(metric, f"metrics.{place}", (most, labels), scale)
        problems += [replace(problem, suggestions=("take it out of metrics",)) for problem in found]
    if decision.rule == "top-k" and decision.k is not None:
        problems += top_k_problems(decision.k, "decision.k", most, labels)
    if problems:
        raise SpecError.from_problems(problems)
