"""The losses of single labels against the formulas of their papers, label by label in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from labelloom.interfaces import Batch, Loss, States, Targets
from labelloom_standard.asymmetric import Asymmetric
from labelloom_standard.bce import BCE
from labelloom_standard.config import AsymmetricConfig, BCEConfig, FocalConfig
from labelloom_standard.focal import Focal

SETS = [[0, 3], [], [1, 2, 4]]
TARGETS = Targets(torch.tensor([0, 2, 2, 5]), torch.tensor([0, 3, 1, 2, 4]), 5)
OWN = [[0, 3, 1], [4, 2, 0], [1, 2, 0]]
OWN_MASK = [[True, True, True], [True, True, False], [False, False, False]]
BATCHES: dict[str, dict[str, Any]] = {
    "every label": {},
    "a shared subset": {"ids": [[3, 1]]},
    "each document's own": {"ids": OWN, "mask": OWN_MASK},
    "added rows": {"is_anchor": torch.tensor([True, False, True])},
    "given labels": {"given": torch.tensor([[1, -1, 0, -1, -1], [-1] * 5, [1, 1, 1, 0, 0]], dtype=torch.int8)},
}
Formula = Callable[[float, bool], float]


def bce(score: float, true: bool) -> float:
    p = 1 / (1 + math.exp(-score))
    return -math.log(p if true else 1 - p)


def focal(gamma: float, alpha: float | None = None) -> Formula:
    def formula(score: float, true: bool) -> float:
        p = 1 / (1 + math.exp(-score))
        p_t = p if true else 1 - p
        alpha_t = 1.0 if alpha is None else alpha if true else 1 - alpha
        return -alpha_t * (1 - p_t) ** gamma * math.log(p_t)

    return formula


def asymmetric(gamma_positive: float, gamma_negative: float, margin: float) -> Formula:
    def formula(score: float, true: bool) -> float:
        p = 1 / (1 + math.exp(-score))
        p_m = max(p - margin, 0)
        if true:
            return -((1 - p) ** gamma_positive) * math.log(p)
        return -(p_m**gamma_negative) * math.log(1 - p_m)

    return formula


LOSSES: dict[str, tuple[Any, Any, dict[str, Any], Formula]] = {
    "bce": (BCE, BCEConfig, {}, bce),
    "focal": (Focal, FocalConfig, {}, focal(2)),
    "focal, alpha": (Focal, FocalConfig, {"alpha": 0.25}, focal(2, 0.25)),
    "focal, gamma below 1": (Focal, FocalConfig, {"gamma": 0.5}, focal(0.5)),
    "focal, gamma 0": (Focal, FocalConfig, {"gamma": 0}, bce),
    "asymmetric": (Asymmetric, AsymmetricConfig, {}, asymmetric(0, 4, 0.05)),
    "asymmetric, both sides": (
        *(Asymmetric, AsymmetricConfig, {"gamma_positive": 1, "gamma_negative": 2.5, "margin": 0.2}),
        asymmetric(1, 2.5, 0.2),
    ),
    "asymmetric, gammas below 1": (
        *(Asymmetric, AsymmetricConfig, {"gamma_positive": 0.5, "gamma_negative": 0.5}),
        asymmetric(0.5, 0.5, 0.05),
    ),
    "asymmetric, no margin": (Asymmetric, AsymmetricConfig, {"margin": 0}, asymmetric(0, 4, 0)),
    "asymmetric, nothing": (Asymmetric, AsymmetricConfig, {"gamma_negative": 0, "margin": 0}, bce),
}


@pytest.fixture
def run(make_context: Any) -> Callable[..., Loss]:
    def loss(name: str, scores: Tensor, batch: Batch, **options: Any) -> Loss:
        task, config, chosen, _ = LOSSES[name]
        return task(config(**chosen, **options), make_context())(States(scores=scores), batch, TARGETS)

    return loss


@pytest.mark.parametrize("fields", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("name", LOSSES)
def test_the_sum_is_over_what_counts(
    run: Callable[..., Loss], make_batch: Callable[..., Batch], name: str, fields: dict[str, Any]
) -> None:
    batch = make_batch(3, **fields)
    scores = 2 * torch.randn(3, batch.label_ids.shape[1], generator=torch.Generator().manual_seed(0))
    countable = batch.countable.expand(scores.shape).tolist()
    total, cells = 0.0, 0
    for row, ids in enumerate(batch.label_ids.expand(len(scores), -1).tolist()):
        for place, label in enumerate(ids):
            if countable[row][place]:
                total += LOSSES[name][3](float(scores[row, place]), label in SETS[row])
                cells += 1
    documents = sum(map(any, countable))
    for reduction, count in (("sum", documents), ("mean", cells)):
        loss = run(name, scores, batch, reduction=reduction)
        assert float(loss.total) == pytest.approx(total, rel=1e-5)
        assert float(loss.count) == count
        assert loss.total.shape == loss.count.shape == ()


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_that_of_the_formula(run: Callable[..., Loss], make_batch: Any, name: str) -> None:
    """Autograd in fp32 against central differences of the float64 formula."""
    scores = torch.tensor([[-4.0, -2.0, 0.3, 2.0, 4.0], [-3.1, -1.5, 0.0, 1.2, 3.3], [-0.5, 5.0, -5.0, 0.5, 1.0]])
    scores.requires_grad_()
    run(name, scores, make_batch(3)).total.backward()
    assert scores.grad is not None
    formula, step = LOSSES[name][3], 1e-5
    for row in range(3):
        for label in range(5):
            score, true = scores[row, label].item(), label in SETS[row]
            slope = (formula(score + step, true) - formula(score - step, true)) / (2 * step)
            assert scores.grad[row, label].item() == pytest.approx(slope, rel=2e-4, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_scores_of_any_size_have_finite_losses_and_gradients(
    run: Callable[..., Loss], make_batch: Any, name: str
) -> None:
    for size in (20.0, 89.0, 110.0, 1e4, 1e30):
        scores = torch.tensor([[size, -size, size, -size, 0.0]] * 3, requires_grad=True)
        loss = run(name, scores, make_batch(3))
        loss.total.backward()
        assert loss.total.isfinite(), size
        assert scores.grad is not None
        assert scores.grad.isfinite().all(), size


@pytest.mark.parametrize("name", LOSSES)
def test_what_does_not_count_may_be_anything(run: Callable[..., Loss], make_batch: Any, name: str) -> None:
    batch = make_batch(3, ids=OWN, mask=OWN_MASK)
    clean = torch.randn(3, 3, generator=torch.Generator().manual_seed(1))
    poisoned = torch.where(torch.tensor(OWN_MASK), clean, torch.nan).requires_grad_()
    loss = run(name, poisoned, batch)
    loss.total.backward()
    assert torch.equal(loss.total, run(name, clean, batch).total)
    assert poisoned.grad is not None
    assert poisoned.grad.isfinite().all()
    assert poisoned.grad[~torch.tensor(OWN_MASK)].eq(0).all()


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("name", LOSSES)
def test_where_nothing_counts_the_loss_is_nought_of_nothing(
    run: Callable[..., Loss], make_batch: Any, name: str, reduction: str
) -> None:
    scores = torch.full((3, 5), torch.inf, requires_grad=True)
    loss = run(name, scores, make_batch(3, is_anchor=torch.zeros(3, dtype=torch.bool)), reduction=reduction)
    assert (loss.total.item(), loss.count.item()) == (0.0, 0.0)
    loss.total.backward()
    assert scores.grad is not None
    assert scores.grad.eq(0).all()


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_is_summed_in_fp32(run: Callable[..., Loss], make_batch: Any, name: str, kind: Any) -> None:
    scores = (8 * torch.randn(3, 5, generator=torch.Generator().manual_seed(0))).to(kind)
    with torch.autocast("cpu", torch.bfloat16):
        loss = run(name, scores, make_batch(3))
    assert loss.total.dtype == torch.float32
    assert float(loss.total) == pytest.approx(float(run(name, scores.float(), make_batch(3)).total), rel=1e-6)


def test_labels_within_the_margin_cost_nothing(run: Callable[..., Loss], make_batch: Any) -> None:
    scores = torch.full((3, 5), math.log(0.04 / 0.96), requires_grad=True)  # p = 0.04, the margin 0.05
    run("asymmetric", scores, make_batch(3)).total.backward()
    assert scores.grad is not None
    truth = TARGETS.dense(torch.arange(5)[None])
    assert scores.grad[~truth].eq(0).all()
    assert scores.grad[truth].lt(0).all()


def test_without_its_gradient_the_focus_is_a_weight(run: Callable[..., Loss], make_batch: Any) -> None:
    """As a constant w, the factor leaves w times the slope of the logarithm: of a negative w p (1 - p) / (1 - p_m)."""
    scores = torch.tensor([[0.0, 1.0, -1.0, 2.0, 0.5]] * 3, requires_grad=True)
    whole = run("asymmetric", scores, make_batch(3))
    cut = run("asymmetric", scores, make_batch(3), focus_gradient=False)
    assert torch.equal(whole.total, cut.total)
    cut.total.backward()
    p = scores.detach().double().sigmoid()
    p_m = (p - 0.05).clamp(min=0)
    truth = TARGETS.dense(torch.arange(5)[None])
    expected = torch.where(truth, p - 1, p_m**4 * p * (1 - p) / (1 - p_m))
    torch.testing.assert_close(scores.grad, expected.float(), rtol=1e-4, atol=1e-6)


def test_the_papers_own_numbers_are_the_defaults() -> None:
    assert (AsymmetricConfig().gamma_positive, AsymmetricConfig().gamma_negative, AsymmetricConfig().margin) == (
        0,
        4,
        0.05,
    )
    assert (FocalConfig().gamma, FocalConfig().alpha) == (2, None)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (FocalConfig, {"gamma": -1}),
        (FocalConfig, {"alpha": 0}),
        (FocalConfig, {"alpha": 1}),
        (AsymmetricConfig, {"margin": 1}),
        (AsymmetricConfig, {"gamma_negative": -0.1}),
    ],
)
def test_options_out_of_range_are_refused(config: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**options)
