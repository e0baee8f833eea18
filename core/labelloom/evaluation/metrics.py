"""The metrics: each a small function of an `Outcome`, listed in `METRICS` and `METRICS_AT_K`; those of bundles by name.

Micro averages pool all decisions; macro averages take the mean over labels. What nothing defines (the precision of a
label that is never predicted) is 0, as with scikit-learn's `zero_division=0`. The ranking metrics (one-error, P@k,
nDCG@k, PSP@k, coverage error, ranking loss, LRAP) average over documents with at least one true label, since no ranking
of the others is better than another; `evaluate` says how many others there are. scikit-learn counts those as 0 in
coverage error and ranking loss and as 1 in LRAP. If every document is without labels all of these are 0, but one-error
is 1.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from labelloom.bundles import Catalogue
from labelloom.data.label_sets import LabelSets
from labelloom.errors import SpecError
from labelloom.evaluation.outcome import Outcome, ratio
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rarest import LabelScores
from labelloom.metrics import ExtraMetric, MetricNeed


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


def instance_f1(outcome: Outcome) -> float:
    """Mean F1 over all documents; 0 for one whose answer and truth are both empty. Also called example-based F1."""
    return outcome.mean(outcome.by_document.f1)


def hamming_loss(outcome: Outcome) -> float:
    """Share of the N * L decisions that are wrong."""
    total = outcome.total
    wrong = total.predicted + total.true - 2 * total.hits
    return float(wrong / outcome.weights.sum() / outcome.truth.label_count)


def subset_accuracy(outcome: Outcome) -> float:
    """Share of the documents whose answer is exactly the truth; an empty answer to an empty truth is."""
    counts = outcome.by_document
    return outcome.mean((counts.hits == counts.predicted) & (counts.hits == counts.true))


def micro_jaccard(outcome: Outcome) -> float:
    """Pooled intersection over pooled union, which is F / (2 - F) of the micro-F1."""
    return float(outcome.total.jaccard)


def one_error(outcome: Outcome) -> float:
    """Share of the labelled documents whose first label is not true: 1 - P@1."""
    return 1.0 - precision_at(outcome, 1)


def coverage_error(outcome: Outcome) -> float:
    """Mean over the labelled documents of the places one must go down the ranking to meet all true labels.

    At best the number of true labels; equal scores count against it. Some papers subtract 1.
    """
    return outcome.mean_of_labelled(outcome.facts.rank_measures[0])


def ranking_loss(outcome: Outcome) -> float:
    """Mean over the labelled documents of the share of pairs of a true and a false label in which the false one scores
    as high or higher; 0 where every label is true."""
    return outcome.mean_of_labelled(outcome.facts.rank_measures[1])


def average_precision(outcome: Outcome) -> float:
    """Mean over the labelled documents of the mean over their true labels of the precision down to that label's place.

    Equal scores count against it.
    """
    return outcome.mean_of_labelled(outcome.facts.rank_measures[2])


def macro_auc(outcome: Outcome) -> float:
    """Mean area under the ROC curve over the labels that some documents have and some have not; 0 if there are none.

    Equal scores count half.
    """
    areas = [area for order in outcome.facts.label_orders if (area := order.area(outcome.weights)) is not None]
    return float(np.mean(areas)) if areas else 0.0


def brier_score(outcome: Outcome) -> float:
    """Mean of (probability - truth)² over the ranked labels of all documents (Brier 1950)."""
    return outcome.mean(outcome.facts.squared_errors)


def calibration_error(outcome: Outcome) -> float:
    """Mean distance between probability and share of true ones over the ranked labels, in 15 equal bins of probability.

    Guo et al. 2017, eq. 3, with every label of every document as a decision of its own.
    """
    gaps = np.abs(outcome.weights @ outcome.facts.gaps).sum()
    assert outcome.ranking is not None
    return float(gaps / outcome.weights.sum() / outcome.ranking.depth)


def precision_at(outcome: Outcome, k: int) -> float:
    """Mean over the labelled documents of the true labels among the first k, divided by k (even if L < k)."""
    return outcome.mean_of_labelled(outcome.facts.found(k)) / k


def ndcg_at(outcome: Outcome, k: int) -> float:
    """Mean over the labelled documents of DCG@k over the best DCG@k that their number of labels allows.

    A true label at rank r gains 1 / log2(r + 1); the best has min(|Y|, k) of them in the first places.
    """
    return outcome.mean_of_labelled(outcome.facts.gains(k))


def propensity_scored_precision_at(outcome: Outcome, k: int) -> float:
    """Sum of 1 / p over the true labels among the first k, over the highest sum that k labels could have had.

    Both are summed over all documents before they are divided (Jain et al. 2016). p is the label's propensity, from
    its frequency in training, with A = 0.55 and B = 1.5: finding a rare label gains more.
    """
    gained, best = outcome.facts.propensity_scored(k)
    return float(ratio(outcome.weights @ gained, outcome.weights @ best))


def rarest_precision_at(outcome: Outcome, k: int) -> float:
    """Mean over the rarest labels of the documents with the label among the k that score highest for it, divided by k.

    Wang et al. 2023 eq. 14. Every label ranks all documents; equal scores count against it. Labels that no document
    carries are left out; 0 if there are no others.
    """
    return _mean_of_rarest(outcome, k, lambda carrying: k)


def rarest_r_precision_at(outcome: Outcome, k: int) -> float:
    """The same, divided by k or by the number of documents with the label, whichever is less.

    The share of what k places could have found (R-precision at k, Chalkidis et al. 2019).
    """
    return _mean_of_rarest(outcome, k, lambda carrying: min(k, carrying))


def _mean_of_rarest(outcome: Outcome, k: int, most: Callable[[float], float]) -> float:
    """The mean of hits among the first k documents over `most`, which is told how many documents carry the label."""
    if k < 1:
        raise ValueError(f"k must be at least 1, found {k}")
    shares = [
        order.hits(outcome.weights, k) / most(carrying)
        for order in outcome.facts.document_orders
        if (carrying := order.carrying(outcome.weights))
    ]
    return float(np.mean(shares)) if shares else 0.0


@dataclass(frozen=True)
class Metric:
    """One metric: its name for people, its function, which way is better, what it needs besides truth and answers.

    One of a bundle looks at the `first` labels of a ranking, or at as many as there are.
    """

    name: str
    compute: Callable[[Outcome], float]
    higher_is_better: bool = True
    needs: frozenset[MetricNeed] = frozenset()
    first: int | None = None


_RANKING: frozenset[MetricNeed] = frozenset({"ranking"})
_COMPLETE: frozenset[MetricNeed] = frozenset({"ranking", "complete ranking"})
_PROBABILITIES: frozenset[MetricNeed] = frozenset({"ranking", "probabilities"})
_PROPENSITIES: frozenset[MetricNeed] = frozenset({"ranking", "propensities"})
_LABEL_SCORES: frozenset[MetricNeed] = frozenset({"label scores"})

# In the order in which people read them.
METRICS: dict[str, Metric] = {
    "micro_f1": Metric("micro-F1", micro_f1),
    "macro_f1": Metric("macro-F1 (all labels)", macro_f1),
    "macro_f1_supported": Metric("macro-F1 (labels with support)", macro_f1_supported),
    "instance_f1": Metric("instance-F1", instance_f1),
    "micro_precision": Metric("micro-precision", micro_precision),
    "micro_recall": Metric("micro-recall", micro_recall),
    "macro_precision": Metric("macro-precision", macro_precision),
    "macro_recall": Metric("macro-recall", macro_recall),
    "micro_jaccard": Metric("micro-Jaccard", micro_jaccard),
    "subset_accuracy": Metric("subset accuracy", subset_accuracy),
    "hamming_loss": Metric("Hamming loss", hamming_loss, higher_is_better=False),
    "one_error": Metric("one-error", one_error, higher_is_better=False, needs=_RANKING),
    "coverage_error": Metric("coverage error", coverage_error, higher_is_better=False, needs=_COMPLETE),
    "ranking_loss": Metric("ranking loss", ranking_loss, higher_is_better=False, needs=_COMPLETE),
    "lrap": Metric("LRAP", average_precision, needs=_COMPLETE),
    "macro_auc": Metric("macro-AUC", macro_auc, needs=_COMPLETE),
    "brier_score": Metric("Brier score", brier_score, higher_is_better=False, needs=_PROBABILITIES),
    "calibration_error": Metric("calibration error", calibration_error, higher_is_better=False, needs=_PROBABILITIES),
}

METRICS_AT_K: dict[str, Callable[[int], Metric]] = {
    "precision@k": lambda k: Metric(f"P@{k}", partial(precision_at, k=k), needs=_RANKING),
    "ndcg@k": lambda k: Metric(f"nDCG@{k}", partial(ndcg_at, k=k), needs=_RANKING),
    "psp@k": lambda k: Metric(f"PSP@{k}", partial(propensity_scored_precision_at, k=k), needs=_PROPENSITIES),
}


DOCUMENT_METRICS_AT_K: dict[str, Callable[[int], Metric]] = {
    "rarest_precision@k": lambda k: Metric(
        f"P@{k} of rarest labels", partial(rarest_precision_at, k=k), needs=_LABEL_SCORES
    ),
    "rarest_r_precision@k": lambda k: Metric(
        f"RP@{k} of rarest labels", partial(rarest_r_precision_at, k=k), needs=_LABEL_SCORES
    ),
}
"""Of the first k documents for a label, where those of `METRICS_AT_K` are of the first k labels for a document."""

DOCUMENT_KS = (1, 10, 20)
"""The k of these metrics unless told (Wang et al. 2023 table 8)."""


def metrics_at(ks: Sequence[int], document_ks: Sequence[int] = DOCUMENT_KS) -> dict[str, Metric]:
    """All metrics by key, in reading order.

    `METRICS`, each family of `METRICS_AT_K` at each of `ks`, each of `DOCUMENT_METRICS_AT_K` at each of `document_ks`.
    """
    families = [*((each, ks) for each in METRICS_AT_K.items())]
    families += ((each, document_ks) for each in DOCUMENT_METRICS_AT_K.items())
    return METRICS | {family.replace("@k", f"@{k}"): make(k) for (family, make), at in families for k in at}


def find_metric(key: str, *, where: str = "training.metric") -> Metric:
    """The metric of a key such as `micro_f1`, `precision@5`, or `bundle/metric`, whose code is then imported.

    Raises SpecError at `where` for a key that names none, with the known ones and the most similar first;
    UnknownNameError or BundleError where it would be a bundle's.
    """
    if "/" in key:
        return _bundle_metric(key, where)
    if key in METRICS:
        return METRICS[key]
    at_k = _AT_K.fullmatch(key)
    families = METRICS_AT_K | DOCUMENT_METRICS_AT_K
    if at_k and f"{at_k[1]}@k" in families:
        return families[f"{at_k[1]}@k"](int(at_k[2]))
    keys = [*METRICS, *families]
    raise SpecError(
        f'no metric is called "{key}"; expected one of {", ".join(keys)} (k: a whole number from 1)',
        where=where,
        suggestions=_similar(key, ks=(int(at_k[2]),) if at_k else (1, 3, 5)),
    )


_AT_K = re.compile(r"(.+)@([1-9][0-9]*)")


def _bundle_metric(key: str, where: str) -> Metric:
    """The metric of a bundle; what it answers is checked."""
    catalogue = Catalogue()
    name, at, number = key.partition("@")
    record = catalogue.record(ExtraMetric, name, where)
    if record.at_k != bool(at) or (at and not _AT_K.fullmatch(key)):
        if record.at_k:
            raise SpecError(f"{name} is measured at a whole number from 1", where=where, suggestions=[f"{name}@5"])
        raise SpecError(f"{name} is not measured at a number", where=where, suggestions=[name])
    code = catalogue.code(record)
    arguments = (int(number),) if at else ()

    def compute(outcome: Outcome) -> float:
        value = code(outcome, *arguments)
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise code.wrong(f"answered {value!r}, not a number")
        if not np.isfinite(value):
            raise code.wrong(f"answered {value}; a metric that nothing defines is 0")
        return float(value)

    # What is about scores in a ranking needs one.
    ranked = _RANKING if record.needs & {"complete ranking", "probabilities"} else frozenset()
    first = int(number) if at and "label scores" not in record.needs else None
    return Metric(key, compute, record.higher_is_better, record.needs | ranked, first)


def find_metrics(keys: Sequence[str], *, where: str = "metrics") -> dict[str, Metric]:
    """The metrics of several keys by key, in their order. Raises as `find_metric` does, at `where` with the place."""
    return {key: find_metric(key, where=f"{where}.{place}") for place, key in enumerate(keys)}


def _similar(key: str, ks: Sequence[int]) -> list[str]:
    """Up to three known keys whose key or name for people resembles `key`."""
    metrics = metrics_at(ks, ks)
    spellings = {metric.name.lower(): known for known, metric in metrics.items()} | {known: known for known in metrics}
    close = difflib.get_close_matches(key.lower(), spellings, n=6)
    return list(dict.fromkeys(spellings[spelling] for spelling in close))[:3]


def higher_is_better(key: str) -> bool:
    """Whether more of this metric is better, for choosing checkpoints. Raises as `find_metric` does."""
    return find_metric(key).higher_is_better


def computable(
    outcome: Outcome, ks: Sequence[int] = (1, 3, 5), extra: Mapping[str, Metric] | None = None
) -> dict[str, Metric]:
    """The metrics by key for which `outcome` has everything, those of `extra` last; others are left out."""
    metrics = metrics_at(ks) | dict(extra or {})
    return {key: metric for key, metric in metrics.items() if not lacking(metric, outcome)}


def lacking(metric: Metric, outcome: Outcome) -> list[str]:
    """What `metric` needs and `outcome` does not have: of its needs, and labels that a ranking leaves out."""
    ranking = outcome.ranking
    there: dict[MetricNeed, bool] = {
        "ranking": ranking is not None,
        "complete ranking": ranking is not None and ranking.complete,
        "probabilities": outcome.probabilities,
        "propensities": outcome.facts.propensities is not None,
        "label scores": outcome.facts.label_scores is not None,
    }
    lacks: list[str] = sorted(need for need in metric.needs if not there[need])
    if ranking is not None and not ranking.complete and (metric.first or 0) > ranking.depth:
        cut = f"the ranking keeps the best {ranking.depth:,} of {ranking.label_count:,} labels"
        lacks.append(f"the best {metric.first:,} labels of each document ({cut})")
    return lacks


def measure(
    outcome: Outcome, ks: Sequence[int] = (1, 3, 5), extra: Mapping[str, Metric] | None = None
) -> dict[str, float]:
    """The value of every computable metric by its key, those at k for each of `ks`, and `documents_without_labels`.

    Metrics of the first k documents for a label are at `DOCUMENT_KS`; `extra` are measured beside the core's.
    """
    values = {key: metric.compute(outcome) for key, metric in computable(outcome, ks, extra).items()}
    return values | {"documents_without_labels": float((~outcome.facts.labelled).sum())}


def evaluate(
    truth: LabelSets,
    predicted: LabelSets,
    ranking: Ranking | None = None,
    ks: Sequence[int] = (1, 3, 5),
    *,
    probabilities: bool = False,
    propensities: np.ndarray | None = None,
    label_scores: LabelScores | None = None,
    extra: Mapping[str, Metric] | None = None,
) -> dict[str, float]:
    """Every metric by its key, those at k as `measure` has them; what lacks something that it needs is left out.

    Rankings, probabilities, propensities and label scores are those of `Outcome`; coverage error, ranking loss, LRAP
    and macro-AUC need a ranking of every label. `extra` are metrics of bundles, as `find_metrics` gives them.
    `documents_without_labels` is the number of documents that the ranking metrics leave out. Raises ValueError for no
    documents, for arguments that do not fit together, and for a k deeper than a ranking that is not complete.
    """
    outcome = Outcome(
        truth, predicted, ranking, probabilities=probabilities, propensities=propensities, label_scores=label_scores
    )
    return measure(outcome, ks, extra)
