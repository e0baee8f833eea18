"""What validation could not measure or decide, refused before a model is trained for it."""

from __future__ import annotations

from labelloom.compose.plan import Plan
from labelloom.data.corpus import Corpus
from labelloom.errors import Problem, SpecError
from labelloom.evaluation.depth import metric_problems, top_k_problems
from labelloom.training.metric import is_loss, metric_of


def refuse_unmeasurable(plan: Plan, corpus: Corpus) -> None:
    """Raise SpecError for metrics and a k that the rankings of this corpus cannot give, each at its key."""
    problems: list[Problem] = []
    decision = plan.spec.decision
    labels, validation = len(corpus.labels), len(corpus.validation)
    probabilities = plan.probabilities or decision.calibration != "none"
    for stage in plan.stages:
        metric = metric_of(stage)
        if not is_loss(metric):
            where = f"{stage.key}.training.metric".lstrip(".")
            problems += metric_problems(metric, where, (validation, labels), probabilities)
    if decision.rule == "top-k" and decision.k is not None:
        most = max(len(split) for split in (corpus.validation, corpus.test) if split is not None)
        problems += top_k_problems(decision.k, "decision.k", most, labels)
    if problems:
        raise SpecError.from_problems(problems)
