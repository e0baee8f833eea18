"""How many labels of each document a ranking keeps, and what needs more than that."""

from __future__ import annotations

from collections.abc import Iterator

from labelloom.components import WHAT_SCORES_DO, Scale
from labelloom.errors import Problem
from labelloom.evaluation.metrics import find_metric

_ENTRIES = 50_000_000
_LEAST, _MOST = 100, 1000
_WHOLE = 50_000
"""Labels of which a ranking may be complete: of half a million it would be half a million for each text to label."""


def depth_for(documents: int, labels: int) -> int:
    """How many labels of each document are kept: all of up to 50,000, where that is 50 million entries or fewer.

    Of other rankings as many as make 50 million entries, but at least 100 and at most 1,000. More would not make a
    ranking complete either, and what needs less than all needs few.
    """
    if labels <= _LEAST or (labels <= _WHOLE and documents * labels <= _ENTRIES):
        return labels
    return min(labels, _MOST, max(_LEAST, _ENTRIES // max(1, documents)))


def metric_problems(key: str, where: str, ranked: tuple[int, int], scale: Scale) -> Iterator[Problem]:
    """Why the metric `key` cannot be computed on a split.

    `ranked` says how many documents and labels there are, `scale` what the decision's scores are.
    """
    documents, labels = ranked
    depth = depth_for(documents, labels)
    cut = f"the ranking of {documents:,} documents keeps the best {depth:,} of {labels:,} labels"
    needs, (name, _, k) = find_metric(key, where=where).needs, key.partition("@")
    if depth < labels and "complete ranking" in needs:
        yield Problem(where, f"{key} needs a ranking of every label; {cut}", ("micro_f1", "ndcg@5"))
    if "label scores" in needs:
        message = f"{key} ranks documents by the scores of rare labels, which is only for a trained model"
        yield Problem(where, message, ("psp@5", "labelloom evaluate --rarest 10, when training has ended"))
    elif k and depth < min(int(k), labels):
        yield Problem(where, f"{key} needs the best {int(k):,} labels; {cut}", (f"{name}@{depth}",))
    if "probabilities" in needs and scale != "probabilities":
        message = f"{key} needs probabilities, but the scores of this model {WHAT_SCORES_DO[scale]}"
        yield Problem(where, message, ("micro_f1", 'decision.calibration = "platt"'))


def top_k_problems(k: int, where: str, documents: int, labels: int) -> Iterator[Problem]:
    """Why k labels cannot be given to each of so many documents that are ranked at once."""
    depth = depth_for(documents, labels)
    if k > labels:
        message = f"{k} labels cannot be given to every document: there are {labels}"
        yield Problem(where, message, (f"k = {labels} or less",))
    elif k > depth:
        message = f"{k} labels cannot be given to every document: of {labels:,} the best {depth:,} are ranked"
        yield Problem(where, message, (f"k = {depth} or less",))
