"""What `labelloom evaluate` found, as JSON for programs and as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rich.console import Console

from labelloom.cli import shortlist_options
from labelloom.cli.group_options import Bounds
from labelloom.cli.scores import group_table, groups_explained, interval_table, label_table, score_table
from labelloom.data.corpus import Split
from labelloom.data.statistics import CorpusStatistics
from labelloom.errors import DataError
from labelloom.evaluation.decision import Decision
from labelloom.evaluation.metrics import METRICS, Metric, measure
from labelloom.evaluation.outcome import Outcome
from labelloom.evaluation.propensity import propensities
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rarest import LabelScores, rarest_labels
from labelloom.evaluation.rules import Fixed
from labelloom.evaluation.shortlist_recall import ShortlistRecall
from labelloom.evaluation.summary import GROUPS, groups, per_label
from labelloom.runs.classifier import Classifier, answers_on
from labelloom.wording import counted

_HALF = "at 0.5"


@dataclass(frozen=True)
class Side:
    """One decision on the scored documents: a column of the table."""

    title: str
    decision: Decision
    outcome: Outcome
    scores: dict[str, float]


def side(
    title: str,
    decision: Decision,
    classifier: Classifier,
    split: Split,
    ranking: Ranking,
    statistics: CorpusStatistics | None,
    rarest: LabelScores | None = None,
    extra: Mapping[str, Metric] | None = None,
) -> Side:
    """What `decision` makes of the ranking of `split`, measured; `extra` are metrics of bundles.

    Without `statistics` of training there is no PSP@k, and without the scores of the `rarest` labels no metric of them.
    """
    answers = answers_on(split, ranking, decision, classifier.labels)
    outcome = Outcome(
        split.label_sets,
        answers.predicted,
        answers.ranking,
        probabilities=decision.gives_probabilities(classifier.model.scale),
        propensities=None if statistics is None else propensities(statistics.frequency, statistics.document_count),
        label_scores=rarest,
    )
    return Side(title, decision, outcome, measure(outcome, extra=extra))


def scores_of_rarest(
    count: int, classifier: Classifier, split: Split, ranking: Ranking, statistics: CorpusStatistics
) -> LabelScores:
    """The scores of the `count` rarest labels for every document: out of a ranking of every label, or else computed.

    Raises DataError when no label is on a training document and on one of `split`.
    """
    labels = rarest_labels(statistics.frequency, split.label_sets, count)
    if not len(labels):
        raise DataError(
            "there are no rarest labels: no scored document carries a label that a training document carries",
            where=split.name,
            suggestions=["leave out --rarest"],
        )
    return LabelScores.from_ranking(ranking, labels) if ranking.complete else classifier.label_scores(split, labels)


@dataclass(frozen=True)
class Report:
    """One or two sides, the first of which is what was asked for; the second then is the run's own decision.

    `statistics` of training are None where its corpus is gone, `intervals` of the first side's metrics empty where none
    were asked for. `bounds` are those of head and mid labels, `extra` the metrics of bundles. `shortlist` is None where
    all labels were scored.
    """

    corpus: str
    classifier: Classifier
    sides: Sequence[Side]
    statistics: CorpusStatistics | None
    bounds: Bounds
    intervals: Mapping[str, tuple[float, float]]
    confidence: float
    every_label: bool
    extra: Mapping[str, Metric]
    shortlist: ShortlistRecall | None = None

    def as_json(self) -> dict[str, Any]:
        """The metrics of the first side, those of groups as `head_micro_f1`, and what else was asked for."""
        first, *others = self.sides
        flat = {f"{name}_{key}": value for name, values in self._by_group.items() for key, value in values.items()}
        told: dict[str, Any] = {**first.scores, **flat}
        if others:
            told |= {"decision": first.decision.describe(), "own": others[0].scores}
        if first.outcome.facts.label_scores is not None:
            labels = first.outcome.facts.label_scores.labels.tolist()
            told["rarest"] = [self.classifier.labels.codes[label] for label in labels]
        if self.shortlist is not None:
            told["shortlist"] = shortlist_options.as_json(self.shortlist)
        if self.intervals:
            told |= {"confidence": self.confidence, "intervals": {key: list(it) for key, it in self.intervals.items()}}
        return told | ({"labels": list(self._labels())} if self.every_label else {})

    def print(self, out: Console) -> None:
        """Everything as tables."""
        first, *others = self.sides
        truth = first.outcome.truth
        out.print(f"{self.corpus}: {len(truth):,} documents, {truth.label_count:,} labels")
        out.print(f"answers: {first.decision.describe()}")
        for other in others:
            out.print(f"the run's own: {other.decision.describe()}")
        for line in [] if self.shortlist is None else shortlist_options.as_text(self.shortlist):
            out.print(line)
        out.print()
        columns = {each.title: each.scores for each in self.sides}
        if not others and first.outcome.probabilities:
            columns[_HALF] = _at_half(first.outcome, self.extra)
        if self.intervals:
            out.print(interval_table(columns, self.intervals, f"{100 * self.confidence:g} % interval"))
        else:
            out.print(score_table(columns))
        for note in (*self._rarest(), *self._left_out()):
            out.print(note)
        if len(self._by_group) > 1:
            out.print()
            out.print(group_table(self._by_group))
        if self.every_label:
            out.print()
            out.print(label_table(list(self._labels())))
        if self.statistics is not None and (self.every_label or len(self._by_group) > 1):
            out.print(groups_explained(*self.bounds))

    @cached_property
    def _groups(self) -> Any:
        return None if self.statistics is None else self.statistics.groups(*self.bounds)

    @cached_property
    def _by_group(self) -> dict[str, dict[str, float]]:
        """Of the groups that have labels."""
        if self._groups is None:
            return {}
        outcome = self.sides[0].outcome
        found = groups(outcome.truth, outcome.predicted, self._groups)
        return {name: values for name, values in found.items() if values["labels"]}

    def _labels(self) -> Iterator[dict[str, Any]]:
        """Every label with its figures, those of most documents first."""
        outcome, labels = self.sides[0].outcome, self.classifier.labels
        figures = per_label(outcome.truth, outcome.predicted)
        for label in sorted(range(len(labels)), key=lambda label: -figures["support"][label]):
            yield {
                "label": labels.codes[label],
                "name": labels.names[label],
                "group": "" if self._groups is None else GROUPS[self._groups[label]],
                **{name: figures[name][label].item() for name in ("precision", "recall", "f1", "support")},
            }

    def _rarest(self) -> Iterator[str]:
        scores = self.sides[0].outcome.facts.label_scores
        if scores is not None and self.statistics is not None:
            frequency = self.statistics.frequency[scores.labels]
            yield (
                f"rarest: {counted(len(frequency), 'label')} of {frequency.min():,} to {frequency.max():,} training "
                "documents, the fewest of those that a document here carries"
            )

    def _left_out(self) -> Iterator[str]:
        ranking = self.sides[0].outcome.ranking
        if ranking is not None and not ranking.complete:
            names = [metric.name for metric in METRICS.values() if "complete ranking" in metric.needs]
            kept = f"for so many documents only the best {ranking.depth:,} are kept"
            if self.shortlist is not None:
                kept = "only those on shortlists are scored"
            told = f"they need a ranking of all {ranking.label_count:,} labels, and {kept}"
            yield f"left out: {', '.join(names)}; {told}"


def _at_half(outcome: Outcome, extra: Mapping[str, Metric]) -> dict[str, float]:
    """The metrics with 0.5 as the threshold of the same scores."""
    ranking = outcome.ranking
    assert ranking is not None
    answered = Outcome(
        outcome.truth,
        Decision(Fixed(0.5)).decide(ranking),
        ranking,
        probabilities=True,
        propensities=outcome.facts.propensities,
        label_scores=outcome.facts.label_scores,
    )
    return measure(answered, extra=extra)
