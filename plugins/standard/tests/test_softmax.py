from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from labelloom.bundles import Catalogue
from labelloom.compose.batches import make_batch as batch_of_draw
from labelloom.compose.batches import plain_draw
from labelloom.compose.build import build, prepare
from labelloom.compose.check import check
from labelloom.interfaces import Batch, Loss, States, Targets
from labelloom.spec import validate_spec
from labelloom_standard.config import SoftmaxConfig
from labelloom_standard.softmax import Softmax

SETS = [[0, 3], [], [1, 2, 4]]
TARGETS = Targets(torch.tensor([0, 2, 2, 5]), torch.tensor([0, 3, 1, 2, 4]), 5)


def run(make_context: Any, scores: Tensor, batch: Batch, **options: Any) -> Loss:
    return Softmax(SoftmaxConfig(**options), make_context())(States(scores=scores), batch, TARGETS)


def naive(scores: Tensor, batch: Batch, normalised: bool, true: list[list[int]]) -> tuple[float, int]:
    """Each carried label as the only right one of a softmax, by the definition; documents that carry one."""
    total, documents = 0.0, 0
    for row, labels in enumerate(true):
        counts = batch.countable[row].tolist()
        picked = [label for label in labels if counts[label]]
        everything = math.fsum(math.exp(float(scores[row, label])) for label in range(5) if counts[label])
        for label in picked:
            share = 1 / len(picked) if normalised else 1
            total -= share * math.log(math.exp(float(scores[row, label])) / everything)
        documents += bool(picked)
    return total, documents


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"is_anchor": torch.tensor([True, False, False])},
        {"given": torch.tensor([[1, -1, 0, -1, -1], [-1] * 5, [0, -1, 0, 0, -1]], dtype=torch.int8)},
    ],
    ids=["every label", "added rows", "given labels"],
)
def test_each_label_is_picked_out_of_what_counts(
    make_context: Any, make_batch: Callable[..., Batch], fields: dict[str, Any], normalised: bool
) -> None:
    batch = make_batch(3, **fields)
    scores = 2 * torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    total, documents = naive(scores, batch, normalised, SETS)
    loss = run(make_context, scores, batch, normalised=normalised)
    assert float(loss.total) == pytest.approx(total, rel=1e-5)
    assert float(loss.count) == documents
    assert loss.total.shape == loss.count.shape == ()


def test_a_document_weighs_as_much_as_another_or_as_its_labels(make_context: Any, make_batch: Any) -> None:
    """Where all scores are equal, each pick costs log 5."""
    scores = torch.zeros(3, 5)
    assert float(run(make_context, scores, make_batch(3)).total) == pytest.approx(2 * math.log(5))
    assert float(run(make_context, scores, make_batch(3), normalised=False).total) == pytest.approx(5 * math.log(5))


@pytest.mark.parametrize("normalised", [True, False])
def test_the_gradient_is_the_distribution_minus_the_truth(make_context: Any, make_batch: Any, normalised: bool) -> None:
    scores = torch.randn(3, 5, requires_grad=True, generator=torch.Generator().manual_seed(3))
    run(make_context, scores, make_batch(3), normalised=normalised).total.backward()
    truth = TARGETS.dense(torch.arange(5)[None]).float()
    count = truth.sum(1, keepdim=True)
    distribution = scores.detach().softmax(1)
    expected = count * distribution - truth
    if normalised:
        expected = expected / count.clamp(min=1)
    torch.testing.assert_close(scores.grad, expected, atol=1e-6, rtol=1e-5)


def test_what_does_not_count_may_be_anything(make_context: Any, make_batch: Any) -> None:
    given = torch.tensor([[1, -1, 0, -1, -1], [-1] * 5, [0, 1, -1, 0, -1]], dtype=torch.int8)
    batch = make_batch(3, given=given)
    clean = torch.randn(3, 5, generator=torch.Generator().manual_seed(4))
    for poison in (torch.nan, torch.inf, -torch.inf):
        poisoned = torch.where(batch.countable, clean, poison).requires_grad_()
        loss = run(make_context, poisoned, batch)
        loss.total.backward()
        assert torch.equal(loss.total, run(make_context, clean, batch).total)
        assert poisoned.grad is not None
        assert poisoned.grad.isfinite().all()
        assert poisoned.grad[~batch.countable].eq(0).all()


def test_where_nothing_counts_the_loss_is_nought_of_nothing(make_context: Any, make_batch: Any) -> None:
    scores = torch.full((3, 5), torch.nan, requires_grad=True)
    loss = run(make_context, scores, make_batch(3, is_anchor=torch.zeros(3, dtype=torch.bool)))
    assert (loss.total.item(), loss.count.item()) == (0.0, 0.0)
    loss.total.backward()
    assert scores.grad is not None
    assert scores.grad.eq(0).all()


def test_a_document_without_labels_has_no_loss(make_context: Any, make_batch: Any) -> None:
    scores = torch.randn(3, 5, requires_grad=True)
    loss = run(make_context, scores, make_batch(3))
    loss.total.backward()
    assert loss.count == 2
    assert scores.grad is not None
    assert scores.grad[1].eq(0).all()


def test_scores_of_any_size_have_finite_losses_and_gradients(make_context: Any, make_batch: Any) -> None:
    for size in (89.0, 1e4, 1e30):
        scores = torch.tensor([[size, -size, size, -size, 0.0]] * 3, requires_grad=True)
        loss = run(make_context, scores, make_batch(3))
        loss.total.backward()
        assert loss.total.isfinite()
        assert scores.grad is not None
        assert scores.grad.isfinite().all()


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_fp32(make_context: Any, make_batch: Any, kind: torch.dtype) -> None:
    scores = (8 * torch.randn(3, 5, generator=torch.Generator().manual_seed(0))).to(kind)
    with torch.autocast("cpu", torch.bfloat16):
        loss = run(make_context, scores, make_batch(3))
    assert loss.total.dtype == torch.float32
    assert float(loss.total) == pytest.approx(naive(scores, make_batch(3), True, SETS)[0], rel=1e-5)


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_labels_whose_share_rounds_to_nothing_keep_their_order(
    catalogue: Catalogue, make_corpus: Any, chunk: int
) -> None:
    spec = {
        "name": "made",
        "data": {"source": "arxiv-mini"},
        "model": {"encoder": {"use": "standard/cnn", "min_count": 1}, "predictor": {"use": "standard/linear"}},
        "tasks": [{"use": "standard/softmax"}],
    }
    plan = check(validate_spec(spec), catalogue=catalogue)
    corpus = make_corpus(["a graph of words", "words"])
    model = build(plan, corpus.labels, prepare(plan, corpus)).model.eval()
    with torch.no_grad():
        model.predictor.out.weight.zero_()
        model.predictor.out.bias.copy_(torch.tensor([0.0, -200.0, -300.0, -250.0, 1.0]))
    columns = model.encoder.reader.tokenize(["a graph", ""])
    rows = [{name: values[place] for name, values in columns.items()} for place in range(2)]
    ids, scores = model.rank(batch_of_draw(model.encoder.reader.collate(rows), plain_draw(2), 5), 5, chunk=chunk)
    assert ids.tolist() == [[4, 0, 1, 3, 2]] * 2
    expected = [math.e / (1 + math.e), 1 / (1 + math.e), 0, 0, 0]
    torch.testing.assert_close(scores, torch.tensor([expected] * 2))


def test_the_plan_tells_what_scores_will_be(catalogue: Catalogue) -> None:
    from rich.console import Console

    from labelloom.cli.plan_text import print_plan

    model = {"encoder": {"use": "standard/cnn"}, "predictor": {"use": "standard/linear"}}
    spec = {"name": "made", "data": {"source": "arxiv-mini"}, "model": model, "tasks": [{"use": "standard/softmax"}]}
    out = Console(width=200, record=True, quiet=False, file=io.StringIO())
    print_plan(out, check(validate_spec(spec), catalogue=catalogue))
    assert "scores  a distribution over all labels, not the probability of each" in out.export_text()
