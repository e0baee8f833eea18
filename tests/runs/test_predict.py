"""Predicting: the same answers whatever the batch, as they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import labelloom
from labelloom.data.corpus import Split, load_corpus
from labelloom.errors import RunError
from labelloom.evaluation.metrics import evaluate
from labelloom.evaluation.predictions import Predictions
from labelloom.runs.classifier import Classifier, LabelScore, load
from labelloom.spec.data import DataSettings

TEXTS = [
    "",
    " \n\t",
    "sign0",
    "sign1 sign2 " * 500,
    "Ünïcödé – 二つの文 🙂 ‍ \u0000 \ud7ff",
    "filler3 sign4 filler1 sign4",
    *(f"sign{place % 6} " * (place + 1) for place in range(30)),
]


@pytest.fixture(scope="module")
def classifier(run: Path) -> Classifier:
    return load(run)


@pytest.fixture(scope="module")
def test_split(corpus: Path) -> Split:
    split = load_corpus(DataSettings(source=str(corpus))).test
    assert split is not None
    return split


def labels_of(answers: list[list[LabelScore]]) -> list[list[str]]:
    return [[label.label for label in labels] for labels in answers]


@settings(deadline=None, max_examples=40)
@given(batch_size=st.integers(1, 40), order=st.permutations(range(len(TEXTS))))
def test_answers_do_not_depend_on_batch_and_company(
    run: Path, classifier: Classifier, batch_size: int, order: list[int]
) -> None:
    expected = classifier.rank(TEXTS)
    other = load(run)
    other.batch_size = batch_size

    ranking = other.rank([TEXTS[place] for place in order])

    np.testing.assert_allclose(ranking.to_dense(), expected.to_dense()[order], atol=2e-7)
    answers = labels_of(classifier.predict(TEXTS))
    assert labels_of(other.predict([TEXTS[place] for place in order])) == [answers[place] for place in order]


def test_each_text_alone_gets_the_same_answer(classifier: Classifier) -> None:
    together = classifier.predict(TEXTS, top_k=6)
    for text, expected in zip(TEXTS, together, strict=True):
        [alone] = classifier.predict([text], top_k=6)
        scores = {label.label: label.score for label in alone}
        assert scores == pytest.approx({label.label: label.score for label in expected}, abs=2e-7)


def test_what_is_no_list_of_texts_is_refused(classifier: Classifier) -> None:
    with pytest.raises(TypeError, match="expected a list of texts, not one string"):
        classifier.predict("My parcel is late.")
    with pytest.raises(TypeError, match="text 2 must be a string, not None"):
        classifier.predict(["one", None])  # type: ignore[list-item]
    assert repr(classifier).startswith("<Classifier small: 6 labels, one threshold")


def test_labels_come_best_first_with_names_and_scores(classifier: Classifier) -> None:
    for labels in classifier.predict(TEXTS, top_k=4):
        assert len(labels) == 4
        scores = [label.score for label in labels]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)
        assert all(
            label.name == classifier.labels.names[classifier.labels.codes.index(label.label)] for label in labels
        )


def test_without_top_k_the_rule_decides(classifier: Classifier) -> None:
    ranking = classifier.rank(TEXTS)
    decided = classifier.decision.decide(ranking)
    codes = classifier.labels.codes
    answers = labels_of(classifier.predict(TEXTS))
    assert [set(labels) for labels in answers] == [
        {codes[label] for label in decided[row]} for row in range(len(TEXTS))
    ]


def test_more_labels_than_there_are(classifier: Classifier) -> None:
    assert len(classifier.predict(["sign1"], top_k=99)[0]) == 6


def test_no_text_no_answer(classifier: Classifier) -> None:
    assert classifier.predict([]) == []


def test_more_labels_than_are_ranked_are_refused(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelloom.runs.scoring.depth_for", lambda documents, labels: 3)
    assert len(classifier.predict(["sign1"], top_k=3)[0]) == 3
    with pytest.raises(RunError) as told:
        classifier.predict(["sign1"], top_k=4)
    assert str(told.value) == (
        f"{classifier.name}: the 4 best labels were asked for; of 6 the best 3 are ranked\n    try: 3 or fewer"
    )


@pytest.mark.parametrize("top_k", [0, -1])
def test_top_k_is_at_least_one(top_k: int, classifier: Classifier) -> None:
    with pytest.raises(ValueError, match=f"top_k must be at least 1, not {top_k}"):
        classifier.predict(["a text"], top_k=top_k)


@pytest.mark.parametrize("at_once", [1, 4])
def test_texts_are_read_as_answers_are_taken(at_once: int, classifier: Classifier) -> None:
    read: list[str] = []

    def texts() -> Iterator[str]:
        for text in TEXTS:
            read.append(text)
            yield text

    answers = classifier.stream(texts(), at_once=at_once)
    assert read == []
    taken = []
    for place, labels in enumerate(answers):
        assert len(read) == min(len(TEXTS), (place // at_once + 1) * at_once)
        taken.append(labels)
    assert labels_of(taken) == labels_of(classifier.predict(TEXTS))


def test_a_loaded_run_scores_as_it_did_when_it_was_trained(
    run: Path, classifier: Classifier, test_split: Split
) -> None:
    saved = Predictions.load(run / "predictions.parquet")
    found = classifier.predictions(test_split)

    assert found.ids == saved.ids
    np.testing.assert_array_equal(found.ranking.labels, saved.ranking.labels)
    np.testing.assert_allclose(found.ranking.scores, saved.ranking.scores, atol=1e-6)
    for mine, theirs in ((found.predicted, saved.predicted), (found.truth, saved.truth)):
        assert mine is not None
        assert theirs is not None
        assert mine.values.tolist() == theirs.values.tolist()
        assert mine.offsets.tolist() == theirs.offsets.tolist()
    again = classifier.evaluate(test_split)
    scores = labelloom.resume(run).scores
    assert again == pytest.approx({key: scores[key] for key in scores if not key.startswith("psp")})
    told = evaluate(test_split.label_sets, saved.predicted, saved.ranking, probabilities=True)
    assert again == pytest.approx(told)


def test_the_model_is_left_as_it_was(classifier: Classifier) -> None:
    assert not classifier.model.assembly.training
    classifier.model.assembly.model.train()
    try:
        first = classifier.rank(TEXTS[:3])
        assert classifier.model.assembly.model.training
        np.testing.assert_array_equal(first.scores, classifier.rank(TEXTS[:3]).scores)  # dropout is off meanwhile
    finally:
        classifier.model.assembly.eval()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_refused(value: float, run: Path) -> None:
    spoilt = load(run)
    with torch.no_grad():
        for weight in spoilt.model.assembly.model.predictor.parameters():
            weight.fill_(value)
    with pytest.raises(RunError) as error:
        spoilt.predict(TEXTS[:2])
    assert str(error.value).splitlines() == [
        "the model's scores of 2 documents are not finite",
        "    try: train it anew with a lower training.learning_rate",
    ]
