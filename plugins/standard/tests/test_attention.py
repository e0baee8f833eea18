from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from labelloom_standard.attention import AttentionPooling, attend


def naive_softmax(scores: list[Tensor]) -> list[Tensor]:
    exponents = [torch.exp(score - max(score.item() for score in scores)) for score in scores]
    return [exponent / sum(exponents) for exponent in exponents]


def test_pooling_is_the_naive_weighted_mean(documents: Any, agree: Any) -> None:
    tokens, mask = documents
    pool = AttentionPooling(8).double()

    def naive() -> Tensor:
        rows = []
        for b in range(len(tokens)):
            words = [tokens[b, t] for t in range(tokens.shape[1]) if mask[b, t]]
            scores = [torch.tanh(pool.project.weight @ h + pool.project.bias) @ pool.query.weight[0] for h in words]
            row = torch.zeros(8, dtype=torch.float64)
            for weight, h in zip(naive_softmax(scores) if words else [], words, strict=True):
                row = row + weight * h
            rows.append(row)
        return torch.stack(rows)

    agree(lambda: pool(tokens, mask), naive, [tokens, *pool.parameters()])


def test_a_document_without_words_is_zero_and_what_is_masked_never_enters(documents: Any) -> None:
    tokens, mask = documents
    pool = AttentionPooling(8).double()
    poisoned = torch.where(mask[..., None], tokens, torch.full_like(tokens, 1e30))
    torch.testing.assert_close(pool(poisoned, mask), pool(tokens, mask))
    assert pool(tokens, mask)[2].eq(0).all()


def test_attend_weights_by_the_softmax_of_the_scores() -> None:
    values = torch.tensor([[[1.0], [10.0], [100.0]]])
    scores = torch.tensor([[[0.0, math.log(3.0), 50.0]]])
    mask = torch.tensor([[True, True, False]])
    torch.testing.assert_close(attend(scores, values, mask), torch.tensor([[[(1 + 30) / 4]]]))
