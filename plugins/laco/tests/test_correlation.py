"""Co-occurrence of labels in answers and truth: eq. 8 and table 6 against plain loops, and the section of both."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelloom.bundles import Catalogue
from labelloom.data.corpus import Corpus, Split
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.errors import RunError
from labelloom.evaluation.decision import Decision
from labelloom.evaluation.metrics import find_metric, find_metrics, measure
from labelloom.evaluation.outcome import Outcome
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.rules import Fixed
from labelloom.report.sections import Scored, content_of
from labelloom.runs.classifier import Classifier
from labelloom.runs.folder import RunFolder
from labelloom.sections import Section
from labelloom.spec.data import DataSettings
from labelloom_laco.correlation.combinations import label_combinations
from labelloom_laco.correlation.conditionals import FLOOR, Conditionals, conditional_kl

LABELS = 4
SETS = st.lists(st.sets(st.integers(0, LABELS - 1)), min_size=1, max_size=7)


def sets_of(documents: list[set[int]]) -> LabelSets:
    return LabelSets.from_lists([sorted(each) for each in documents], LABELS)


def naive_chance(documents: list[set[int]], weights: list[float], a: int, b: int) -> float:
    """#(a, b) / #(a), 0 where nothing carries a."""
    carried = sum(weight for each, weight in zip(documents, weights, strict=True) if a in each)
    both = sum(weight for each, weight in zip(documents, weights, strict=True) if {a, b} <= each)
    return both / carried if carried else 0.0


def naive_kl(truth: list[set[int]], answers: list[set[int]], weights: list[float]) -> float:
    total = 0.0
    for a in range(LABELS):
        for b in range(LABELS):
            p = naive_chance(truth, weights, a, b)
            if a != b and p > 0:
                total += p * math.log(p / max(naive_chance(answers, weights, a, b), FLOOR))
    return total


@settings(deadline=None, max_examples=60)
@given(st.data(), SETS)
def test_the_divergence_is_the_equation_s(data: st.DataObject, truth: list[set[int]]) -> None:
    count = len(truth)
    answers = data.draw(st.lists(st.sets(st.integers(0, LABELS - 1)), min_size=count, max_size=count))
    weights = data.draw(st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0]), min_size=count, max_size=count))
    outcome = Outcome(sets_of(truth), sets_of(answers)).weighted(np.array(weights))
    assert conditional_kl(outcome) == pytest.approx(naive_kl(truth, answers, weights), rel=1e-9, abs=1e-9)


def test_by_hand() -> None:
    """Of two documents with a, one has b: p(b | a) = 1/2, p(a | b) = 1. Answers give both labels to both documents."""
    truth, answers = sets_of([{0, 1}, {0}]), sets_of([{0, 1}, {0, 1}])
    assert conditional_kl(Outcome(truth, answers)) == pytest.approx(0.5 * math.log(0.5))
    assert conditional_kl(Outcome(truth, sets_of([set(), set()]))) == pytest.approx(
        0.5 * math.log(0.5 / FLOOR) + math.log(1 / FLOOR)
    )


@settings(deadline=None, max_examples=30)
@given(SETS)
def test_right_answers_are_no_distance_away(truth: list[set[int]]) -> None:
    assert conditional_kl(Outcome(sets_of(truth), sets_of(truth))) == 0.0


def test_a_document_of_weight_two_counts_twice() -> None:
    truth, answers = [{0, 1}, {0, 2}, {1}], [{0}, {0, 1, 2}, {1, 2}]
    weighted = Outcome(sets_of(truth), sets_of(answers)).weighted(np.array([2.0, 0.0, 1.0]))
    repeated = Outcome(sets_of([truth[0], truth[0], truth[2]]), sets_of([answers[0], answers[0], answers[2]]))
    assert conditional_kl(weighted) == pytest.approx(conditional_kl(repeated))
    assert label_combinations(weighted) == label_combinations(repeated) == 2


def test_half_a_million_labels_take_no_table_of_them() -> None:
    many = LabelSets.from_lists([[0, 499_999], [7, 499_999]], 500_000)
    found = Conditionals.of(many, np.ones(2))
    assert list(zip(found.given.tolist(), found.other.tolist(), found.chance.tolist(), strict=True)) == [
        (0, 499_999, 1.0),
        (7, 499_999, 1.0),
        (499_999, 0, 0.5),
        (499_999, 7, 0.5),
    ]
    assert found.at(np.array([499_999, 3]), np.array([7, 499_999])).tolist() == [0.5, 0.0]


@settings(deadline=None, max_examples=40)
@given(st.data(), SETS)
def test_combinations_are_counted_once(data: st.DataObject, answers: list[set[int]]) -> None:
    weights = data.draw(st.lists(st.sampled_from([0.0, 1.0, 3.0]), min_size=len(answers), max_size=len(answers)))
    outcome = Outcome(sets_of(answers[::-1]), sets_of(answers))
    assert label_combinations(outcome) == len({frozenset(each) for each in answers})
    drawn = {frozenset(each) for each, weight in zip(answers, weights, strict=True) if weight}
    assert label_combinations(outcome.weighted(np.array(weights))) == len(drawn)


def test_they_are_metrics_of_the_bundle() -> None:
    extra = find_metrics(["laco/conditional-kl", "laco/label-combinations"])
    scores = measure(Outcome(sets_of([{0, 1}, {0}]), sets_of([{0, 1}, {0, 1}])), extra=extra)
    assert scores["laco/conditional-kl"] == pytest.approx(0.5 * math.log(0.5))
    assert scores["laco/label-combinations"] == 1.0
    assert not find_metric("laco/conditional-kl").higher_is_better
    assert find_metric("laco/label-combinations").higher_is_better


def scored(training: list[set[int]] | None) -> Scored:
    """A run whose answers to three documents are known, without a model behind them."""
    truth, answers = sets_of([{0, 1}, {0}, {2, 3}]), sets_of([{0, 1}, {0, 1}, {2}])
    labels = LabelSpace(("a", "b", "c", "d"), ("a", "b", "c", "d"))
    classifier = Classifier("known", None, labels, Decision(Fixed(0.5)), DataSettings(source="nowhere"))  # type: ignore[arg-type]
    split = Split("test", ["1", "2", "3"], ["x", "y", "z"], truth, "")  # type: ignore[arg-type]
    ranking = Ranking.from_dense(answers.to_dense().astype(np.float32))
    trained = Split("train", [], [], sets_of(training or []), "")  # type: ignore[arg-type]
    corpus = Corpus("known", labels, {"train": trained}) if training is not None else None
    return Scored(RunFolder(Path("nowhere")), classifier, split, ranking, Outcome(truth, answers, ranking), corpus)


def test_the_section_has_the_metrics_and_the_pairs_behind_them() -> None:
    given = scored([{0, 1}, {2}, {2, 3}])
    catalogue = Catalogue()
    content = content_of(catalogue.record(Section, "laco/label-correlation"), catalogue, given)
    divergence, combinations, pairs = content.tables
    # p(b|a) = 1/2, p(a|b) = p(d|c) = p(c|d) = 1; the answers have 1, 1, 0, 0, training 1, 1, 1/2, 1.
    answers = 0.5 * math.log(0.5) + 2 * math.log(1 / FLOOR)
    assert divergence.rows == [
        ("answers", pytest.approx(answers), pytest.approx(answers / 4)),
        ("training", pytest.approx(0.5 * math.log(0.5) + math.log(2)), pytest.approx(math.log(2) / 8)),
    ]
    assert divergence.rows[0][1] == pytest.approx(conditional_kl(given.outcome))
    assert combinations.rows == [("truth", 3, 1, 1.0), ("answers", 2, 0, pytest.approx(1 / 3))]
    assert [row[:4] for row in pairs.rows] == [
        ("c", "d", 1.0, 0.0),
        ("d", "c", 1.0, 0.0),
        ("b", "a", 1.0, 1.0),
        ("a", "b", 0.5, 1.0),
    ]
    assert sum(row[4] for row in pairs.rows) == pytest.approx(answers)


def test_the_section_needs_the_corpus_of_training() -> None:
    catalogue = Catalogue()
    with pytest.raises(RunError, match="laco/label-correlation needs the corpus that the run was trained on"):
        content_of(catalogue.record(Section, "laco/label-correlation"), catalogue, scored(None))
