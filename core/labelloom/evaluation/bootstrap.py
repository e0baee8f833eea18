"""How far the metrics of a sample of documents may be off: percentile bootstrap over documents (Efron 1979)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from labelloom.evaluation.metrics import Metric, computable
from labelloom.evaluation.outcome import Outcome


def resamples(documents: int, samples: int, seed: int = 0) -> Iterator[np.ndarray]:
    """`samples` times (N,) float64: how often each document is drawn in N draws with replacement.

    The same arguments give the same draws, so two systems can be compared on the same resampled documents.
    """
    rng = np.random.default_rng(seed)
    for _ in range(samples):
        drawn = rng.integers(0, documents, documents)
        yield np.bincount(drawn, minlength=documents).astype(np.float64)


def bootstrapped(
    outcome: Outcome,
    samples: int = 1000,
    seed: int = 0,
    ks: Sequence[int] = (1, 3, 5),
    extra: Mapping[str, Metric] | None = None,
) -> dict[str, np.ndarray]:
    """(samples,) float64 for every computable metric by its key: its value on each resample of the documents.

    `extra` are metrics of bundles, as `find_metrics` gives them.

    Raises ValueError for fewer than one sample.
    """
    if samples < 1:
        raise ValueError(f"at least one sample must be drawn, not {samples}")
    metrics = computable(outcome, ks, extra)
    values = np.empty((len(metrics), samples))
    for place, weights in enumerate(resamples(len(outcome.truth), samples, seed)):
        drawn = outcome.weighted(weights)
        values[:, place] = [metric.compute(drawn) for metric in metrics.values()]
    return dict(zip(metrics, values, strict=True))


def intervals(
    outcome: Outcome,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    ks: Sequence[int] = (1, 3, 5),
    extra: Mapping[str, Metric] | None = None,
) -> dict[str, tuple[float, float]]:
    """The percentile interval of every computable metric: the middle `confidence` of its values on resamples.

    It says how the metric would vary with other documents of the same kind and the same trained model; what another
    seed of training would change it does not see. Macro averages over labels that a resample may lack lean downwards,
    the calibration error upwards. Raises ValueError for a confidence outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, found {confidence}")
    tail = (1 - confidence) / 2
    values = bootstrapped(outcome, samples, seed, ks, extra)
    bounds = {key: np.quantile(found, [tail, 1 - tail]) for key, found in values.items()}
    return {key: (float(low), float(high)) for key, (low, high) in bounds.items()}
