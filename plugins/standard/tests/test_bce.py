from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from labelloom.data.corpus import Corpus
from labelloom.data.label_sets import LabelSets
from labelloom.interfaces import Batch, Context, Loss, States, Targets
from labelloom_standard.bce import BCE, balanced_weights
from labelloom_standard.config import BCEConfig

SETS = [[0, 3], [], [1, 2, 4]]
TARGETS = Targets(torch.tensor([0, 2, 2, 5]), torch.tensor([0, 3, 1, 2, 4]), 5)
OWN = [[0, 3, 1], [4, 2, 0], [1, 2, 0]]
OWN_MASK = [[True, True, True], [True, True, False], [False, False, False]]


def run(make_context: Any, scores: Tensor, batch: Batch, **options: Any) -> Loss:
    return BCE(BCEConfig(**options), make_context())(States(scores=scores), batch, TARGETS)


def naive(scores: Tensor, batch: Batch, positive_weight: float = 1.0) -> tuple[float, int, int]:
    """The sum over what counts, how many documents count and how many labels, by the definition."""
    total, documents, cells = 0.0, 0, 0
    countable = batch.countable.expand(scores.shape).tolist()
    for row, ids in enumerate(batch.label_ids.expand(len(scores), -1).tolist()):
        for place, label in enumerate(ids):
            if countable[row][place]:
                probability = 1 / (1 + math.exp(-float(scores[row, place])))
                true = label in SETS[row]
                total -= positive_weight * math.log(probability) if true else math.log(1 - probability)
                cells += 1
        documents += any(countable[row])
    return total, documents, cells


@pytest.mark.parametrize("positive_weight", [None, 3.0])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"ids": [[3, 1]]},
        {"ids": OWN, "mask": OWN_MASK},
        {"is_anchor": torch.tensor([True, False, True])},
        {"given": torch.tensor([[1, -1, 0, -1, -1], [-1] * 5, [1, 1, 1, 0, 0]], dtype=torch.int8)},
    ],
    ids=["every label", "a shared subset", "each document's own", "added rows", "given labels"],
)
def test_the_sum_is_over_what_counts(
    make_context: Callable[..., Context],
    make_batch: Callable[..., Batch],
    fields: dict[str, Any],
    positive_weight: float | None,
) -> None:
    torch.manual_seed(0)
    batch = make_batch(3, **fields)
    scores = 2 * torch.randn(3, batch.label_ids.shape[1], dtype=torch.float32)
    total, documents, cells = naive(scores, batch, positive_weight or 1.0)
    summed = run(make_context, scores, batch, positive_weight=positive_weight)
    averaged = run(make_context, scores, batch, positive_weight=positive_weight, reduction="mean")
    for loss, count in ((summed, documents), (averaged, cells)):
        assert float(loss.total) == pytest.approx(total, rel=1e-5)
        assert float(loss.count) == count
        assert loss.total.shape == loss.count.shape == ()


def test_the_gradient_is_probability_minus_truth(make_context: Any, make_batch: Callable[..., Batch]) -> None:
    scores = torch.randn(3, 5, requires_grad=True)
    run(make_context, scores, make_batch(3)).total.backward()
    truth = TARGETS.dense(torch.arange(5)[None]).float()
    torch.testing.assert_close(scores.grad, (scores.sigmoid() - truth).detach())


def test_what_does_not_count_may_be_anything(make_context: Any, make_batch: Callable[..., Batch]) -> None:
    batch = make_batch(3, ids=OWN, mask=OWN_MASK)
    clean = torch.randn(3, 3)
    poisoned = torch.where(torch.tensor(OWN_MASK), clean, torch.nan).requires_grad_()
    loss = run(make_context, poisoned, batch)
    loss.total.backward()
    assert torch.equal(loss.total, run(make_context, clean, batch).total)
    assert poisoned.grad is not None
    assert poisoned.grad.isfinite().all()
    assert poisoned.grad[~torch.tensor(OWN_MASK)].eq(0).all()


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_where_nothing_counts_the_loss_is_nought_of_nothing(
    make_context: Any, make_batch: Callable[..., Batch], reduction: str
) -> None:
    scores = torch.full((3, 5), torch.inf, requires_grad=True)
    batch = make_batch(3, is_anchor=torch.zeros(3, dtype=torch.bool))
    loss = run(make_context, scores, batch, reduction=reduction)
    assert (loss.total.item(), loss.count.item()) == (0.0, 0.0)
    loss.total.backward()
    assert scores.grad is not None
    assert scores.grad.eq(0).all()


def test_bf16_scores_are_summed_in_fp32(make_context: Any, make_batch: Callable[..., Batch]) -> None:
    scores = (8 * torch.randn(3, 5, generator=torch.Generator().manual_seed(0))).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        loss = run(make_context, scores, make_batch(3))
    assert loss.total.dtype == torch.float32
    assert float(loss.total) == pytest.approx(naive(scores, make_batch(3))[0], rel=1e-5)


def test_large_scores_stay_finite(make_context: Any, make_batch: Callable[..., Batch]) -> None:
    scores = torch.tensor([[1e4, -1e4, 1e4, -1e4, 0.0]] * 3, requires_grad=True)
    loss = run(make_context, scores, make_batch(3))
    loss.total.backward()
    assert loss.total.isfinite()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()


def counted(make_corpus: Any, sets: list[list[int]]) -> Corpus:
    """A corpus whose training split has these label sets."""
    corpus = make_corpus([""] * len(sets))
    corpus.splits["train"] = replace(corpus.train, label_sets=LabelSets.from_lists(sets, len(corpus.labels)))
    return corpus


FREQUENCIES = [[0, 1, 2], [0, 1], [0, 1], [0]]
"""Label 0 on 4 of 4 documents, 1 on 3, 2 on 1, 3 and 4 on none."""


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({"positive_weight": "balanced"}, [1, 1 / 3, 3, 1, 1]),
        ({"positive_weight": "sqrt"}, [1, 3**-0.5, 3**0.5, 1, 1]),
        ({"positive_weight": "balanced", "max_positive_weight": 2.0}, [1, 1 / 3, 2, 1, 1]),
        ({"positive_weight": "sqrt", "max_positive_weight": 0.9}, [0.9, 3**-0.5, 0.9, 0.9, 0.9]),
    ],
)
def test_weights_come_from_the_training_split(make_corpus: Any, options: dict[str, Any], weights: list[float]) -> None:
    made = BCE.prepare(BCEConfig(**options), counted(make_corpus, FREQUENCIES))
    assert made.keys() == {"positive_weight"}
    assert made["positive_weight"].tolist() == pytest.approx(weights)


@pytest.mark.parametrize("positive_weight", [None, 2.5])
def test_a_weight_that_is_given_takes_nothing_from_the_corpus(make_corpus: Any, positive_weight: float | None) -> None:
    assert BCE.prepare(BCEConfig(positive_weight=positive_weight), counted(make_corpus, FREQUENCIES)) == {}


@given(st.lists(st.lists(st.integers(0, 4), max_size=5, unique=True), min_size=1, max_size=12))
def test_balanced_weights_make_both_sides_equal(sets: list[list[int]]) -> None:
    truth = LabelSets.from_lists(sets, 5).to_dense()
    weights = balanced_weights(truth.sum(0), len(truth))
    for label in range(5):
        carried = int(truth[:, label].sum())
        if 0 < carried < len(truth):
            assert weights[label] * carried == pytest.approx(len(truth) - carried)
        else:
            assert weights[label] == 1


@pytest.mark.parametrize(
    "fields",
    [{}, {"ids": [[3, 1]]}, {"ids": OWN, "mask": OWN_MASK}],
    ids=["every label", "a shared subset", "each document's own"],
)
def test_each_label_is_weighted_by_its_own(make_context: Any, make_batch: Any, fields: dict[str, Any]) -> None:
    weights = np.array([0.5, 1, 2, 4, 8], dtype=np.float32)
    task = BCE(BCEConfig(positive_weight="balanced"), make_context({"positive_weight": weights}))
    batch = make_batch(3, **fields)
    scores = torch.randn(3, batch.label_ids.shape[1], generator=torch.Generator().manual_seed(2))
    loss = task(States(scores=scores), batch, TARGETS)
    total = 0.0
    countable = batch.countable.expand(scores.shape)
    for row, ids in enumerate(batch.label_ids.expand(3, -1).tolist()):
        for place, label in enumerate(ids):
            if countable[row, place]:
                probability = 1 / (1 + math.exp(-float(scores[row, place])))
                true = label in SETS[row]
                total -= float(weights[label]) * math.log(probability) if true else math.log(1 - probability)
    assert float(loss.total) == pytest.approx(total, rel=1e-5)
    # They are assets of the run, so the weights file has no second copy.
    assert task.state_dict() == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive_weight": 0}, "positive_weight = 0 must be greater than 0"),
        ({"positive_weight": -1.5}, "positive_weight = -1.5 must be greater than 0"),
        ({"max_positive_weight": 3}, "max_positive_weight would be ignored: it caps positive_weight"),
        ({"positive_weight": 2, "max_positive_weight": 3}, "max_positive_weight would be ignored"),
    ],
)
def test_weights_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as told:
        BCEConfig(**options)
    assert message in str(told.value)
