"""The label-wise ranking against eq. 2-3, document by document in float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from labelloom.data.labels import LabelSpace
from labelloom.errors import TrainingError
from labelloom.interfaces import Batch, Context, Loss, States, Targets
from labelloom_lwpt.ranking import LabelWiseRanking

# Two targets, a row that another sampler added, then three candidates of each target, the right one first.
ROLES = ["target", "target", "", *["candidate"] * 6]
ROWS = len(ROLES)
RELATION = torch.zeros(ROWS, ROWS, dtype=torch.int8)
RELATION[0, 3:6] = RELATION[1, 6:9] = torch.tensor([1, -1, -1])
LABELS = [4, 2, 0, 4, 4, 4, 2, 2, 2]
TARGETS = Targets(torch.zeros(ROWS + 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), 5)


def batch_of(**fields: Any) -> Batch:
    ids = torch.tensor(LABELS)[:, None]
    there: dict[str, Any] = {"label_mask": torch.tensor([role != "" for role in ROLES])[:, None], "relation": RELATION}
    return Batch(
        inputs={},
        rows=torch.arange(ROWS),
        copies=torch.zeros(ROWS, dtype=torch.int64),
        label_ids=ids,
        label_count=5,
        is_anchor=torch.arange(ROWS) < 2,
        **{**there, **fields},
    )


def task() -> LabelWiseRanking:
    return LabelWiseRanking(None, Context("tasks.ranking", {"labels": 6}, LabelSpace(tuple("abcde"), tuple("abcde"))))


def loss_of(labels: Tensor, **fields: Any) -> Loss:
    """`labels` is (B, C, K)."""
    return task()(States(labels=labels), batch_of(**fields), TARGETS)


def naive(labels: Tensor) -> Tensor:
    """Eq. 2 and 3 with loops over targets, candidates and the entries of the vectors."""
    total = labels.sum() * 0
    for target, candidates in ((0, [3, 4, 5]), (1, [6, 7, 8])):
        scores = []
        for candidate in candidates:
            score = torch.zeros((), dtype=labels.dtype)
            for one, other in zip(labels[target, 0], labels[candidate, 0], strict=True):
                score = score + one * other
            scores.append(score)
        total = total - torch.log(torch.exp(scores[0]) / sum(torch.exp(score) for score in scores))
    return total


def vectors(seed: int = 0) -> Tensor:
    return torch.randn(ROWS, 1, 6, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", range(5))
def test_loss_and_gradient_are_those_of_the_equations(seed: int) -> None:
    labels, exact = vectors(seed).requires_grad_(), vectors(seed).double().requires_grad_()
    loss, expected = loss_of(labels), naive(exact)
    assert (loss.total.item(), loss.count.item()) == (pytest.approx(expected.item(), rel=1e-5), 2)
    loss.total.backward()
    expected.backward()
    assert labels.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(labels.grad, exact.grad.float(), rtol=1e-4, atol=1e-6)


def test_the_accuracy_is_how_often_the_right_candidate_scores_highest() -> None:
    labels = torch.zeros(ROWS, 1, 6)
    labels[[0, 1, 3, 7], 0, 0] = 1.0  # the first target meets its own, the second one that lacks its label
    assert loss_of(labels).logs["accuracy"].item() == 1
    labels[7, 0, 0] = 0.0  # and now its candidates are all alike
    assert loss_of(labels).logs["accuracy"].item() == pytest.approx(1 + 1 / 3)
    assert set(loss_of(labels).logs) == {"accuracy"}


def test_rows_that_are_compared_with_nothing_may_be_anything() -> None:
    clean, poisoned = vectors(), vectors()
    poisoned[2] = torch.nan
    poisoned.requires_grad_()
    loss = loss_of(poisoned)
    assert torch.equal(loss.total, loss_of(clean).total)
    loss.total.backward()
    assert poisoned.grad is not None
    assert poisoned.grad.isfinite().all()
    assert poisoned.grad[2].eq(0).all()


def test_where_nothing_is_compared_nothing_counts() -> None:
    labels = torch.full((ROWS, 1, 6), torch.nan, requires_grad=True)
    loss = loss_of(labels, relation=torch.zeros_like(RELATION))
    assert (loss.total.item(), loss.count.item()) == (0.0, 0.0)
    loss.total.backward()
    assert labels.grad is not None
    assert labels.grad.eq(0).all()


def test_scores_are_summed_in_fp32_under_autocast() -> None:
    """In bf16 a score near 300 could only be told from one that differs by more than a half."""
    labels = vectors() + 7
    with torch.autocast("cpu", torch.bfloat16):
        mixed = loss_of(labels).total
    assert torch.equal(mixed, loss_of(labels).total)
    assert mixed.item() == pytest.approx(naive(labels.double()).item(), rel=1e-4)


@pytest.mark.parametrize("count", [0, 3, 1987])
def test_more_labels_than_one_are_refused(count: int) -> None:
    with pytest.raises(TrainingError) as error:
        loss_of(torch.zeros(ROWS, count, 6))
    assert str(error.value).splitlines() == [
        "tasks.ranking: documents are compared by the one label that each was drawn for, but each comes with "
        f"{count:,} labels",
        "    try: draw the labels of this stage with lwpt/candidates alone",
    ]
