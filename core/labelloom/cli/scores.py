"""Scores, told to a person: tables of metrics, of several seeds, of groups of labels and of every label."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from labelloom.cli.output import table, visible
from labelloom.evaluation.summary import table as rows_of

Scores = Mapping[str, float]


def score_table(columns: Mapping[str, Scores]) -> Table:
    """Metrics down, `columns` across."""
    return _cell_table({title: dict(rows_of(scores)) for title, scores in columns.items()})


def interval_table(columns: Mapping[str, Scores], intervals: Mapping[str, tuple[float, float]], title: str) -> Table:
    """The same with the `intervals` of the first column beside it, under `title`."""
    cells = {name: dict(rows_of(scores)) for name, scores in columns.items()}
    lows, highs = (rows_of({key: bounds[end] for key, bounds in intervals.items()}) for end in (0, 1))
    between = {name: f"{low} – {high}" for (name, low), (_, high) in zip(lows, highs, strict=True)}
    first, *others = cells
    return _cell_table({first: cells[first], title: between, **{name: cells[name] for name in others}})


def _cell_table(columns: Mapping[str, Mapping[str, str]]) -> Table:
    """Rows down by the names in `columns`, empty where a column has none of a name."""
    made = table("", *columns, numbers=columns)
    for name in dict.fromkeys(name for column in columns.values() for name in column):
        made.add_row(name, *(column.get(name, "") for column in columns.values()))
    return made


def spread_table(runs: Sequence[Mapping[str, Scores]]) -> Table:
    """The same over several runs with the same columns: mean ± standard deviation of a sample."""
    titles = list(runs[0])
    made = table("", *titles, numbers=titles)
    cells: dict[str, list[str]] = {}
    for title in titles:
        keys = [key for key in runs[0][title] if key != "documents_without_labels"]
        means = rows_of({key: statistics.mean(run[title][key] for run in runs) for key in keys})
        deviations = rows_of({key: statistics.stdev(run[title][key] for run in runs) for key in keys})
        for (name, mean), (_, deviation) in zip(means, deviations, strict=True):
            cells.setdefault(name, []).append(f"{mean} ± {deviation}")
    for name, row in cells.items():
        made.add_row(name, *row)
    return made


def run_columns(metrics: Mapping[str, Any]) -> dict[str, Scores]:
    """What a run's metrics say of validation and test, and of what needs no fitted threshold."""
    last = "test" if "test" in metrics else "validation"
    columns = {split: metrics[split] for split in ("validation", "test") if split in metrics}
    # Networks that give probabilities, and baselines, also have the answers that nothing was fitted for.
    others = {f"{last} at 0.5": metrics.get(f"{last}_at_0.5"), f"{last}, own answers": metrics.get(f"{last}_own")}
    return {**columns, **{title: scores for title, scores in others.items() if scores}}


def group_table(groups: Mapping[str, Mapping[str, float]]) -> Table:
    """Head, mid and tail labels, as far as there are any."""
    numbers = ["number", "micro-F1", "macro-F1"]
    made = table("labels by frequency", *numbers, numbers=numbers)
    for name, scores in groups.items():
        made.add_row(name, f"{scores['labels']:,}", f"{scores['micro_f1']:.4f}", f"{scores['macro_f1']:.4f}")
    return made


def label_table(labels: Sequence[Mapping[str, Any]]) -> Table:
    """Every label, as `evaluate --per-label` tells it; names and groups only where there are any."""
    numbers = ["documents", "precision", "recall", "F1"]
    told = [key for key in ("name", "group") if any(label[key] not in ("", label["label"]) for label in labels)]
    made = table("label", *told, *numbers, numbers=numbers)
    for label in labels:
        figures = [f"{label[key]:.4f}" for key in ("precision", "recall", "f1")]
        words = [visible(label[key]) if label[key] != label["label"] else "" for key in told]
        made.add_row(visible(label["label"]), *words, f"{label['support']:,}", *figures)
    return made


def groups_explained(head: float | int, mid: float | int) -> str:
    """What head, mid and tail labels are, for bounds that are shares of the training documents or numbers of them."""
    first, second = (f"{bound:,}" if isinstance(bound, int) else f"{bound:.1%} of them" for bound in (head, mid))
    return f"groups by documents in training: head has {first} or more, mid {second} or more, tail fewer"
