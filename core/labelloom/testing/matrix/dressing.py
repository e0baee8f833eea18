"""Predictors, tasks and samplers on a base: as many as fit, in one stage where they can and in several where not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any

from labelloom.components import Need, is_draw
from labelloom.compose.check import check
from labelloom.compose.flow import Flow
from labelloom.errors import LabelloomError, Problem
from labelloom.spec import validate_spec
from labelloom.testing.matrix.bases import Base, one_each, runs
from labelloom.testing.matrix.parts import Form, Parts, Table

Pair = tuple[str, str]
"""Two components, in alphabetical order."""

SOURCE = "matrix"
"""What stands for the data until `small` says where they are."""


@dataclass(frozen=True)
class Mixture:
    """A model that is checked: its spec as a table, and the components in it."""

    spec: Table
    names: frozenset[str]

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """Every two components that stand together in it, in alphabetical order."""
        return set(combinations(sorted(self.names), 2))

    @property
    def title(self) -> str:
        """Its parts in the order in which data passes."""
        model = self.spec["model"]
        tables = [model["encoder"], *model.get("label_modules", ())]
        for branch in model.get("branches", [model]):
            tables += [*(branch["label_modules"] if branch is not model else ()), branch["predictor"]]
        return " ".join(table["use"] for table in tables)


def dressed(
    parts: Parts, bases: Sequence[Base], scoring: Form, wanted: Collection[Pair] | None = None
) -> Mixture | None:
    """One base, or several on one encoder, with all their predictors, tasks and samplers that fit.

    Each predictor has a branch of its own where they are several, as have the label modules where the bases are.

    The last stage trains every branch's scores by `scoring`. Each other task and sampler joins it if it may; if not, it
    gets a stage of its own before. With `wanted`, only what brings some of these pairs is tried. None where not even
    the first stage fits.
    """
    wardrobe = _Wardrobe(parts, bases, scoring)
    if wardrobe.refused(wardrobe.stages):
        return None
    for tasks, samplers in wardrobe.additions():
        new = {form.name for form in (*tasks, *samplers)} - wardrobe.names
        if new and (wanted is None or _brings(new, wardrobe.names | new, wanted)):
            wardrobe.add(tasks, samplers)
    return Mixture(wardrobe.spec(wardrobe.stages), wardrobe.names)


def _brings(new: Collection[str], names: Collection[str], wanted: Collection[Pair]) -> bool:
    return any((min(one, other), max(one, other)) in wanted for one in new for other in names)


def problems(parts: Parts, spec: Table) -> tuple[Problem, ...]:
    """What the checker refuses of a spec; nothing where it fits."""
    try:
        check(validate_spec(spec), None, parts.catalogue)
    except LabelloomError as error:
        return error.problems
    return ()


Stage = tuple[tuple[Form, ...], tuple[Form, ...]]
"""The tasks and the samplers of a stage."""


class _Wardrobe:
    """The stages of one base, the last one last, and what is asked of the checker about them."""

    def __init__(self, parts: Parts, bases: Sequence[Base], scoring: Form) -> None:
        self.parts = parts
        self.bases = bases
        self.scoring = scoring
        self.branches = [(base, form) for base in bases for form in base.one_each]
        # Where label modules stand on branches, a task would have to say on which.
        self.shared = bases[0].flow if len(bases) == 1 else Flow().run([bases[0].encoder.node])
        others = [form for form in parts.forms("task") if not form.node.component.trains]
        self.company = [form for form in others if not drawn_for(form) and runs(form, self.shared)]
        self.stages: list[Stage] = [((scoring, *one_each(self.company)), ())]

    @property
    def names(self) -> frozenset[str]:
        forms = [form for tasks, samplers in self.stages for form in (*tasks, *samplers)]
        forms += [form for _, form in self.branches]
        return frozenset().union(*(base.names for base in self.bases), *(form.names for form in forms))

    def additions(self) -> Iterator[tuple[tuple[Form, ...], tuple[Form, ...]]]:
        """Each task with the samplers that it needs, then each sampler alone."""
        for task in self.parts.forms("task"):
            if task.node.component.trains or runs(task, self.shared):
                for samplers in self._drawn_for(task):
                    yield (task,), samplers
        for sampler in self.parts.forms("sampler"):
            yield (), (sampler,)

    @cached_property
    def _losses(self) -> list[Form]:
        return [form for form in self.parts.forms("task") if form.node.component.trains]

    def add(self, tasks: tuple[Form, ...], samplers: tuple[Form, ...]) -> None:
        """In the last stage, or else in one of its own before all others; not at all where neither fits."""
        kinds = {task.node.component.trains for task in tasks} - {""}
        if kinds <= {self.scoring.node.component.trains}:
            *before, (there, drawn) = self.stages
            more = tuple(form for form in samplers if form not in drawn)
            if self._kept([*before, ((*there, *tasks), (*drawn, *more))]):
                return
        # A sampler needs company: the first task that may stand beside it.
        for company in [()] if tasks else [(form,) for form in (*self.company, *self._losses)]:
            if self._kept([((*tasks, *company), samplers), *self.stages]):
                return

    def refused(self, stages: list[Stage]) -> tuple[Problem, ...]:
        return problems(self.parts, self.spec(stages))

    def spec(self, stages: list[Stage]) -> Table:
        """The whole spec with these stages."""
        model: Table = {"encoder": self.bases[0].encoder.table}
        if len(self.bases) == 1:
            model["label_modules"] = self.bases[0].tables
        if len(self.branches) == 1:
            model["predictor"] = self.branches[0][1].table
        else:
            model["branches"] = [
                {
                    "name": f"b{place}",
                    "label_modules": base.tables if len(self.bases) > 1 else [],
                    "predictor": form.table,
                }
                for place, (base, form) in enumerate(self.branches)
            ]
        return {
            "name": "mixture",
            "data": {"source": SOURCE},
            "model": model,
            "stages": [self._stage(place, len(stages) - 1, *stage) for place, stage in enumerate(stages)],
            "training": {"steps": 2, "batch_size": 8, "learning_rate": 1e-3},
        }

    def _kept(self, stages: list[Stage]) -> bool:
        if self.refused(stages):
            return False
        self.stages = stages
        return True

    def _stage(self, place: int, last: int, tasks: Sequence[Form], samplers: Sequence[Form]) -> Table:
        told: list[Table] = []
        for number, form in enumerate(tasks):
            branches: Sequence[Any] = [None]
            if form.node.component.trains and len(self.branches) > 1:
                branches = [f"b{place}" for place in range(len(self.branches))]
            for branch in branches:
                table = {**form.table, "name": f"s{place}-t{number}" + (f"-{branch}" if branch else "")}
                told.append({**table, "branch": branch} if branch else table)
        stage = {"name": f"s{place}", "samplers": [form.table for form in samplers], "tasks": told}
        # Before the last stage the branches' scores may be of several kinds, of which nothing but the loss is told.
        return stage if place == last else {**stage, "training": {"metric": "loss"}}

    def _drawn_for(self, task: Form) -> Iterator[tuple[Form, ...]]:
        """The samplers that draw what a task needs: one each for what is still missing."""
        missing = drawn_for(task)
        choices = [
            [form for form in self.parts.forms("sampler") if need.choose(form.node.signature.gives)] for need in missing
        ]
        for chosen in product(*choices):
            yield tuple(dict.fromkeys(chosen))


def drawn_for(form: Form) -> list[Need]:
    """What it needs of samplers."""
    needs = map(Need.parse, sorted(form.node.signature.needs))
    return [need for need in needs if not need.optional and any(is_draw(name) for name in need.alternatives)]
