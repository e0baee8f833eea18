"""The metrics: each a small function of an `Outcome`, listed in `METRICS` and `METRICS_AT_K`.

Micro averages pool all decisions; macro averages take the mean over labels. What nothing defines (the precision of a
label that is never predicted) is 0, as with scikit-learn's `zero_division=0`. The ranking metrics (one-error, P@k,
nDCG@k) average over documents with at least one true label, since no ranking of the others is better than another;
`evaluate` says how many others there are. If every document is without labels, P@k and nDCG@k are 0, one-error 1.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from labelloom.data.label_sets import LabelSets
from labelloom.errors import SpecError
from labelloom.evaluation.outcome import Outcome, ratio
from labelloom.evaluation.ranking import Ranking


def micro_precision(outcome: Outcome) -> float:
    """Share of the answers that are true."""
    return float(outcome.total.precision)


def micro_recall(outcome: Outcome) -> float:
    """Share of the true labels that are answered."""
    return float(outcome.total.recall)


def micro_f1(outcome: Outcome) -> float:
    """Harmonic mean of micro-precision and micro-recall."""
    return float(outcome.total.f1)


def macro_precision(outcome: Outcome) -> float:
    """Mean precision over all L labels."""
    return float(outcome.by_label.precision.mean())


def macro_recall(outcome: Outcome) -> float:
    """Mean recall over all L labels."""
    return float(outcome.by_label.recall.mean())


def macro_f1(outcome: Outcome) -> float:
    """Mean F1 over all L labels, those without a true document among them (their F1 is 0)."""
    return float(outcome.by_label.f1.mean())


def macro_f1_supported(outcome: Outcome) -> float:
    """Mean F1 over the labels with at least one true document; 0 if there are none."""
    supported = outcome.by_label.true > 0
    return float(ratio(outcome.by_label.f1[supported].sum(), supported.sum()))


def hamming_loss(outcome: Outcome) -> float:
    """Share of the N * L decisions that are wrong."""
    total = outcome.total
    wrong = total.predicted + total.true - 2 * total.hits
    return float(wrong / len(outcome.truth) / outcome.truth.label_count)


def subset_accuracy(outcome: Outcome) -> float:
    """Share of the documents whose answer is exactly the truth; an empty answer to an empty truth is."""
    counts = outcome.by_document
    return float(((counts.hits == counts.predicted) & (counts.hits == counts.true)).mean())


def micro_jaccard(outcome: Outcome) -> float:
    """Pooled intersection over pooled union, which is F / (2 - F) of the micro-F1."""
    return float(outcome.total.jaccard)


def one_error(outcome: Outcome) -> float:
    """Share of the labelled documents whose first label is not true: 1 - P@1."""
    return 1.0 - precision_at(outcome, 1)


def precision_at(outcome: Outcome, k: int) -> float:
    """Mean over the labelled documents of the true labels among the first k, divided by k (even if L < k)."""
    hits = outcome.hits(k)[outcome.labelled]
    return float(ratio(hits.sum(), k * len(hits)))


def ndcg_at(outcome: Outcome, k: int) -> float:
    """Mean over the labelled documents of DCG@k over the best DCG@k that their number of labels allows.

    A true label at rank r gains 1 / log2(r + 1); the best has min(|Y|, k) of them in the first places.
    """
    hits = outcome.hits(k)[outcome.labelled]
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    best = np.cumsum(discounts)[np.minimum(outcome.truth.counts[outcome.labelled], k) - 1]
    gained = hits @ discounts[: hits.shape[1]]
    return float(ratio((gained / best).sum(), len(hits)))


@dataclass(frozen=True)
class Metric:
    """One metric: its name for people, its function, which way is better, whether it needs a ranking."""

    name: str
    compute: Callable[[Outcome], float]
    higher_is_better: bool = True
    needs_ranking: bool = False


# In the order in which people read them.
METRICS: dict[str, Metric] = {
    "micro_f1": Metric("micro-F1", micro_f1),
    "macro_f1": Metric("macro-F1", macro_f1),
    "macro_f1_supported": Metric("macro-F1 (labels with support)", macro_f1_supported),
    "micro_precision": Metric("micro-precision", micro_precision),
    "micro_recall": Metric("micro-recall", micro_recall),
    "macro_precision": Metric("macro-precision", macro_precision),
    "macro_recall": Metric("macro-recall", macro_recall),
    "micro_jaccard": Metric("micro-Jaccard", micro_jaccard),
    "subset_accuracy": Metric("subset accuracy", subset_accuracy),
    "hamming_loss": Metric("Hamming loss", hamming_loss, higher_is_better=False),
    "one_error": Metric("one-error", one_error, higher_is_better=False, needs_ranking=True),
}

METRICS_AT_K: dict[str, Callable[[int], Metric]] = {
    "precision@k": lambda k: Metric(f"P@{k}", partial(precision_at, k=k), needs_ranking=True),
    "ndcg@k": lambda k: Metric(f"nDCG@{k}", partial(ndcg_at, k=k), needs_ranking=True),
}


def metrics_at(ks: Sequence[int]) -> dict[str, Metric]:
    """All metrics by key, in reading order: `METRICS`, then each family of `METRICS_AT_K` at each of `ks`."""
    return METRICS | {family.replace("@k", f"@{k}"): make(k) for family, make in METRICS_AT_K.items() for k in ks}


def find_metric(key: str, *, where: str = "training.metric") -> Metric:
    """The metric of a key such as `micro_f1` or `precision@5`.

    Raises SpecError at `where` for a key that names none, with the known ones and the most similar first.
    """
    if key in METRICS:
        return METRICS[key]
    at_k = re.fullmatch(r"(.+)@([1-9][0-9]*)", key)
    if at_k and f"{at_k[1]}@k" in METRICS_AT_K:
        return METRICS_AT_K[f"{at_k[1]}@k"](int(at_k[2]))
    keys = [*METRICS, *METRICS_AT_K]
    raise SpecError(
        f'no metric is called "{key}"; expected one of {", ".join(keys)} (k: a whole number from 1)',
        where=where,
        suggestions=_similar(key, ks=(int(at_k[2]),) if at_k else (1, 3, 5)),
    )


def _similar(key: str, ks: Sequence[int]) -> list[str]:
    """Up to three known keys whose key or name for people resembles `key`."""
    metrics = metrics_at(ks)
    spellings = {metric.name.lower(): known for known, metric in metrics.items()} | {known: known for known in metrics}
    close = difflib.get_close_matches(key.lower(), spellings, n=6)
    return list(dict.fromkeys(spellings[spelling] for spelling in close))[:3]


def higher_is_better(key: str) -> bool:
    """Whether more of this metric is better, for choosing checkpoints. Raises as `find_metric` does."""
    return find_metric(key).higher_is_better


def evaluate(
    truth: LabelSets, predicted: LabelSets, ranking: Ranking | None = None, ks: Sequence[int] = (1, 3, 5)
) -> dict[str, float]:
    """Every metric by its key, those at k for each of `ks`; without a ranking, those that need none.

    `documents_without_labels` is the number of documents that the ranking metrics leave out. Raises ValueError for
    no documents, for arguments that do not fit together, and for a k deeper than a ranking that is not complete.
    """
    outcome = Outcome(truth, predicted, ranking)
    values = {
        key: metric.compute(outcome)
        for key, metric in metrics_at(ks).items()
        if ranking is not None or not metric.needs_ranking
    }
    return values | {"documents_without_labels": float((~outcome.labelled).sum())}
