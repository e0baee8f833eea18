"""Metrics in the form in which people read them: as a table, by head and tail, by label."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.metrics import metrics_at
from labelloom.evaluation.outcome import Outcome

GROUPS = ("head", "mid", "tail")
PER_LABEL = np.dtype([("precision", np.float64), ("recall", np.float64), ("f1", np.float64), ("support", np.int64)])


def table(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """(name, value) rows of what `evaluate` gave, in reading order; keys that are no metric of the core come last.

    Documents without labels have a row only if there are any.
    """
    ks = sorted({int(at_k[1]) for key in metrics if (at_k := re.search(r"@([1-9][0-9]*)$", key))})
    known = metrics_at(ks, ks)
    rows = [(metric.name, _number(metrics[key])) for key, metric in known.items() if key in metrics]
    others = metrics.keys() - known.keys() - {"documents_without_labels"}
    rows += [(key, _number(metrics[key])) for key in metrics if key in others]
    if metrics.get("documents_without_labels"):
        rows.append(("documents without labels", f"{metrics['documents_without_labels']:.0f}"))
    return rows


def _number(value: float) -> str:
    """Four decimals, or two digits and an exponent where those would hide the value."""
    return f"{value:.1e}" if 0 < abs(value) < 0.001 else f"{value:.4f}"


def groups(truth: LabelSets, predicted: LabelSets, groups: np.ndarray) -> dict[str, dict[str, float]]:
    """Micro- and macro-F1 over the labels of each group, and how many labels it has.

    `groups` (L,) int8 holds 0 for head, 1 for mid, 2 for tail labels. Macro-F1 is the mean over all labels of the
    group, those without a true document among them; a group without labels has 0. Raises ValueError for another
    length or other codes.
    """
    if groups.shape != (truth.label_count,) or not np.isin(groups, range(len(GROUPS))).all():
        raise ValueError(f"groups must hold 0, 1 or 2 for each of the {truth.label_count} labels")
    by_label = Outcome(truth, predicted).by_label
    result = {}
    for code, name in enumerate(GROUPS):
        counts = by_label.take(groups == code)
        macro = counts.f1.mean() if counts.f1.size else 0.0
        result[name] = {"micro_f1": float(counts.total.f1), "macro_f1": float(macro), "labels": counts.f1.size}
    return result


def per_label(truth: LabelSets, predicted: LabelSets) -> np.ndarray:
    """(L,) structured array: precision, recall, f1 (float64, 0 where undefined) and support (int64: true documents)."""
    counts = Outcome(truth, predicted).by_label
    result = np.empty(truth.label_count, dtype=PER_LABEL)
    result["precision"], result["recall"] = counts.precision, counts.recall
    result["f1"], result["support"] = counts.f1, counts.true
    return result
