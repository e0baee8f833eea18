"""The classes of pairs of labels against the paper's table 1, quantifier by quantifier, on any co-occurrence matrix."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Batch, Context, Targets
from labelloom_clmil.clrl import INDIRECT, IRRELEVANT, RELATED, ConstraintLabelRelations
from labelloom_clmil.config import LabelRelationsConfig
from labelloom_clmil.frequent_pairs import frequent_pairs, is_frequent

SCOPES: list[Any] = ["document", "anchor"]


class Matrix:
    """M, its means and the low-frequency labels of each label (eq. 9-10), counted one by one."""

    def __init__(self, documents: list[set[int]], count: int) -> None:
        self.count = count
        self.m = [
            [sum(i in labels and j in labels for labels in documents) if i != j else 0 for j in range(count)]
            for i in range(count)
        ]
        self.mean = [
            Fraction(sum(self.m[i][j] for j in range(count) if j != i), max(count - 1, 1)) for i in range(count)
        ]
        self.low = [{j for j in range(count) if j != i and self.m[i][j] <= self.mean[i]} for i in range(count)]

    def sets(self, carried: set[int], by: set[int]) -> tuple[set[int], set[int], set[int]]:
        """Y+, Y* and Y- as table 1 has them, where `by` are the labels y_k that the quantifiers range over."""
        others = set(range(self.count)) - carried
        star = {j for j in others if any(self.mean[k] < self.m[j][k] and j not in self.low[k] for k in by)}
        minus = {j for j in others if all(self.mean[k] > self.m[j][k] and j in self.low[k] for k in by)}
        return carried, star, minus


@st.composite
def trainings(draw: st.DrawFn) -> tuple[int, list[set[int]]]:
    """How many labels there are, and training documents: of two labels, which make any symmetric matrix, and others."""
    count = draw(st.integers(1, 6))
    documents = [set(draw(st.sets(st.integers(0, count - 1)))) for _ in range(draw(st.integers(0, 4)))]
    for pair in itertools.combinations(range(count), 2):
        documents += [set(pair)] * draw(st.integers(0, 3))
    return count, documents or [set()]


def built(corpus: Corpus, context: Callable[..., Context], **options: Any) -> ConstraintLabelRelations:
    config = LabelRelationsConfig(**options)
    assets = ConstraintLabelRelations.prepare(config, corpus)
    return ConstraintLabelRelations(config, context(assets, len(corpus.labels), labels=4))


@pytest.fixture(scope="session")
def everything(make_batch: Callable[..., Batch], targets_of: Callable[[Any], Targets]) -> Callable[..., torch.Tensor]:
    """(D, L, L): the class of every label B beside every label A, of documents with these label sets."""

    def ask(task: ConstraintLabelRelations, sets: list[set[int]], count: int) -> torch.Tensor:
        carried = torch.tensor([[label in labels for label in range(count)] for labels in sets])
        first = torch.arange(count).expand(len(sets), -1)
        found = task.classes(carried, first, first[:, None], make_batch(len(sets), count), targets_of(carried))
        return found.expand(len(sets), count, count)

    return ask


@pytest.mark.parametrize("scope", SCOPES)
def test_classes_are_the_sets_of_table_1(
    scope: Any, corpus_of: Callable[..., Corpus], make_context: Callable[..., Context], everything: Callable[..., Any]
) -> None:
    met = set()

    @settings(deadline=None, max_examples=80)
    @given(training=trainings())
    def of_every_document(training: tuple[int, list[set[int]]]) -> None:
        count, documents = training
        matrix = Matrix(documents, count)
        task = built(corpus_of([sorted(labels) for labels in documents], count), make_context, scope=scope)
        asked = [set(labels) for n in range(count + 1) for labels in itertools.combinations(range(count), n)]
        found = everything(task, asked, count)
        for row, carried in enumerate(asked):
            for one in carried:
                by = carried if scope == "document" else {one}
                plus, star, minus = matrix.sets(carried, by)
                for other in set(range(count)) - {one}:
                    kind = int(found[row, one, other])
                    met.add(kind)
                    assert (kind == RELATED) == (other in plus)
                    assert (kind == INDIRECT) == (other in star)
                    # What table 1 puts into no set meets some label as often as that one meets labels on average.
                    level = any(matrix.m[other][k] == matrix.mean[k] for k in by)
                    assert (kind == IRRELEVANT) == (other in minus or (other not in plus | star and level))

    of_every_document()
    assert met == {RELATED, INDIRECT, IRRELEVANT}


def test_as_often_as_on_average_is_irrelevant(
    corpus_of: Callable[..., Corpus], make_context: Callable[..., Context], everything: Callable[..., Any]
) -> None:
    """All pairs occur once, so that table 1 puts no label that a document lacks into any set."""
    documents = [list(pair) for pair in itertools.combinations(range(4), 2)]
    matrix = Matrix([set(labels) for labels in documents], 4)
    assert matrix.sets({0, 1}, {0, 1}) == ({0, 1}, set(), set())
    task = built(corpus_of(documents, 4), make_context)
    assert everything(task, [{0, 1}], 4)[0, 0].tolist() == [RELATED, RELATED, IRRELEVANT, IRRELEVANT]


def test_the_scopes_differ_by_what_the_other_labels_come_with(
    corpus_of: Callable[..., Corpus], make_context: Callable[..., Context], everything: Callable[..., Any]
) -> None:
    corpus = corpus_of([[0, 1], [0, 1], [1, 2], [1, 2], [3]], 4)
    of_document, of_anchor = (
        everything(built(corpus, make_context, scope=scope), [{0, 1}], 4)[0].tolist() for scope in SCOPES
    )
    assert of_document[:2] == [[RELATED, RELATED, INDIRECT, IRRELEVANT]] * 2
    assert of_anchor[:2] == [[RELATED, RELATED, IRRELEVANT, IRRELEVANT], [RELATED, RELATED, INDIRECT, IRRELEVANT]]


def test_frequent_pairs_are_not_symmetric(corpus_of: Callable[..., Corpus]) -> None:
    """Label 1 is the one partner of label 2, which comes with 1 less often than others do."""
    corpus = corpus_of([[0, 1]] * 5 + [[1, 2], [1, 3]], 4)
    pairs = torch.from_numpy(frequent_pairs(corpus.statistics))
    one, other = torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")
    found = {tuple(pair) for pair in is_frequent(pairs, 4, one, other).nonzero().tolist()}
    assert found == {(0, 1), (1, 0), (2, 1), (3, 1)}


def test_labels_that_never_come_together_have_no_frequent_pair(corpus_of: Callable[..., Corpus]) -> None:
    pairs = frequent_pairs(corpus_of([[0], [1], []], 3).statistics)
    assert pairs.dtype == np.int64
    assert not len(pairs)
    asked = torch.arange(3)
    assert is_frequent(torch.from_numpy(pairs), 3, asked[:, None], asked).tolist() == [[False] * 3] * 3


def test_memory_follows_the_pairs_that_occur(corpus_of: Callable[..., Corpus]) -> None:
    """A matrix of these labels would have 250 billion cells."""
    count = 500_000
    corpus = corpus_of([[0, 1, count - 1], [1, count - 1], [7]], count)
    pairs = frequent_pairs(corpus.statistics)
    known = [(0, 1), (0, count - 1), (1, 0), (1, count - 1), (count - 1, 0), (count - 1, 1)]
    assert pairs.tolist() == [one * count + other for one, other in known]
    asked = torch.tensor([[count - 1, 0], [count - 1, 7], [count - 1, count - 1]])
    assert is_frequent(torch.from_numpy(pairs), count, asked[:, 0], asked[:, 1]).tolist() == [True, False, False]


@pytest.mark.parametrize("scope", SCOPES)
def test_another_order_of_labels_is_another_order_of_classes(
    scope: Any, corpus_of: Callable[..., Corpus], make_context: Callable[..., Context], everything: Callable[..., Any]
) -> None:
    order = [3, 1, 4, 0, 2]  # label i is now called order[i]
    documents = [[0, 1], [0, 1], [1, 2], [2, 3], [2, 3], [0, 4], [2], [0, 1, 3]]
    asked = [{0}, {0, 2}, {1, 4}, {0, 1, 2, 3}]
    before = everything(built(corpus_of(documents, 5), make_context, scope=scope), asked, 5)
    renamed = corpus_of([sorted(order[label] for label in labels) for labels in documents], 5)
    turned = [{order[label] for label in labels} for labels in asked]
    after = everything(built(renamed, make_context, scope=scope), turned, 5)
    assert torch.equal(after[:, order][:, :, order], before)
    assert len(before.unique()) == 3
