"""What fits behind an encoder, by way of which label modules, and what the checker says of what does not."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

from labelloom.components import KINDS
from labelloom.compose.flow import Flow
from labelloom.errors import Problem
from labelloom.testing.matrix.bases import chains, encoders, runs
from labelloom.testing.matrix.dressing import Pair, drawn_for, problems
from labelloom.testing.matrix.parts import Form, Parts, Table


@dataclass(frozen=True)
class Way:
    """A form of a component, and the label modules between it and an encoder."""

    form: Form
    between: tuple[Form, ...]


def way(parts: Parts, encoder: Form, name: str) -> Way | None:
    """The shortest way from an encoder to a label module, predictor or task; None where it needs what nothing gives."""
    scored = parts.components[name].kind == "task"
    ways = [
        Way(form, between)
        for between, flow in _chains(parts, encoder)
        for form in parts.forms_of(name)
        if runs(form, _scored(parts, flow) if scored else flow) and all(name != other.name for other in between)
    ]
    return min(ways, key=lambda way: (len(way.between), way.form.number), default=None)


def refusal(parts: Parts, encoder: Form, form: Form) -> Problem | None:
    """What the checker says of a component right behind an encoder; None where it says nothing of that component."""
    loss = next(task for task in parts.forms("task") if task.node.component.trains == "probabilities")
    model: Table = {"encoder": encoder.table}
    tasks, samplers = [loss.table], []
    predictors = [each for each in parts.forms("predictor") if runs(each, Flow().run([encoder.node]))]
    kind = form.node.component.kind
    if kind == "label_module":
        model["label_modules"] = [form.table]
    elif kind == "task":
        tasks.append({**form.table, "name": "other"})
        samplers = _drawing(parts, form)
    elif kind == "sampler":
        samplers = [form.table]
    model["predictor"] = form.table if kind == "predictor" else (predictors or parts.forms("predictor"))[0].table
    spec = {"name": "refused", "data": {"source": "x"}, "model": model, "tasks": tasks, "samplers": samplers}
    return next((each for each in problems(parts, spec) if each.message.startswith(f"{form.name} ")), None)


def reason(parts: Parts, pair: Pair) -> Problem | None:
    """Why two components stand together in no model: what the checker says of the one behind the other.

    Behind an encoder if one of them is one, or else behind the first encoder on which the earlier of them runs.
    """
    early, late = sorted(pair, key=lambda name: KINDS.index(parts.components[name].kind))
    for level in encoders(parts, 1):
        for encoder in level:
            if early in encoder.names or (parts.forms_of(early) and way(parts, encoder, early)):
                return next((found for form in parts.forms_of(late) if (found := refusal(parts, encoder, form))), None)
    return None


@cache
def _chains(parts: Parts, encoder: Form) -> list[tuple[tuple[Form, ...], Flow]]:
    return list(chains(parts, Flow().run([encoder.node])))


def _scored(parts: Parts, flow: Flow) -> Flow:
    """What is there after a predictor, if any runs."""
    fitting = (form.node for form in parts.forms("predictor") if runs(form, flow))
    return flow.copy().run(itertools.islice(fitting, 1))


def _drawing(parts: Parts, form: Form) -> list[Table]:
    wanted = drawn_for(form)
    return [
        each.table for each in parts.forms("sampler") if any(need.choose(each.node.signature.gives) for need in wanted)
    ][:1]
