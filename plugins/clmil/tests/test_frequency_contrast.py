"""The sampler of the contrastive stage: no negative breaks the rule, and what cannot be is counted and said."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from labelloom.data.corpus import Corpus, Split
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.texts import Texts
from labelloom.interfaces import Context, Draw, LabelledRows, Rng
from labelloom.runs.assets import load_assets, save_assets
from labelloom_clmil import keeping_apart
from labelloom_clmil.config import FrequencyContrastConfig
from labelloom_clmil.frequency_contrast import LabelFrequencyContrast
from labelloom_clmil.keeping_apart import counts_apart, going_together

RULES = ("at-most-mean", "never", "disjoint")


def corpus_of(truth: Any) -> Corpus:
    dense = np.asarray(truth, dtype=bool)
    codes = tuple(f"label {place}" for place in range(dense.shape[1]))
    texts = Texts.from_list([str(row) for row in range(len(dense))])
    return Corpus("made", LabelSpace(codes, codes), {"train": split_of(dense, texts)})


def split_of(dense: np.ndarray, texts: Texts) -> Split:
    return Split("train", texts, texts, LabelSets.from_dense(dense), "made")


def sampler(training: Any, assets: Mapping[str, Any] | None = None, **options: Any) -> LabelFrequencyContrast:
    corpus, config = corpus_of(training), FrequencyContrastConfig(**{"low_frequency": 1000, **options})
    made = assets or LabelFrequencyContrast.prepare(config, corpus)
    return LabelFrequencyContrast(config, Context("stages.contrast.samplers.0", {}, corpus.labels, made))


def rows_of(truth: Any) -> LabelledRows:
    return LabelledRows(LabelSets.from_dense(np.asarray(truth, dtype=bool)))


def drawn(made: LabelFrequencyContrast, split: LabelledRows, rows: Sequence[int], key: int = 0) -> Draw:
    draw = Draw(rows=np.array(rows, dtype=np.int64), anchors=len(rows))
    return made.draw(draw, split, Rng(key, draw))


def valid(training: np.ndarray, one: np.ndarray, other: np.ndarray, rule: str) -> bool:
    """Whether a document with the labels `other` may be a negative of one with `one`, counted by hand (eq. 9-10)."""
    count = training.shape[1]
    for a in np.flatnonzero(one):
        together = [sum(int(row[a] and row[b]) for row in training) for b in range(count)]
        mean = sum(together[b] for b in range(count) if b != a) / max(count - 1, 1)
        for b in np.flatnonzero(other):
            if a == b:
                return False
            if rule == "at-most-mean" and together[b] > mean:
                return False
            if rule == "never" and together[b] > 0:
                return False
    return True


def negatives_of(draw: Draw, place: int) -> list[int]:
    assert draw.relation is not None
    return draw.rows[np.flatnonzero(draw.relation[place] == -1)].tolist()


corpora = arrays.arrays(np.bool_, st.tuples(st.integers(1, 14), st.just(5)))


@settings(max_examples=200, deadline=None)
@given(corpora, st.sampled_from(RULES), st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**40))
def test_every_pair_keeps_the_rule(truth: np.ndarray, rule: str, bound: int, n: int, key: int) -> None:
    """Against the rule counted by hand; where it leaves fewer than n documents, against sharing no label."""
    split, made = rows_of(truth), sampler(truth, rule=rule, low_frequency=bound, negatives=n)
    anchors = made.anchors(split, np.arange(len(truth)))
    allowed: dict[int, set[int]] = {}
    for row in range(len(truth)):
        by_rule = {other for other in range(len(truth)) if valid(truth, truth[row], truth[other], rule)}
        sharing_none = {other for other in range(len(truth)) if not (truth[row] & truth[other]).any()}
        allowed[row] = by_rule if len(by_rule) >= n else sharing_none
    rare = truth.sum(0) < bound
    expected = [row for row in range(len(truth)) if (truth[row] & rare).any() and allowed[row]]
    assert anchors.tolist() == expected
    if not expected:
        return
    draw = drawn(made, split, expected, key)
    assert draw.relation is not None
    assert draw.rows[: len(expected)].tolist() == expected
    assert len(set(draw.rows[len(expected) :].tolist())) == len(draw.rows) - len(expected)
    for place, row in enumerate(expected):
        (again,) = np.flatnonzero(draw.relation[place] == 1)
        assert (draw.rows[again], draw.copies[again]) == (row, 1)
        found = negatives_of(draw, place)
        assert len(set(found)) == len(found) >= min(n, len(allowed[row]))
        assert set(found) <= allowed[row]
        first = [int(other) for other, copy in zip(draw.rows, draw.copies, strict=True) if copy == 0]
        assert set(found) == allowed[row] & set(first), "a document of the step that keeps apart is no negative"
    assert not draw.relation[len(expected) :].any()


@settings(max_examples=100, deadline=None)
@given(corpora, corpora, st.sampled_from(RULES), st.integers(1, 5), st.integers(1, 3))
def test_documents_apart_are_counted_exactly_below_what_is_enough(
    truth: np.ndarray, training: np.ndarray, rule: Any, enough: int, probed: int
) -> None:
    """With a probe of few documents, pieces of one row, and label sets that training has not."""
    together = going_together(corpus_of(training).statistics, rule)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeping_apart, "_PROBED", probed)
        patch.setattr(keeping_apart, "_AT_ONCE", 1)
        found = counts_apart(np.arange(len(truth)), LabelSets.from_dense(truth), together, enough)
    for row, count in enumerate(found):
        exact = sum(valid(training, truth[row], other, rule) for other in truth)
        assert min(count, enough) == min(exact, enough)
        assert count <= exact


def test_what_goes_together_is_told_in_the_anchors_direction() -> None:
    """Label 0 comes with 1 in four documents, with 2 in one; label 2 comes with 0 alone, 3 with nothing."""
    truth = np.array([[1, 1, 0, 0]] * 4 + [[1, 0, 1, 0]] + [[0, 0, 0, 1]], dtype=bool)
    statistics = corpus_of(truth).statistics
    # Means over three others: 5 / 3, 4 / 3, 1 / 3 and 0.
    assert going_together(statistics, "at-most-mean").toarray().tolist() == [
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [1, 0, 1, 0],
        [0, 0, 0, 1],
    ]
    assert going_together(statistics, "never").toarray()[0].tolist() == [1, 1, 1, 0]
    assert going_together(statistics, "disjoint").toarray().tolist() == np.eye(4).tolist()


def test_a_pair_at_the_mean_is_apart() -> None:
    truth = np.array([[1, 1, 0], [1, 0, 1]], dtype=bool)  # label 0 comes with each other label once: the mean is 1
    assert going_together(corpus_of(truth).statistics, "at-most-mean").toarray()[0].tolist() == [1, 0, 0]


# Thirty documents: label 4 is rare, 0 is frequent.
THIRTY = np.random.default_rng(5).random((30, 5)) < [0.6, 0.3, 0.2, 0.2, 0.15]


def test_negatives_are_each_as_likely() -> None:
    made, times = sampler(THIRTY, low_frequency=8, negatives=2), 5000
    split = rows_of(THIRTY)
    row = int(made.anchors(split, np.arange(30))[0])
    allowed = [other for other in range(30) if valid(THIRTY, THIRTY[row], THIRTY[other], "at-most-mean")]
    assert len(allowed) > 3
    seen = Counter(frozenset(negatives_of(drawn(made, split, [row], key), 0)) for key in range(times))
    kinds = math.comb(len(allowed), 2)
    assert len(seen) == kinds
    spread = math.sqrt(times * (1 / kinds) * (1 - 1 / kinds))
    for pair, count in seen.items():
        assert pair <= set(allowed)
        assert abs(count - times / kinds) <= 5 * spread


def test_negatives_that_are_few_among_many_are_found_and_each_as_likely() -> None:
    """Three of 2,003 documents keep apart, so trying some at random seldom meets them all."""
    truth = np.zeros((2003, 3), dtype=bool)
    truth[:2000, 0] = True
    truth[2000:, 1] = True
    made, split, times = sampler(truth, negatives=2), rows_of(truth), 1500
    seen = Counter(frozenset(negatives_of(drawn(made, split, [7], key), 0)) for key in range(times))
    assert set(seen) == {frozenset({a, b}) for a, b in ((2000, 2001), (2000, 2002), (2001, 2002))}
    for count in seen.values():
        assert abs(count - times / 3) <= 5 * math.sqrt(times * 2 / 9)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_what_an_anchor_brings_depends_on_no_other(data: st.DataObject) -> None:
    made, split = sampler(THIRTY, low_frequency=15, negatives=2), rows_of(THIRTY)
    anchors = made.anchors(split, np.arange(30)).tolist()
    some = data.draw(st.lists(st.sampled_from(anchors), min_size=1, max_size=8, unique=True))
    together = drawn(made, split, some, key=3)
    for place, row in enumerate(some):
        alone = negatives_of(drawn(made, split, [row], key=3), 0)
        assert len(alone) == 2
        assert set(alone) <= set(negatives_of(together, place))
    again = drawn(made, split, some, key=3)
    assert (again.rows.tolist(), np.asarray(again.relation).tolist()) == (
        together.rows.tolist(),
        np.asarray(together.relation).tolist(),
    )


def test_a_step_brings_others_than_the_one_before() -> None:
    made, split = sampler(THIRTY, low_frequency=15, negatives=4), rows_of(THIRTY)
    anchors = made.anchors(split, np.arange(30)).tolist()
    first, second = (drawn(made, split, anchors[:1], key) for key in (1, 2))
    assert set(first.rows.tolist()) != set(second.rows.tolist())


def test_one_anchor_with_31_negatives_is_the_batch_of_the_paper() -> None:
    truth = np.zeros((200, 4), dtype=bool)
    truth[np.arange(200), np.arange(200) % 4] = True
    draw = drawn(sampler(truth, negatives=31), rows_of(truth), [6])
    assert draw.rows[:2].tolist() == [6, 6]
    assert len(set(draw.rows.tolist())) == 32
    assert draw.relation is not None
    assert draw.relation[0].tolist() == [0, 1] + [-1] * 31


def test_documents_without_labels_are_negatives_of_all_and_no_anchors() -> None:
    truth = np.array([[1, 1], [1, 0], [0, 0]], dtype=bool)
    made, split = sampler(truth, low_frequency=2, rule="never"), rows_of(truth)
    assert made.anchors(split, np.arange(3)).tolist() == [0]
    assert negatives_of(drawn(made, split, [0]), 0) == [2]


def test_what_is_there_stays_first_and_in_order() -> None:
    truth = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)
    before = Draw(rows=np.array([0, 1]), anchors=2).with_rows(np.array([0, 2])).with_roles(["", "", "copy", ""])
    before = before.with_relation(np.array([[0, 0, 0, -1], [0] * 4, [1, 0, 0, 0], [0] * 4], dtype=np.int8))
    before = before.with_given(np.array([[1, -1, -1]] * 4))
    made, split = sampler(truth, negatives=3), rows_of(truth)
    after = made.draw(before, split, Rng(0, before))
    assert after.anchors == 2
    assert after.rows.tolist()[:6] == [0, 1, 0, 2, 0, 1]
    assert sorted(after.rows.tolist()[6:]) == [2, 3]
    assert after.copies.tolist()[:6] == [0, 0, 1, 0, 2, 1]
    assert after.relation is not None
    expected = np.zeros((8, 8), dtype=np.int8)
    expected[0] = [0, -1, 0, -1, 1, 0, -1, -1]
    expected[1] = [-1, 0, 0, 0, 0, 1, -1, -1]
    expected[2, 0] = 1
    assert after.relation.tolist() == expected.tolist()
    assert after.roles is not None
    assert after.roles.tolist() == ["", "", "copy", "", "", "", "", ""]
    assert after.given is not None
    assert after.given.tolist() == [[1, -1, -1]] * 4 + [[-1, -1, -1]] * 4


def test_a_saved_sampler_draws_the_same(tmp_path: Path) -> None:
    for rule in RULES:
        made = sampler(THIRTY, low_frequency=15, rule=rule)
        config = FrequencyContrastConfig(low_frequency=15, rule=rule)
        save_assets({"x": LabelFrequencyContrast.prepare(config, corpus_of(THIRTY))}, tmp_path / rule)
        again = sampler(THIRTY, load_assets(tmp_path / rule)["x"], low_frequency=15, rule=rule)
        split = rows_of(THIRTY)
        anchors = made.anchors(split, np.arange(30)).tolist()
        assert again.anchors(split, np.arange(30)).tolist() == anchors
        one, other = (drawn(each, split, anchors, 4) for each in (made, again))
        assert one.rows.tolist() == other.rows.tolist()
        assert np.array_equal(np.asarray(one.relation), np.asarray(other.relation))


def test_rarity_and_the_rule_are_those_of_training_and_not_of_the_split() -> None:
    training = np.array([[1, 0, 0]] * 5 + [[0, 1, 1]] * 2, dtype=bool)
    split = rows_of([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    made = sampler(training, low_frequency=3)
    assert made.anchors(split, np.arange(3)).tolist() == [0, 2]
    # Labels 1 and 2 go together in training, so documents with them are no negatives of each other.
    assert negatives_of(drawn(made, split, [0, 2]), 0) == [1]


@pytest.mark.parametrize(("bound", "rare"), [(2, [1, 2]), (3, [1, 2, 0]), (0.25, [1, 2]), (0.26, [1, 2, 0])])
def test_a_bound_is_a_number_of_training_documents_or_a_share(bound: float, rare: list[int]) -> None:
    training = np.zeros((8, 4), dtype=bool)
    training[:2, 0] = training[2, 1] = training[3:, 3] = True
    assert set(np.flatnonzero(sampler(training, low_frequency=bound).rare)) == set(rare)


def test_the_default_is_the_bound_of_the_tail() -> None:
    truth = np.zeros((53840, 2), dtype=bool)
    truth[:1000, 0] = truth[:999, 1] = True
    assert sampler(truth, low_frequency=1000 / 53840).rare.tolist() == [False, True]
    assert FrequencyContrastConfig().low_frequency == 1000 / 53840


@pytest.mark.parametrize("bound", [0, -3, 0.0, 1.0, 8.5, -0.1, True, "8"])
def test_another_bound_is_refused(bound: Any) -> None:
    told = r"a number of training documents, 1 or more, or a share of them, above 0\.0 and below 1\.0"
    with pytest.raises(ValidationError, match=told):
        FrequencyContrastConfig(low_frequency=bound)


def test_the_kind_of_bound_survives_being_saved() -> None:
    for bound in (8, 0.5):
        again = FrequencyContrastConfig.model_validate_json(
            FrequencyContrastConfig(low_frequency=bound).model_dump_json()
        )
        assert type(again.low_frequency) is type(bound)


@pytest.mark.parametrize(
    ("truth", "options", "notes"),
    [
        ([[1, 0], [0, 1], [0, 1]], {}, []),
        (
            [[1, 0], [0, 1], [0, 1]],
            {"low_frequency": 2},
            ["2 of 3 documents have no rare label, one in fewer than 2 of 3 training documents"],
        ),
        (
            [[1, 0], [0, 1], [0, 1]],
            {"low_frequency": 0.5},
            ["2 of 3 documents have no rare label, one in fewer than 2 of 3 training documents"],
        ),
        (
            [[1, 0], [1, 0], [0, 1], [0, 1]],
            {"low_frequency": 1},
            [
                "4 of 4 documents have no rare label, one in fewer than 1 of 4 training documents; the rarest that "
                "occurs is in 2: low_frequency = 3 makes it rare"
            ],
        ),
        (
            # 0 comes with 1, whose documents alone share no label with the first.
            [[1, 0, 0], [0, 1, 0], [1, 1, 0]],
            {},
            [
                '2 of 3 anchors have no document apart by rule = "at-most-mean": those that share no label '
                "are their negatives",
                "1 of 3 documents with a rare label share a label with every document: no negative",
            ],
        ),
        (
            [[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]],
            {"negatives": 3, "rule": "never"},
            [
                '3 of 5 anchors have fewer than 3 documents apart by rule = "never": those that share no label are '
                "their negatives, fewer than 3 for 1 of them"
            ],
        ),
        (
            [[1, 0], [0, 1], [0, 1]],
            {"negatives": 2, "rule": "disjoint"},
            ["2 of 3 anchors have fewer than 2 documents that share no label with them: these are their negatives"],
        ),
        (
            [[1, 1], [1, 0]],
            {},
            ["2 of 2 documents with a rare label share a label with every document: no negative"],
        ),
    ],
)
def test_what_is_left_out_and_what_falls_back_is_noted(truth: Any, options: Any, notes: list[str]) -> None:
    made, split = sampler(truth, **options), rows_of(truth)
    for _ in range(2):  # asked for two splits, a sampler tells of the last
        made.anchors(split, np.arange(len(truth)))
        assert made.notes == notes


def test_of_the_documents_that_others_leave_only_those_are_told() -> None:
    truth = [[1, 0], [0, 1], [0, 1], [0, 1]]
    made = sampler(truth, low_frequency=2)
    assert made.anchors(rows_of(truth), np.array([0, 3])).tolist() == [0]
    assert made.notes == ["1 of 2 documents has no rare label, one in fewer than 2 of 4 training documents"]
    assert made.anchors(rows_of(truth), np.zeros(0, dtype=np.int64)).tolist() == []
    assert made.notes == []
