"""The sampler of the pre-training: every draw is valid, each as likely, and a document's own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.interfaces import Context, Draw, LabelledRows, Rng
from labelloom_lwpt.candidates import Candidates, lacking
from labelloom_lwpt.config import CandidatesConfig

N_LABELS = 5


def sampler(n: int = 3, labels: int = N_LABELS) -> Candidates:
    codes = tuple(f"label {place}" for place in range(labels))
    return Candidates(CandidatesConfig(n=n), Context("stages.pretrain.samplers.0", {}, LabelSpace(codes, codes)))


def rows_of(truth: Any) -> LabelledRows:
    return LabelledRows(LabelSets.from_dense(np.asarray(truth, dtype=bool)))


def drawn(split: LabelledRows, rows: Sequence[int], n: int = 3, key: int = 0, before: Draw | None = None) -> Draw:
    draw = before or Draw(rows=np.array(rows, dtype=np.int64), anchors=len(rows))
    return sampler(n, split.label_sets.label_count).draw(draw, split, Rng(key, draw))


def triples(draw: Draw) -> list[tuple[int, int, list[int]]]:
    """For each anchor its label, its positive and its negatives, as relation and candidates tell them."""
    assert draw.relation is not None
    assert draw.candidates is not None
    found = []
    for place in range(draw.anchors):
        (positive,), negatives = (np.flatnonzero(draw.relation[place] == sign) for sign in (1, -1))
        asked = {draw.candidates[other, 0] for other in (place, positive, *negatives)}
        assert len(asked) == 1, "a label is compared with itself"
        found.append((int(asked.pop()), int(draw.rows[positive]), draw.rows[negatives].tolist()))
    return found


corpora = arrays.arrays(np.bool_, st.tuples(st.integers(1, 14), st.just(N_LABELS)))


@settings(max_examples=200, deadline=None)
@given(corpora, st.integers(2, 5), st.integers(0, 2**40))
def test_every_draw_is_valid(truth: np.ndarray, n: int, key: int) -> None:
    """Documents without labels, labels in every document or in one, and splits of few documents among them."""
    split = rows_of(truth)
    anchors = sampler(n).anchors(split, np.arange(len(truth)))
    counts = truth.sum(0)
    drawable = (counts >= 2) & (len(truth) - counts >= n - 1)
    assert anchors.tolist() == [row for row in range(len(truth)) if (truth[row] & drawable).any()]
    assume(len(anchors))
    draw = drawn(split, anchors.tolist(), n, key)
    for row, (label, positive, negatives) in zip(anchors, triples(draw), strict=True):
        assert drawable[label]
        assert truth[row, label]
        assert positive != row
        assert truth[positive, label]
        assert len(set(negatives)) == len(negatives) == n - 1
        assert not truth[negatives, label].any()


def test_labels_positives_and_negatives_are_each_as_likely() -> None:
    """Document 0 has labels 0, 1 and 2; 0 is carried by three others, 1 by one, 2 by all but three, 3 by no other."""
    truth = np.zeros((8, N_LABELS), dtype=bool)
    truth[[0, 3, 5, 6], 0] = True
    truth[[0, 2], 1] = True
    truth[[0, 1, 2, 4, 7], 2] = True
    truth[0, 3] = True
    split, times = rows_of(truth), 10_000
    found = [triples(drawn(split, [0], 3, key))[0] for key in range(times)]

    def even(seen: Counter[Any], kinds: int, total: int) -> None:
        """Each of `kinds` is as likely, within five standard deviations."""
        assert len(seen) == kinds
        spread = math.sqrt(total * (1 / kinds) * (1 - 1 / kinds))
        for kind, count in seen.items():
            assert abs(count - total / kinds) <= 5 * spread, kind

    even(Counter(label for label, _, _ in found), 3, times)
    for label, others, without in ((0, [3, 5, 6], 4), (1, [2], 6), (2, [1, 2, 4, 7], 3)):
        own = [(positive, frozenset(negatives)) for drawn_label, positive, negatives in found if drawn_label == label]
        assert {positive for positive, _ in own} == set(others)
        even(Counter(positive for positive, _ in own), len(others), len(own))
        even(Counter(negatives for _, negatives in own), math.comb(without, 2), len(own))
        joint = Counter(own)  # a positive goes with any negatives
        even(joint, len(others) * math.comb(without, 2), len(own))


@pytest.fixture(scope="module")
def thirty() -> LabelledRows:
    return rows_of(np.random.default_rng(5).random((30, N_LABELS)) < [0.9, 0.5, 0.3, 0.3, 0.1])


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_what_a_document_meets_depends_on_no_other(thirty: LabelledRows, data: st.DataObject) -> None:
    anchors = sampler().anchors(thirty, np.arange(30)).tolist()
    some = data.draw(st.lists(st.sampled_from(anchors), min_size=1, max_size=8, unique=True))
    whole = dict(zip(anchors, triples(drawn(thirty, anchors, key=9)), strict=True))
    assert triples(drawn(thirty, some, key=9)) == [whole[row] for row in some]
    # Whatever another sampler has added before: nobody's positive, nor another copy of the document.
    before = Draw(rows=np.array(some, dtype=np.int64), anchors=len(some)).with_rows(np.array([*some, 3]))
    assert triples(drawn(thirty, some, key=9, before=before)) == [whole[row] for row in some]


def test_a_document_meets_others_in_every_step(thirty: LabelledRows) -> None:
    anchors = sampler().anchors(thirty, np.arange(30)).tolist()
    first, again, second = (triples(drawn(thirty, anchors, key=key)) for key in (1, 1, 2))
    assert first == again
    same = sum(one == other for one, other in zip(first, second, strict=True))
    assert same < len(anchors) / 5
    twice = triples(drawn(thirty, [anchors[0]] * 40, key=1))  # copies of a document differ, too
    assert len({(label, positive, tuple(negatives)) for label, positive, negatives in twice}) > 20


def test_what_is_there_stays_first_and_in_order(thirty: LabelledRows) -> None:
    anchors = sampler().anchors(thirty, np.arange(30))[:2]
    before = Draw(rows=anchors, anchors=2).with_rows(np.array([7])).with_roles(["", "", "copy"])
    before = before.with_relation(np.array([[0, 0, 1], [0, 0, 0], [-1, 0, 0]], dtype=np.int8))
    before = before.with_given(np.array([[1, -1, -1, -1, -1]] * 3))
    after = drawn(thirty, [], before=before)
    assert after.rows[:3].tolist() == before.rows.tolist()
    assert (after.anchors, len(after.rows)) == (2, 3 + 2 * 3)
    assert after.roles is not None
    assert after.roles.tolist() == ["target", "target", "copy", *["candidate"] * 6]
    assert after.relation is not None
    expected = np.zeros((9, 9), dtype=np.int8)
    expected[0, 2], expected[2, 0] = 1, -1
    expected[0, 3:6] = expected[1, 6:9] = [1, -1, -1]
    assert after.relation.tolist() == expected.tolist()
    assert after.given is not None
    assert after.given[:3].tolist() == [[1, -1, -1, -1, -1]] * 3
    assert (after.given[3:] == -1).all()
    assert after.candidate_mask is not None
    assert after.candidate_mask.tolist() == [[True], [True], [False], *[[True]] * 6]


@pytest.mark.parametrize(
    ("truth", "n", "note"),
    [
        (
            [[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 0]],
            3,
            "2 of 4 documents and 2 of 3 labels cannot be drawn: it takes a label that at least 2 documents carry and "
            "2 lack",
        ),
        (
            [[1, 0], [1, 0], [0, 1], [0, 1], [0, 0]],
            2,
            "1 of 5 documents cannot be drawn: it takes a label that at least 2 documents carry and 1 lack",
        ),
        (
            [[1, 0], [1, 1], [1, 1], [0, 1]],
            2,
            None,
        ),
        (
            [[1, 0, 1], [1, 1, 0], [0, 1, 0], [0, 1, 0]],
            2,
            "1 of 3 labels cannot be drawn: it takes a label that at least 2 documents carry and 1 lack",
        ),
        (
            [[1]],
            2,
            "1 of 1 document and 1 of 1 label cannot be drawn: it takes a label that at least 2 documents carry and "
            "1 lack (no n will do for this split)",
        ),
        (
            [[1, 1], [1, 1], [0, 1], [0, 1], [0, 0]],
            5,
            "5 of 5 documents and 2 of 2 labels cannot be drawn: it takes a label that at least 2 documents carry and "
            "4 lack (n = 4 is the most for this split)",
        ),
        (
            [[1], [1]],
            2,
            "2 of 2 documents and 1 of 1 label cannot be drawn: it takes a label that at least 2 documents carry and "
            "1 lack (no n will do for this split)",
        ),
    ],
)
def test_what_cannot_be_drawn_is_noted(truth: list[list[int]], n: int, note: str | None) -> None:
    split, asked = rows_of(truth), sampler(n, len(truth[0]))
    for _ in range(2):  # asked for two splits, a sampler tells of the last
        asked.anchors(split, np.arange(len(truth)))
        assert asked.notes == ([] if note is None else [note])


def test_of_the_documents_that_others_leave_only_those_are_told() -> None:
    split, asked = rows_of([[1, 0], [1, 0], [0, 0], [0, 0]]), sampler(3, 2)
    assert asked.anchors(split, np.array([1, 3])).tolist() == [1]
    assert asked.notes[0].startswith("1 of 2 documents and 1 of 2 labels cannot be drawn")


@settings(max_examples=100, deadline=None)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 3))))
def test_the_largest_n_that_is_told_is_the_largest_that_draws(truth: np.ndarray) -> None:
    """Against trying each."""
    split, rows = rows_of(truth.astype(int).tolist()), np.arange(len(truth))
    works = [n for n in range(2, 12) if len(sampler(n, truth.shape[1]).anchors(split, rows))]
    asked = sampler(12, truth.shape[1])
    asked.anchors(split, rows)
    told = f"n = {max(works)} is the most for this split" if works else "no n will do for this split"
    assert asked.notes[0].endswith(f" ({told})")


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 40), st.data())
def test_rows_without_a_label_are_found_in_order(size: int, data: st.DataObject) -> None:
    carrying = data.draw(st.sets(st.integers(0, size - 1), max_size=size))
    others = [row for row in range(size) if row not in carrying]
    ascending = np.array(sorted(carrying), dtype=np.int64)
    assert [lacking(ascending, number) for number in range(len(others))] == others


def test_finding_one_looks_at_few_of_a_large_labels_documents() -> None:
    class Looked:
        """Every row below 2^20 but each tenth."""

        def __init__(self) -> None:
            self.times = 0

        def __len__(self) -> int:
            return 9 * 2**20 // 10

        def __getitem__(self, place: int) -> int:
            self.times += 1
            return place // 9 * 10 + place % 9 + 1

    carrying: Any = Looked()
    assert lacking(carrying, 70_000) == 700_000
    assert carrying.times <= 21


@pytest.mark.parametrize("n", [1, 0, -3])
def test_a_target_needs_a_candidate_that_lacks_its_label(n: int) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        CandidatesConfig(n=n)
