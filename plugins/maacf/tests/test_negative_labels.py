"""The sampler: every draw is valid, as likely as it should be, and a document's own; the label count costs nothing."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from labelloom.data.corpus import Corpus, Split
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.data.texts import Texts
from labelloom.interfaces import Context, Draw, LabelledRows, Rng
from labelloom_maacf.config import NegativeLabelsConfig
from labelloom_maacf.negative_labels import NegativeLabels


def sampler(labels: int, frequency: Sequence[int] | None = None, **options: Any) -> NegativeLabels:
    codes = [str(label) for label in range(labels)]
    assets = {} if frequency is None else {"frequency": np.array(frequency)}
    context = Context("stages.main.samplers.0", {}, LabelSpace(tuple(codes), tuple(codes)), assets)
    return NegativeLabels(NegativeLabelsConfig(**options), context)


def drawn(made: NegativeLabels, split: LabelledRows, rows: Sequence[int], key: int = 0) -> list[list[int]]:
    """The candidates of each row, without padding."""
    draw = Draw(rows=np.array(rows, dtype=np.int64), anchors=len(rows))
    found = made.draw(draw, split, Rng(key, draw))
    assert found.candidates is not None
    assert found.candidate_mask is not None
    return [ids[mask].tolist() for ids, mask in zip(found.candidates, found.candidate_mask, strict=True)]


@st.composite
def corpora(draw: st.DrawFn) -> tuple[int, list[list[int]]]:
    """A label count and documents with all labels, some or none."""
    labels = draw(st.integers(1, 9))
    sets = st.lists(st.integers(0, labels - 1), unique=True, max_size=labels).map(sorted)
    return labels, draw(st.lists(sets | st.just(list(range(labels))), min_size=1, max_size=6))


@settings(max_examples=300, deadline=None)
@given(corpora(), st.integers(1, 12), st.sampled_from([0.0, 0.5, 1.0, 40.0]), st.data())
def test_every_draw_is_valid(
    corpus: tuple[int, list[list[int]]], negatives: int, power: float, data: st.DataObject
) -> None:
    labels, carried = corpus
    frequency = data.draw(st.lists(st.integers(0, 10**9), min_size=labels, max_size=labels))
    made = sampler(labels, frequency, negatives=negatives, power=power)
    split = LabelledRows(LabelSets.from_lists(carried, labels))
    found = drawn(made, split, range(len(carried)), data.draw(st.integers(0, 2**40)))
    for own, candidates in zip(carried, found, strict=True):
        lacked = candidates[len(own) :]
        assert candidates[: len(own)] == own
        assert not set(lacked) & set(own)
        assert len(set(lacked)) == len(lacked) == min(negatives, labels - len(own))
        assert all(0 <= label < labels for label in lacked)


def as_likely(seen: Counter[Any], wanted: dict[Any, float]) -> None:
    """Each kind comes as often as it should, within five standard deviations."""
    total = sum(seen.values())
    assert set(seen) <= set(wanted)
    assert sum(wanted.values()) == pytest.approx(1)
    for kind, share in wanted.items():
        assert abs(seen[kind] - total * share) <= 5 * math.sqrt(total * share * (1 - share)), kind


@pytest.mark.parametrize(
    ("power", "weights"), [(0.0, [1, 1, 1, 1, 1, 1]), (1.0, [8, 1, 1, 2, 5, 9]), (2, [64, 1, 1, 4, 25, 81])]
)
def test_labels_are_drawn_by_weight_one_after_the_other(power: float, weights: list[int]) -> None:
    """Labels 0 and 4 are carried; label 1 is on no training document and counts as on one."""
    made = sampler(6, [8, 0, 1, 2, 5, 9], negatives=2, power=power)
    split = LabelledRows(LabelSets.from_lists([[0, 4]], 6))
    seen = Counter(tuple(drawn(made, split, [0], key)[0][2:]) for key in range(6000))
    lacked = (1, 2, 3, 5)
    whole = sum(weights[label] for label in lacked)
    wanted = {
        (first, second): weights[first] / whole * weights[second] / (whole - weights[first])
        for first, second in itertools.permutations(lacked, 2)
    }
    as_likely(seen, wanted)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 19), min_size=1, max_size=8, unique=True), st.integers(0, 2**40))
def test_what_is_drawn_for_a_document_depends_on_no_other(rows: list[int], key: int) -> None:
    made = sampler(30)
    split = LabelledRows(LabelSets.from_lists([[row, row + 5] for row in range(20)], 30))
    whole = drawn(made, split, range(20), key)
    assert drawn(made, split, rows, key) == [whole[row] for row in rows]


def test_other_steps_and_copies_draw_other_labels() -> None:
    made = sampler(1000)
    split = LabelledRows(LabelSets.from_lists([[3]], 1000))
    assert drawn(made, split, [0], 1) == drawn(made, split, [0], 1)
    assert len({tuple(drawn(made, split, [0], key)[0]) for key in range(20)}) == 20
    assert len({tuple(labels) for labels in drawn(made, split, [0] * 20)}) == 20


def test_rows_that_samplers_added_have_candidates_too() -> None:
    split = LabelledRows(LabelSets.from_lists([[0], [1, 2]], 8))
    before = Draw(rows=np.array([0]), anchors=1).with_rows(np.array([1])).with_roles(["", "copy"])
    after = sampler(8).draw(before, split, Rng(0, before))
    assert after.rows.tolist() == [0, 1]
    assert after.roles is before.roles
    assert after.candidates is not None
    assert after.candidate_mask is not None
    assert after.candidates[:, :2].tolist()[1] == [1, 2]
    assert after.candidate_mask.sum(1).tolist() == [5, 6]


@pytest.mark.parametrize("power", [0.0, 0.75])
def test_half_a_million_labels_cost_a_document_no_memory_of_their_number(power: float) -> None:
    labels = 500_000
    rng = np.random.default_rng(0)
    frequency = np.minimum(rng.zipf(1.5, labels), 10**6)
    made = sampler(labels, frequency.tolist(), power=power)
    split = LabelledRows(LabelSets.from_lists(rng.integers(0, labels, (64, 5)).tolist(), labels))
    tracemalloc.start()
    found = drawn(made, split, range(64))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < labels  # bytes: less than one for each label
    for row, candidates in enumerate(found):
        own = split.label_sets[row].tolist()
        assert candidates[: len(own)] == own
        assert len(set(candidates)) == len(candidates) == len(own) + 4


def test_frequencies_are_those_of_the_training_split() -> None:
    def split(name: str, carried: list[list[int]]) -> Split:
        texts = Texts.from_list([str(place) for place in range(len(carried))])
        return Split(name, texts, texts, LabelSets.from_lists(carried, 3), name)

    splits = {"train": split("train", [[0], [0, 2]]), "validation": split("validation", [[1]] * 5)}
    corpus = Corpus("made", LabelSpace(tuple("abc"), tuple("abc")), splits)
    assets = NegativeLabels.prepare(NegativeLabelsConfig(power=1), corpus)
    assert assets["frequency"].tolist() == [2, 0, 1]
    assert NegativeLabels.prepare(NegativeLabelsConfig(), corpus) == {}


@pytest.mark.parametrize("options", [{"negatives": 0}, {"power": -1}])
def test_numbers_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(options))):
        NegativeLabelsConfig(**options)
