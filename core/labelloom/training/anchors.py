"""Whether the samplers of every stage find documents to anchor on, asked before the first stage trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelloom.compose.build import AllAssets, build_samplers
from labelloom.compose.plan import Plan, StagePlan
from labelloom.data.corpus import Corpus, Split
from labelloom.errors import Problem, TrainingError
from labelloom.interfaces import LabelledRows, Sampler
from labelloom.training.metric import is_of_tasks, metric_of
from labelloom.wording import counted


@dataclass(frozen=True)
class Asked:
    """What the samplers of one stage say of the splits that it draws from.

    `notes` are for the user. `measured` tells whether its validations have something to measure; a stage that keeps its
    last weights does without. `problems` are why it cannot train.
    """

    notes: tuple[str, ...] = ()
    measured: bool = True
    problems: tuple[Problem, ...] = ()


def refuse_undrawable(plan: Plan, corpus: Corpus, assets: AllAssets) -> dict[str, Asked]:
    """What the samplers say, by stage. Raises TrainingError with every stage that finds nothing to anchor on."""
    asked = {stage.name: ask(stage, corpus, assets) for stage in plan.stages}
    if problems := [problem for each in asked.values() for problem in each.problems]:
        raise TrainingError.from_problems(problems)
    return asked


def ask(stage: StagePlan, corpus: Corpus, assets: AllAssets) -> Asked:
    """What the samplers of `stage` say of train, and of validation where the stage's own tasks are measured on it."""
    if not stage.samplers:
        return Asked()
    samplers = build_samplers(stage, corpus.labels, assets)
    left = _narrowed(corpus.train, samplers)
    if len(left[-1]) == 0:
        return Asked(problems=(_problem(stage, corpus.train, samplers, left),))
    notes = [f"{sampler.path}: {note}" for sampler in samplers for note in sampler.notes]
    if not is_of_tasks(metric_of(stage)):
        return Asked(tuple(notes))

    split, samplers = corpus.validation, build_samplers(stage, corpus.labels, assets)
    left = _narrowed(split, samplers)
    found = len(left[-1])
    if found:
        if found < len(split):
            whole = counted(len(split), "document")
            notes.append(f"stage {stage.name!r}: what its tasks tell on validation rests on {found:,} of {whole}")
        notes += [f"{sampler.path}, on validation: {note}" for sampler in samplers for note in sampler.notes]
        return Asked(tuple(notes))
    problem = _problem(stage, split, samplers, left)
    if stage.settings.keep == "last" and stage.settings.patience is None:
        notes.append(f"stage {stage.name!r}: its losses on validation are not told: {problem.message}")
        return Asked(tuple(notes), measured=False)
    return Asked(problems=(problem,))


def anchors_on(split: Split, samplers: Sequence[Sampler]) -> np.ndarray:
    """(A,) int64: the rows of `split` that all of `samplers` may anchor on; there may be none."""
    return _narrowed(split, samplers)[-1]


def _narrowed(split: Split, samplers: Sequence[Sampler]) -> list[np.ndarray]:
    """All rows of `split`, then what each sampler leaves of them."""
    rows, left = LabelledRows(split.label_sets), [np.arange(len(split), dtype=np.int64)]
    for sampler in samplers:
        left.append(sampler.anchors(rows, left[-1]))
    return left


def _problem(stage: StagePlan, split: Split, samplers: Sequence[Sampler], left: Sequence[np.ndarray]) -> Problem:
    """The first sampler that leaves no row of `split` to anchor on, told at its place; `left` is what each leaves."""
    place = next(place for place, anchors in enumerate(left[1:]) if len(anchors) == 0)
    node, name = stage.samplers[place], stage.samplers[place].component.name
    before = f" among the {len(left[place]):,} that those before it leave" if len(left[place]) < len(split) else ""
    message = f"{name} finds no document of the {split.name} split to anchor on{before}"
    helping = [f"other options for {name}", f"more documents in the {split.name} split"]
    if split.name == "validation":
        helping[-1] += ": a larger data.validation, if it is cut from train"
        without = "" if stage.settings.patience is None else " without patience"
        helping.append(f'keep = "last"{without} in this stage: then no validation chooses its weights')
    return Problem(node.key, ": ".join([message, *samplers[place].notes]), tuple(helping))
