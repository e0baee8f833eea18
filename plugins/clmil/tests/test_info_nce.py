"""InfoNCE against eq. 1, anchor by anchor in float64, and the refusal of passes that do not differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from labelloom.errors import TrainingError
from labelloom.interfaces import Batch, Loss, States
from labelloom_clmil.config import InfoNCEConfig
from labelloom_clmil.info_nce import InfoNCE

# Three anchors, their second passes, two documents that they brought, and a row of another sampler.
ROWS = torch.tensor([4, 7, 9, 4, 7, 9, 1, 2, 3])
RELATION = torch.zeros(9, 9, dtype=torch.int8)
RELATION[[0, 1, 2], [3, 4, 5]] = 1
RELATION[0, [6, 7]] = RELATION[1, [2, 6, 7]] = -1  # the third anchor has no negative


@pytest.fixture
def loss_of(make_context: Callable[..., Any], make_batch: Callable[..., Batch]) -> Callable[..., Loss]:
    def compute(document: Tensor, **options: Any) -> Loss:
        task = InfoNCE(InfoNCEConfig(**options), make_context(document=document.shape[1]))
        return task(States(document=document), make_batch(9, rows=ROWS, relation=RELATION), None)  # type: ignore[arg-type]

    return compute


def cosine(one: Tensor, other: Tensor) -> Tensor:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    lengths = [torch.sqrt(sum(a * a for a in vector)) for vector in (one, other)]  # type: ignore[arg-type]
    return product / (lengths[0] * lengths[1])  # type: ignore[no-any-return]


def naive(document: Tensor, temperature: float, times: Callable[[int], int]) -> Tensor:
    """Eq. 1 with loops over anchors and negatives; the positive counts `times(N)` of N negatives in the denominator."""
    total = document.sum() * 0
    for anchor, positive, negatives in ((0, 3, [6, 7]), (1, 4, [2, 6, 7])):
        near = torch.exp(cosine(document[anchor], document[positive]) / temperature)
        far = sum(torch.exp(cosine(document[anchor], document[other]) / temperature) for other in negatives)
        total = total - torch.log(near / (times(len(negatives)) * near + far))
    return total


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("temperature", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("denominator", ["positive-once", "as-printed"])
def test_loss_and_gradient_are_those_of_the_equation(
    loss_of: Callable[..., Loss], seed: int, temperature: float, denominator: str
) -> None:
    exact = torch.randn(9, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()
    document = exact.detach().float().requires_grad_()
    loss = loss_of(document, temperature=temperature, denominator=denominator)
    expected = naive(exact, temperature, lambda count: count if denominator == "as-printed" else 1)
    assert (loss.total.item(), loss.count.item()) == (pytest.approx(expected.item(), rel=1e-5), 2)
    loss.total.backward()
    expected.backward()
    assert document.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(document.grad, exact.grad.float(), rtol=1e-4, atol=2e-6 / temperature)
    assert not document.grad[[5, 8]].any(), "a row that is compared with nothing learns something"


def test_the_default_multiplies_cosines_by_20(loss_of: Callable[..., Loss]) -> None:
    document = torch.randn(9, 6, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(loss_of(document).total, naive(document.double(), 1 / 20, lambda _: 1).float())


def test_as_printed_almost_nothing_is_left_to_learn(loss_of: Callable[..., Loss]) -> None:
    """With cosines divided by 20 every loss lies within 0.1 of that of vectors that are all alike."""
    document = torch.randn(9, 6, generator=torch.Generator().manual_seed(1))
    loss = loss_of(document, temperature=20.0, denominator="as-printed")
    assert loss.total.item() == pytest.approx(math.log(2 + 2) + math.log(3 + 3), abs=0.2)


@pytest.mark.parametrize("denominator", ["positive-once", "as-printed"])
def test_the_accuracy_is_how_often_the_positive_is_the_most_similar(
    loss_of: Callable[..., Loss], denominator: str
) -> None:
    document = torch.eye(9)
    document[3] = document[0] + 0.5 * document[3]
    document[4] = 0.4 * document[1] + document[4]
    document[6] = 0.5 * document[1] + document[6]  # nearer to the second anchor than its second pass
    assert loss_of(document, denominator=denominator).logs["accuracy"].item() == 1


def test_what_is_compared_with_nothing_may_be_anything(loss_of: Callable[..., Loss]) -> None:
    document = torch.randn(9, 6, generator=torch.Generator().manual_seed(2))
    expected = loss_of(document).total
    document[8] = torch.nan
    leaf = document.requires_grad_()
    loss = loss_of(leaf)
    assert loss.total == expected
    loss.total.backward()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()


def test_without_an_anchor_nothing_counts_and_the_graph_stays(
    make_context: Callable[..., Any], make_batch: Callable[..., Batch]
) -> None:
    document = torch.randn(3, 4, requires_grad=True)
    task = InfoNCE(InfoNCEConfig(denominator="as-printed"), make_context(document=4))
    batch = make_batch(3, relation=torch.zeros(3, 3, dtype=torch.int8))
    loss = task(States(document=document), batch, None)  # type: ignore[arg-type]
    assert (loss.total.item(), loss.count.item()) == (0, 0)
    loss.total.backward()
    assert document.grad is not None
    assert not document.grad.any()


def test_a_document_without_words_gives_a_finite_gradient(loss_of: Callable[..., Loss]) -> None:
    words = torch.ones(9, 6).index_fill_(0, torch.tensor([0, 3]), 0)
    weight = torch.randn(6, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss_of((words + 0.1 * torch.rand(9, 6) * words) @ weight).total.backward()
    assert weight.grad is not None
    assert weight.grad.isfinite().all()


def test_a_document_of_zeros_moves_no_more_than_others(loss_of: Callable[..., Loss]) -> None:
    """As the mean over no words is: it has no length by whose smallness its gradient could grow."""
    document = torch.randn(9, 6, generator=torch.Generator().manual_seed(2))
    document[6] = 0
    loss_of(document.requires_grad_()).total.backward()
    assert document.grad is not None
    sizes = document.grad.norm(dim=1)
    assert 0 < sizes[6] < 3 * sizes[[0, 1, 2, 3, 4, 7]].max()


@pytest.fixture
def passes(make_context: Callable[..., Any], make_batch: Callable[..., Batch]) -> Callable[..., InfoNCE]:
    """A task in training after it has seen these documents, one step after the other."""

    def see(*steps: Tensor, training: bool = True) -> InfoNCE:
        task = InfoNCE(InfoNCEConfig(), make_context(document=6)).train(training)
        for document in steps:
            batch = make_batch(9, rows=ROWS, relation=RELATION)
            task(States(document=document), batch, None)  # type: ignore[arg-type]
        return task

    return see


def same_passes() -> Tensor:
    return torch.randn(10, 6, generator=torch.Generator().manual_seed(0))[ROWS]


def test_passes_that_are_equal_are_refused_in_training(passes: Callable[..., InfoNCE]) -> None:
    with pytest.raises(TrainingError) as told:
        passes(same_passes())
    assert str(told.value) == (
        "model.part: the two passes of each document are equal, so positives teach nothing: no dropout lies before "
        "`document`\n"
        "    try: set dropout > 0 in model.encoder; of convolutions whose tokens other parts read, word_dropout\n"
        '    try: options = { "model.encoder" = { dropout = 0.1 } } in this stage, if the encoder lets it\n'
        "    try: do not freeze the encoder in this stage"
    )
    passes(same_passes(), training=False)  # where none differ


def test_one_pair_that_differs_by_a_bit_settles_it(passes: Callable[..., InfoNCE]) -> None:
    document = same_passes()
    document[4, 2] = torch.nextafter(document[4, 2], torch.tensor(9.0))
    passes(document, same_passes())


def test_documents_without_words_settle_nothing(passes: Callable[..., InfoNCE]) -> None:
    empty = same_passes().index_fill_(0, torch.arange(6), 0)
    passes(empty, empty)
    with pytest.raises(TrainingError, match="are equal"):
        passes(empty, same_passes())


def test_positives_that_are_other_documents_are_not_asked(
    make_context: Callable[..., Any], make_batch: Callable[..., Batch]
) -> None:
    """Two documents of one text are no two passes of one."""
    task = InfoNCE(InfoNCEConfig(), make_context(document=6)).train()
    task(States(document=torch.ones(9, 6)), make_batch(9, relation=RELATION), None)  # type: ignore[arg-type]


def test_bits_of_half_precision_count_too(loss_of: Callable[..., Loss]) -> None:
    document = nn.functional.normalize(torch.randn(9, 6), dim=1)
    half = document.bfloat16()
    torch.testing.assert_close(loss_of(half).total, loss_of(half.float()).total)


@pytest.mark.parametrize("temperature", [0, -1])
def test_a_temperature_is_above_0(temperature: float) -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        InfoNCEConfig(temperature=temperature)
