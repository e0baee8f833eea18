"""`Classifier`: a saved run, loaded to label texts and to be scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from labelloom.components import Scale
from labelloom.data.corpus import Corpus, Split
from labelloom.data.labels import LabelSpace
from labelloom.errors import RunError
from labelloom.evaluation.decision import Decision, fit_decision
from labelloom.evaluation.metrics import evaluate
from labelloom.evaluation.predictions import Predictions
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rarest import LabelScores
from labelloom.evaluation.rules import TopK
from labelloom.evaluation.shortlist_recall import ShortlistRecall, share_held
from labelloom.runs.folder import RunFolder
from labelloom.spec.data import DataSettings
from labelloom.spec.decision import DecisionSettings
from labelloom.wording import counted

if TYPE_CHECKING:
    from labelloom.compose.shortlist import Index
    from labelloom.evaluation.neighbours import Neighbours
    from labelloom.runs.network import Network


class Ranks(Protocol):
    """A trained model, whatever it is made of: a network of parts, or a linear baseline."""

    @property
    def scale(self) -> Scale:
        """What its scores are: probabilities, shares of 1, or only an order."""

    def rank_texts(self, texts: Sequence[str], batch_size: int) -> Ranking:
        """The ranking of the labels for each text."""

    def rank_split(self, split: Split, batch_size: int) -> Ranking:
        """The same for the documents of a split."""

    def score_labels(self, split: Split, labels: np.ndarray, batch_size: int) -> np.ndarray:
        """(N, R) float32: the scores of `labels` (R,) int64 for each of the N documents of a split."""


@dataclass(frozen=True)
class LabelScore:
    """One label of one document: its code, its name, and its score (a probability, unless the model only ranks)."""

    label: str
    name: str
    score: float


class Classifier:
    """A model with its label space and decision rule.

    Args:
        name: the run's name.
        model: what ranks the labels.
        labels: the label space.
        decision: the fitted rule that turns scores into answers.
        data: what the run was trained on.
        batch_size: documents ranked at once; answers do not depend on it.
    """

    def __init__(
        self,
        name: str,
        model: Ranks,
        labels: LabelSpace,
        decision: Decision,
        data: DataSettings,
        batch_size: int = 32,
    ) -> None:
        self.name = name
        self.model = model
        self.labels = labels
        self.decision = decision
        self.data = data
        self.batch_size = batch_size

    def __repr__(self) -> str:
        return f"<Classifier {self.name}: {len(self.labels)} labels, {self.decision.describe()}>"

    @property
    def probabilities(self) -> bool:
        """Whether the scores that it shows, calibrated or as they are, are probabilities, or only rank labels."""
        return self.decision.gives_probabilities(self.model.scale)

    def predict(self, texts: Sequence[str], top_k: int | None = None) -> list[list[LabelScore]]:
        """For each text its labels, best first: those that the decision rule gives, or the `top_k` best.

        Raises ValueError when `top_k` is below 1, TypeError for one string instead of a list, or a text that is none,
        RunError when `top_k` is more than are ranked of a large label set.
        """
        return list(self.stream(texts, top_k))

    def stream(self, texts: Iterable[str], top_k: int | None = None, at_once: int = 256) -> Iterator[list[LabelScore]]:
        """The same for any number of texts, as they come.

        `at_once` texts are read before they are answered: more are faster, 1 answers each text before the next is read.
        """
        if top_k is not None and top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}")
        if isinstance(texts, str):
            raise TypeError('expected a list of texts, not one string: predict(["..."])')
        waiting = map(_text, texts, count(1))
        while chunk := list(islice(waiting, at_once)):
            ranking = self.rank(chunk)
            if top_k is not None and top_k > ranking.depth and not ranking.complete:
                raise RunError(
                    f"the {top_k:,} best labels were asked for; of {ranking.label_count:,} the best {ranking.depth:,} "
                    "are ranked",
                    where=self.name,
                    suggestions=[f"{ranking.depth:,} or fewer"],
                )
            yield from self._answers(ranking, top_k)

    def rank(self, texts: Sequence[str]) -> Ranking:
        """The ranking of the labels for each text, with the model's scores as they are before any calibration."""
        return self.model.rank_texts(texts, self.batch_size)

    def rank_split(self, split: Split) -> Ranking:
        """The same for the documents of a split."""
        return self.model.rank_split(split, self.batch_size)

    def label_scores(self, split: Split, labels: np.ndarray) -> LabelScores:
        """What the model says of `labels` (R,) int64 for every document of a split, before any calibration."""
        return LabelScores(labels, self.model.score_labels(split, labels, self.batch_size))

    def predictions(self, split: Split) -> Predictions:
        """The answers on a split and the ranking behind them, with calibrated scores, beside its truth."""
        return answers_on(split, self.rank_split(split), self.decision, self.labels)

    def refitted(self, settings: DecisionSettings, validation: Split) -> Decision:
        """Another decision for this model, fitted on `validation`; the classifier keeps its own. Raises as
        `fit_decision` does."""
        ranking = self.rank_split(validation)
        return fit_decision(settings, ranking, validation.label_sets, scale=self.model.scale)

    def evaluate(self, split: Split) -> dict[str, float]:
        """The metrics of the run's decision rule on a split, but those that need frequencies of training."""
        answers = self.predictions(split)
        return evaluate(split.label_sets, answers.predicted, answers.ranking, probabilities=self.probabilities)

    def with_shortlist(self, count: int, index: Index = "torch") -> Classifier:
        """The same classifier, scoring only the `count` labels of each document whose vectors are nearest to it.

        It is for models with very many labels, and loses what is best and on no shortlist: `shortlist_recall` tells how
        much. The decision stays as it was fitted, on exact rankings.

        Args:
            count: how many labels of each document are scored, and ranked at most.
            index: what finds the nearest vectors: "torch" compares all of them, "faiss" a part of them.

        Raises:
            RunError: when the model cannot work with a shortlist, its decision gives more labels than are on it, or
                faiss is asked for and not installed.
            ValueError: when `count` is below 1.
        """
        check_shortlist(self.decision, count)
        model = self._network("vectors of labels to make a shortlist by", "label_table").with_shortlist(count, index)
        return Classifier(self.name, model, self.labels, self.decision, self.data, self.batch_size)

    def shortlist_recall(self, split: Split, documents: int = 200, ks: Sequence[int] = (1, 3, 5)) -> ShortlistRecall:
        """How many of the k best labels of all are on the shortlist, for a few documents of a split, evenly spread.

        These are ranked exactly, too. A k above the number of labels is left out. Raises RunError for a classifier
        without a shortlist, ValueError when `documents` is below 1.
        """
        if documents < 1:
            raise ValueError(f"documents must be at least 1, not {documents}")
        model = self._network("vectors of labels to make a shortlist by", "label_table")
        if model.shortlist is None:
            raise RunError(
                f"{self.name} ranks every label: there is no shortlist to measure",
                suggestions=["with_shortlist(500).shortlist_recall(split), say"],
            )
        count, total = min(model.shortlist.count, len(self.labels)), len(split)
        rows = np.arange(min(documents, total), dtype=np.int64) * total // min(documents, total)
        texts = split.texts.take(rows)
        exact, listed = model.exact.rank_texts(texts, self.batch_size), self.rank(texts)
        recall = {k: share_held(exact, listed, k) for k in ks if k <= len(self.labels)}
        return ShortlistRecall(count, len(self.labels), model.shortlist.index, len(rows), total, recall)

    def neighbours(
        self,
        corpus: Corpus,
        document: str,
        labels: Sequence[str] | None = None,
        *,
        split: str = "train",
        count: int = 50,
        branch: str | None = None,
    ) -> Neighbours:
        """The documents nearest to one by the vector of each label, and the labels that they carry.

        Near is what has a high cosine; the vectors are the field `labels` of the model (Liu et al. 2020 table 5).

        Args:
            corpus: where the documents are: `load_corpus(classifier.data)`, or others with the run's labels.
            document: an id, in any split; "test:7" where several splits have different documents of one id.
            labels: codes of labels, carried by the document or not; by default those that it carries.
            split: whose documents are compared with it.
            count: how many of the nearest are taken.
            branch: whose vectors are compared, where several branches have their own.

        Raises:
            DataError: when there is no such document, label or split, or nothing to compare.
            RunError: when the model gives no vectors of labels, or several branches do and `branch` names none.
            ValueError: when `count` is below 1, or `labels` is empty.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        if labels is not None and not labels:
            raise ValueError("no label is asked for: name one at least, or leave labels out for those of the document")
        network = self._network("vectors of labels to compare documents by", "labels")
        from labelloom.runs.neighbours import find_neighbours

        return find_neighbours(network, self.labels, corpus, document, labels, split, count, branch, self.batch_size)

    def _network(self, what: str, given_as: str) -> Network:
        """The model, which must be made of parts. Raises RunError for a baseline: it has no `what`."""
        # A baseline labels texts without torch.
        from labelloom.runs.network import Network

        if not isinstance(self.model, Network):
            raise RunError(
                f"{self.name} is a linear baseline, which has no {what}",
                suggestions=[f"a run of labelloom train whose model gives {given_as}"],
            )
        return self.model

    def _answers(self, ranking: Ranking, top_k: int | None) -> Iterator[list[LabelScore]]:
        chosen = None if top_k else self.decision.decide(ranking)
        ranking = self.decision.calibrated(ranking)
        for row in range(len(ranking)):
            order = ranking.labels[row]
            keep = np.arange(len(order)) < top_k if top_k else np.isin(order, chosen[row] if chosen else [])
            yield [
                LabelScore(self.labels.codes[label], self.labels.names[label], float(score))
                for label, score in zip(order[keep], ranking.scores[row][keep], strict=True)
            ]


def _text(text: object, number: int) -> str:
    if not isinstance(text, str):
        raise TypeError(f"text {number} must be a string, not {text!r}")
    return text


def check_shortlist(decision: Decision, count: int) -> None:
    """Raises RunError where `decision` gives every document more labels than a shortlist of `count` has."""
    if isinstance(decision.rule, TopK) and decision.rule.k > count:
        raise RunError(
            f"{decision.rule.describe()} cannot be given: only the {counted(count, 'label')} on its shortlist "
            f"{'is' if count == 1 else 'are'} ranked",
            suggestions=[f"a shortlist of {decision.rule.k} labels or more"],
        )


def answers_on(split: Split, ranking: Ranking, decision: Decision, labels: LabelSpace) -> Predictions:
    """What `decision` makes of the ranking of a split, and that ranking with calibrated scores, beside its truth."""
    ids = split.ids.take(np.arange(len(split)))
    return Predictions(ids, split.label_sets, decision.decide(ranking), decision.calibrated(ranking), labels.codes)


def load(run: str | Path, *, allow_local_code: bool = False, device: str | None = None) -> Classifier:
    """The classifier of a finished run. Needs neither its corpus nor a hub.

    Args:
        run: the folder of one seed, `runs/<name>/<seed>`.
        allow_local_code: whether components from files beside the spec may be loaded.
        device: where to put it; default a GPU if there is one.

    Raises:
        RunError: when the folder is no run, its training has not ended, or its weights do not fit.
        BundleError: when a bundle that it needs is missing.
    """
    folder = RunFolder(Path(run))
    folder.require(folder.model)
    labels, decision = folder.read_labels(), folder.read_decision()
    baseline = folder.read_baseline()
    if baseline is not None:
        from labelloom.linear.model import load_linear

        linear = load_linear(baseline.baseline, folder.model, folder.assets, len(labels))
        return Classifier(baseline.name, linear, labels, decision, baseline.data)
    # A baseline labels texts without torch.
    from labelloom.runs.network import load_network

    network = load_network(folder, labels, allow_local_code, device)
    spec = network.plan.spec
    return Classifier(spec.name, network, labels, decision, spec.data)


__all__ = ["Classifier", "LabelScore", "Ranks", "answers_on", "check_shortlist", "load"]
