"""The text's side of the co-attention against loops over documents, labels and aspects in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from labelloom.interfaces import Batch, Context, States
from labelloom_maacf.co_attention import CoAttention
from labelloom_maacf.config import CoAttentionConfig

CHOICES = {"every": None, "shared": [[4, 1, 3]], "own": [[0, 3], [5, 2], [2, 2], [1, 4]]}
D = 4


@pytest.fixture
def make_part(make_context: Callable[..., Context]) -> Callable[..., CoAttention]:
    def make(n: int, table: int = D, **options: Any) -> CoAttention:
        torch.manual_seed(2)
        return CoAttention(CoAttentionConfig(**options), make_context(aspects=(n, D), label_table=table)).double()

    return make


def states_of(n: int, table: int = D) -> tuple[States, Tensor]:
    torch.manual_seed(1)
    vectors = torch.randn(6, table, dtype=torch.float64, requires_grad=True)
    aspects = torch.randn(4, n, D, dtype=torch.float64, requires_grad=True)
    return States(aspects=aspects, label_table=lambda ids: vectors[ids]), vectors


def naive(part: CoAttention, states: States, vectors: Tensor, batch: Batch) -> Tensor:
    assert states.aspects is not None
    texts = []
    for s, labels in zip(states.aspects, batch.label_ids.expand(4, -1).tolist(), strict=True):
        found = []
        for label in labels:
            if len(s) == 1:
                found.append(s[0])
                continue
            if part.judge is not None:
                logits = [part.judge.weight[n] @ s[n] + part.judge.bias[n] for n in range(len(s))]
            else:
                assert part.project is not None
                logits = [part.project(vectors[label]) @ s[n] for n in range(len(s))]
            powers = [torch.exp(logit) for logit in logits]
            found.append(sum(power / sum(powers) * aspect for power, aspect in zip(powers, s, strict=True)))
        texts.append(torch.stack(found))
    return torch.stack(texts)


@pytest.mark.parametrize("ids", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("table", [D, 7])
@pytest.mark.parametrize("attention", ["cross", "self"])
def test_against_a_loop(
    make_part: Callable[..., CoAttention],
    make_batch: Callable[..., Batch],
    agree: Callable[..., None],
    attention: str,
    table: int,
    n: int,
    ids: Any,
) -> None:
    part = make_part(n, table, attention=attention)
    states, vectors = states_of(n, table)
    batch = make_batch(4, ids=ids)
    text = part(states, batch).get("maacf.text")
    assert text.shape == (4, batch.label_ids.shape[1], D)
    agree(text, naive(part, states, vectors, batch), [states.aspects, vectors, *part.parameters()])


@pytest.mark.parametrize(
    ("attention", "n", "weights"), [("cross", 3, 0), ("cross", 1, 0), ("self", 1, 0), ("self", 3, 2)]
)
def test_it_has_the_weights_that_the_equations_have(
    make_part: Callable[..., CoAttention], attention: str, n: int, weights: int
) -> None:
    assert len(list(make_part(n, attention=attention).parameters())) == weights


@pytest.mark.parametrize(("attention", "n"), [("self", 3), ("cross", 1)])
def test_where_no_label_is_asked_no_table_is_read(
    make_part: Callable[..., CoAttention], make_batch: Callable[..., Batch], attention: str, n: int
) -> None:
    states, _ = states_of(n)
    text = make_part(n, attention=attention)(States(aspects=states.aspects), make_batch(4)).get("maacf.text")
    assert torch.equal(text, text[:, :1].expand_as(text))
    assert text.stride(1) == 0  # which tells whoever goes on from it that it is the same
