"""What a bundle says about a metric of its own: a frozen record that names the function by string."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from labelloom.records import Record

MetricNeed = Literal["ranking", "complete ranking", "probabilities", "propensities", "label scores"]
"""What a metric may need besides truth and answers."""
_NEEDS: tuple[MetricNeed, ...] = get_args(MetricNeed)


@dataclass(frozen=True, kw_only=True)
class ExtraMetric(Record):
    """The record of a metric beside the core's own; it is measured where its name stands.

    Args:
        name: `bundle/metric`, what `metrics` and `training.metric` say in a spec, and `evaluate --metric`.
        target: `module:function`. It takes a `labelloom.evaluation.outcome.Outcome` and answers a number, which is
            neither NaN nor infinite. Documents count as often as `outcome.weights` (N,) says, so that it can be
            bootstrapped. With `at_k` it takes k, an int from 1, too.
        higher_is_better: whether more of it is better, for choosing checkpoints.
        needs: what it needs besides truth and answers: a "ranking" of the best labels of each document, a "complete
            ranking" of every label, scores that are "probabilities", the labels' "propensities" in training, the
            "label scores" of a few labels for every document. Where one is missing the metric is left out, or refused
            where it is asked for by name.
        at_k: whether it looks at the first k labels: then its key has a number, `bundle/metric@5`.
        summary: one line for people.
        api: the contract it was written for.
    """

    what: ClassVar[str] = "metric"
    example: ClassVar[str] = "labelloom_mybundle.coverage:coverage"

    higher_is_better: bool = True
    needs: frozenset[MetricNeed] = frozenset()
    at_k: bool = False

    def validate_names(self) -> None:
        """Check the name, the target and the needs. Raises BundleError."""
        super().validate_names()
        if unknown := sorted(self.as_set("needs") - set(_NEEDS)):
            raise self.wrong(f"{unknown[0]!r} in needs is not one of {', '.join(_NEEDS)}", 'needs={"ranking"}')
