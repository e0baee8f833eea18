"""A checked plan, told to a person: the model as a tree, then stage by stage what it sees, runs and trains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from labelloom.cli.output import flow, from_here, in_order, table
from labelloom.components import Scale
from labelloom.compose.plan import Node, Plan, StagePlan, TaskPlan
from labelloom.config import held_specs
from labelloom.spec.decision import DecisionSettings
from labelloom.training.metric import is_loss, metric_of
from labelloom.wording import counted

_LONGEST = 32
"""Characters of an option's value that are shown: digests and paths are longer than they are worth."""

_SCALES: dict[Scale, str] = {
    "probabilities": "probabilities",
    "distribution": "a distribution over all labels, not the probability of each",
    "ranks": "only rank labels: they are no probabilities",
}


def print_plan(out: Console, plan: Plan) -> None:
    """Everything about `plan` that is known without data."""
    out.print(Text(plan.spec.name, style="bold") + Text(": the parts fit together\n", style="not bold"))
    out.print(_tree(plan))
    for stage in plan.stages:
        out.print()
        rows = table(f"stage {stage.name}", "")
        for name, text in _stage(plan, stage):
            rows.add_row(f"  {name}", from_here(text))
        out.print(rows)
    out.print()
    rows = table("answers", "")
    rows.add_row("  scores", _SCALES[plan.scale])
    if plan.spec.decision.calibration != "none":
        rows.add_row("", f"calibrated on validation: {plan.spec.decision.calibration}")
    rows.add_row("  labels", _decision(plan.spec.decision))
    out.print(rows)


def _tree(plan: Plan) -> Tree:
    tree = Tree(Text("model"))
    for node in plan.model.trunk:
        _grow(tree, node, node.path.removeprefix("model."))
    for branch in plan.model.branches:
        if branch.name == "main" and not branch.label_modules:
            _grow(tree, branch.predictor, "predictor")
            continue
        limb = tree.add(Text(f"branches.{branch.name}  {branch.share:.0%} of the probability"))
        for node in branch.nodes:
            _grow(limb, node, node.path.removeprefix(f"model.branches.{branch.name}."))
    return tree


def _grow(tree: Tree, node: Node, name: str) -> None:
    text = Text(f"{name}  ").append(from_here(node.component.name), style="bold")
    text.append(f"  {flow(node.signature.needs, node.signature.gives)}")
    if options := _options(node):
        text.append(f"  {options}", style="dim")
    twig = tree.add(text)
    for below, held in node.held.items():
        _grow(twig, held, below)


def _options(node: Node) -> str:
    """The options that the spec sets, without those that hold parts."""
    held = {path.partition(".")[0] for path, _, _ in held_specs(node.config)}
    chosen = node.config.model_dump(exclude_unset=True, exclude=held)
    return ", ".join(f"{name} = {_short(str(value))}" for name, value in chosen.items())


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _stage(plan: Plan, stage: StagePlan) -> Iterator[tuple[str, str]]:
    for sampler in stage.samplers:
        yield "draws", f"{', '.join(in_order(sampler.signature.gives))} ({sampler.component.name})"
    top = [node.path for node in plan.model.nodes]
    idle = [path for path in top if path not in stage.live]
    yield "runs", "the whole model" if not idle else ", ".join(path for path in top if path in stage.live)
    if idle:
        yield "idle", ", ".join(idle)
    if stage.freeze:
        yield "frozen", ", ".join(stage.freeze)
    if stage.reset:
        yield "starts anew", ", ".join(stage.reset)
    base = {node.path: node for top in plan.model.nodes for node in top.walk()}
    for node in (node for top in stage.model.nodes for node in top.walk()):
        for name, value in node.config.model_dump(exclude_unset=True).items():
            if name in node.component.stage_options and value != getattr(base[node.path].config, name):
                yield "with", f"{node.path}.{name} = {_short(str(value))}"
    for task in stage.tasks:
        yield "loss", _loss(task, several=len(plan.model.branches) > 1)
    settings = stage.settings
    count, unit = (settings.steps, "step") if settings.steps else (settings.epochs, "epoch")
    length = f"{count:g} {unit}{'' if count == 1 else 's'}"
    most, budget = (
        ("", "") if settings.time_budget is None else ("at most ", f", {settings.time_budget} for the whole run")
    )
    rates = [f"{settings.learning_rate:g}", *(f"{rate:g} for {path}" for path, rate in settings.rates.items())]
    if settings.layer_decay < 1:
        rates.append(f"times {settings.layer_decay:g} from layer to layer")
    yield (
        "training",
        f"{most}{length} of {counted(settings.batch_size, 'document')} a step{budget}, "
        f"rate {', '.join(rates)}, {settings.precision}",
    )
    yield "keeps", _kept(stage)


def _loss(task: TaskPlan, several: bool) -> str:
    place = f" on {task.branch or 'the trunk'}" if several or task.branch is None else ""
    weight = "" if task.weight == 1 else f"{task.weight:g} × "
    return f"{weight}{task.name} ({task.node.component.name}){place}"


def _kept(stage: StagePlan) -> str:
    metric = metric_of(stage)
    patience = (
        f"; stops after {counted(stage.settings.patience, 'validation')} without a better one"
        if stage.settings.patience
        else ""
    )
    weights = "weights" if stage.settings.average == "none" else f"averaged weights ({stage.settings.average})"
    kept = (
        f"the {weights} with the {'lowest' if is_loss(metric) else 'best'} {metric} on validation"
        if stage.settings.keep == "best"
        else f"the last {weights}"
    )
    return kept + patience


def _decision(decision: DecisionSettings) -> str:
    texts: dict[str, Any] = {
        "fitted": f"those that reach one threshold, fitted on validation for {decision.fitted_for}",
        "per-label": f"those that reach their own threshold, fitted on validation for {decision.fitted_for}",
        "fixed": f"those that reach {decision.threshold:g}",
        "top-k": f"the {decision.k} best of each document",
    }
    return texts[decision.rule] + ("; at least one a document" if decision.at_least_one else "")
