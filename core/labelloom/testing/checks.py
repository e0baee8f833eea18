"""Every check, by kind of component, in the order in which they are made, and what each rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labelloom.components import Kind
from labelloom.testing import (
    documents,
    encoders,
    gradient,
    labels,
    learning,
    precision,
    processes,
    purity,
    ranking,
    records,
    samplers,
    saving,
    tasks,
)
from labelloom.testing.worlds import World


@dataclass(frozen=True)
class Check:
    """One check of a component.

    look   looks at it in a world; its docstring's first line is what is promised. Raises Failure or Skipped
    after  the checks that it rests on: where one of them fails, this one would only tell the same once more
    """

    look: Callable[[World], None]
    after: tuple[str, ...] = ()


_MODEL: Mapping[str, Check] = {
    "builds": Check(records.builds),
    "names": Check(saving.names, ("builds",)),
    "corpus": Check(purity.corpus, ("builds",)),
    "records": Check(records.records, ("builds",)),
    "shapes": Check(records.shapes, ("records",)),
    "purity": Check(purity.purity, ("shapes",)),
    "leak": Check(purity.leak, ("purity",)),
    "determinism": Check(learning.determinism, ("purity",)),
    "modes": Check(learning.modes, ("determinism",)),
    "batch": Check(documents.company, ("modes", "leak")),
    "padding": Check(documents.padding, ("batch",)),
    "labels": Check(labels.labels, ("batch",)),
    "rank": Check(ranking.rank, ("labels", "padding")),
    "gradient": Check(gradient.gradient, ("purity",)),
    "saving": Check(saving.saving, ("names", "purity")),
    "bf16": Check(precision.bf16, ("shapes",)),
}

_ENCODER: Mapping[str, Check] = {
    "builds": _MODEL["builds"],
    "reader": Check(encoders.reader, ("builds",)),
    **_MODEL,
    "records": Check(records.records, ("reader",)),
    "processes": Check(processes.processes, ("determinism",)),
}

CHECKS: Mapping[Kind, Mapping[str, Check]] = {
    "encoder": _ENCODER,
    "label_module": _MODEL,
    "predictor": _MODEL,
    "task": {
        "builds": Check(records.builds),
        "names": Check(saving.names, ("builds",)),
        "corpus": Check(purity.corpus, ("builds",)),
        "records": Check(records.records, ("builds",)),
        "loss": Check(tasks.loss, ("records",)),
        "documents": Check(tasks.documents, ("loss",)),
        # A sum in which one document counts 1e9 hides what the others do, so what compares sums comes after.
        "determinism": Check(learning.determinism, ("documents",)),
        "modes": Check(learning.modes, ("determinism",)),
        "countable": Check(tasks.countable, ("determinism",)),
        "labels": Check(tasks.labels, ("countable",)),
        "nothing": Check(tasks.nothing, ("countable",)),
        "batch": Check(tasks.company, ("determinism",)),
        "padding": Check(tasks.padding, ("batch",)),
        "gradient": Check(gradient.gradient, ("documents",)),
        "saving": Check(saving.saving, ("names", "determinism")),
        "bf16": Check(precision.bf16, ("documents",)),
    },
    "sampler": {
        "builds": Check(samplers.builds),
        "corpus": Check(purity.corpus, ("builds",)),
        "draws": Check(samplers.draws, ("builds",)),
        "rows": Check(samplers.rows, ("draws",)),
        "determinism": Check(samplers.determinism, ("draws",)),
        "processes": Check(processes.processes, ("determinism",)),
        "documents": Check(samplers.documents, ("draws",)),
    },
}
"""By kind, each check by its name."""
