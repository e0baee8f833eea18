"""A classifier with a shortlist: what it answers, what it says of what it loses, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import labelloom
from labelloom.data.corpus import Corpus, Split
from labelloom.errors import RunError
from labelloom.evaluation.decision import Decision
from labelloom.evaluation.metrics import evaluate
from labelloom.evaluation.rules import TopK
from labelloom.runs.classifier import Classifier, load

from ..training.small import spec_on

TEXTS = ["sign1 sign2", "", "filler3 sign4 filler1 sign4"]


@pytest.fixture(scope="module")
def compared(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose labels have vectors as wide as documents; it learns little, so that shortlists lose something."""
    spec = spec_on(corpus)
    spec["model"]["label_modules"] = [{"use": "standard/label-table"}, {"use": "standard/label-query", "heads": 2}]
    spec["model"]["predictor"] = {"use": "standard/label-linear"}
    return labelloom.train(spec, output=tmp_path_factory.mktemp("compared")).path


@pytest.fixture
def classifier(compared: Path) -> Classifier:
    return load(compared)


@pytest.fixture
def documents(classifier: Classifier) -> Corpus:
    return labelloom.load_corpus(classifier.data)


@pytest.fixture
def validation(documents: Corpus) -> Split:
    return documents.validation


def test_answers_are_those_of_all_labels_that_are_listed(classifier: Classifier) -> None:
    listed = classifier.with_shortlist(3)
    exact = classifier.predict(TEXTS, top_k=6)
    for labels, all_labels in zip(listed.predict(TEXTS, top_k=3), exact, strict=True):
        scores = {label.label: label.score for label in all_labels}
        assert len(labels) == 3
        assert [label.score for label in labels] == pytest.approx([scores[label.label] for label in labels], rel=1e-5)
        places = [[one.label for one in all_labels].index(label.label) for label in labels]
        assert places == sorted(places)
    rules = [{label.label for label in labels} for labels in classifier.predict(TEXTS)]
    for text, labels in enumerate(listed.predict(TEXTS)):
        there = {label.label for label in listed.predict([TEXTS[text]], top_k=3)[0]}
        assert {label.label for label in labels} == rules[text] & there
    assert classifier.rank(TEXTS).complete  # it keeps its own exact ways


def test_as_many_as_there_are_lose_nothing(classifier: Classifier, validation: Split) -> None:
    listed = classifier.with_shortlist(100)
    assert listed.shortlist_recall(validation).recall == {1: 1, 3: 1, 5: 1}
    assert listed.evaluate(validation) == pytest.approx(classifier.evaluate(validation), rel=1e-4)


def test_recall_is_measured_against_the_exact_ranking(classifier: Classifier, validation: Split) -> None:
    listed = classifier.with_shortlist(3)
    exact, found = classifier.rank_split(validation).labels, listed.rank_split(validation).labels
    expected = {
        k: np.mean([len({*one[:k]} & {*other}) / k for one, other in zip(exact, found, strict=True)]) for k in (1, 4, 6)
    }
    told = listed.shortlist_recall(validation, ks=(1, 4, 6, 7))
    assert told.recall == pytest.approx(expected)
    assert expected[6] == 0.5
    assert 0 < expected[4] <= 0.75
    assert (told.count, told.label_count, told.index, told.documents, told.of) == (3, 6, "torch", 12, 12)


def test_recall_of_a_few_documents_is_of_some_throughout_the_split(classifier: Classifier, validation: Split) -> None:
    listed = classifier.with_shortlist(1)
    told = listed.shortlist_recall(validation, documents=5, ks=(1,))
    rows = [0, 2, 4, 7, 9]  # of 12
    exact, found = classifier.rank_split(validation).labels[rows], listed.rank_split(validation).labels[rows]
    assert told.recall[1] == pytest.approx((found == exact[:, :1]).any(1).mean())
    assert (told.documents, told.of) == (5, 12)


def test_by_faiss(classifier: Classifier, validation: Split) -> None:
    listed = classifier.with_shortlist(2, "faiss")
    told = listed.shortlist_recall(validation)
    assert (told.index, told.recall.keys()) == ("faiss", {1, 3, 5})
    torch_told = classifier.with_shortlist(2).shortlist_recall(validation)
    assert told.recall == pytest.approx(torch_told.recall)  # of two clusters it looks into both


def test_metrics_leave_out_what_needs_every_label(classifier: Classifier, validation: Split) -> None:
    listed = classifier.with_shortlist(5)
    scores = listed.evaluate(validation)
    exact = classifier.evaluate(validation)
    assert exact.keys() - scores.keys() == {"coverage_error", "ranking_loss", "lrap", "macro_auc"}
    predictions = listed.predictions(validation)
    ranking = listed.rank_split(validation)
    assert not ranking.complete
    told = evaluate(validation.label_sets, predictions.predicted, predictions.ranking, probabilities=True)
    assert scores == pytest.approx(told)


def test_more_labels_than_are_listed_are_refused(classifier: Classifier) -> None:
    with pytest.raises(RunError) as told:
        classifier.with_shortlist(3).predict(TEXTS, top_k=4)
    assert str(told.value) == "small: the 4 best labels were asked for; of 6 the best 3 are ranked\n    try: 3 or fewer"
    classifier.decision = Decision(TopK(4))
    assert classifier.with_shortlist(4).predict(TEXTS) == classifier.with_shortlist(4).predict(TEXTS, top_k=4)
    for count, are in ((3, "3 labels on its shortlist are"), (1, "1 label on its shortlist is")):
        with pytest.raises(RunError) as told:
            classifier.with_shortlist(count)
        assert str(told.value) == (
            f"the 4 best labels of every document cannot be given: only the {are} ranked\n"
            "    try: a shortlist of 4 labels or more"
        )


def test_nothing_to_measure_is_refused(classifier: Classifier, validation: Split) -> None:
    with pytest.raises(RunError) as told:
        classifier.shortlist_recall(validation)
    assert str(told.value) == (
        "small ranks every label: there is no shortlist to measure\n"
        "    try: with_shortlist(500).shortlist_recall(split), say"
    )
    with pytest.raises(ValueError, match="documents must be at least 1, not 0"):
        classifier.with_shortlist(2).shortlist_recall(validation, documents=0)


def test_models_without_label_vectors_are_refused(run: Path, corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="this model cannot work with a shortlist of labels: its scores rest on no"):
        load(run).with_shortlist(3)
    made = labelloom.train_baseline(str(corpus), overrides=["baseline.ngrams=[1]", "baseline.c=[1]"], output=tmp_path)
    baseline = load(made.path)
    with pytest.raises(RunError) as told:
        baseline.with_shortlist(3)
    assert str(told.value).splitlines() == [
        f"{baseline.name} is a linear baseline, which has no vectors of labels to make a shortlist by",
        "    try: a run of labelloom train whose model gives label_table",
    ]
