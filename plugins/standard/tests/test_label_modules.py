"""`standard/label-attention` and `standard/label-query` against loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from labelloom.interfaces import Batch, Context, States
from labelloom_standard.config import LabelAttentionConfig, LabelQueryConfig
from labelloom_standard.label_attention import LabelAttention
from labelloom_standard.label_query import LabelQuery

OWN = [[0, 3], [4, 4], [1, 2], [2, 0]]
"""Two labels of each of four documents' own."""


def naive_attention(query: Tensor, keys: list[Tensor], values: list[Tensor], scale: float, width: int) -> Tensor:
    """One query over one document's words, in a loop; zeros without a word."""
    exponents = [torch.exp(query @ key * scale) for key in keys]
    found = torch.zeros(width, dtype=query.dtype)
    for exponent, value in zip(exponents, values, strict=True):
        found = found + exponent / sum(exponents) * value
    return found


def words_of(tokens: Tensor, mask: Tensor, row: int) -> list[Tensor]:
    return [tokens[row, place] for place in range(tokens.shape[1]) if mask[row, place]]


@pytest.fixture
def attention(make_context: Callable[..., Context]) -> LabelAttention:
    torch.manual_seed(0)
    return LabelAttention(LabelAttentionConfig(), make_context(tokens=8)).double()


@pytest.fixture
def make_query(make_context: Callable[..., Context]) -> Callable[..., tuple[LabelQuery, nn.Embedding]]:
    def make(table: int = 8, **options: Any) -> tuple[LabelQuery, nn.Embedding]:
        torch.manual_seed(0)
        module = LabelQuery(LabelQueryConfig(**options), make_context(tokens=8, label_table=table)).double()
        return module, nn.Embedding(5, table).double()

    return make


@pytest.mark.parametrize("ids", [None, [[3, 1]], OWN])
def test_label_attention_is_the_naive_loop(
    attention: LabelAttention, documents: Any, make_batch: Callable[..., Batch], agree: Any, ids: Any
) -> None:
    tokens, mask = documents
    batch = make_batch(4, ids=ids)
    asked = batch.label_ids.expand(4, -1).tolist()

    def naive() -> Tensor:
        rows = []
        for row in range(4):
            words = words_of(tokens, mask, row)
            rows += [naive_attention(attention.queries[label], words, words, 1.0, 8) for label in asked[row]]
        return torch.stack(rows).view(4, -1, 8)

    states = States(tokens=tokens, token_mask=mask)
    agree(lambda: attention(states, batch).labels, naive, [tokens, attention.queries])


@pytest.mark.parametrize("ids", [None, [[3, 1]], OWN])
@pytest.mark.parametrize(("table", "options"), [(8, {}), (3, {}), (3, {"width": 6, "heads": 3}), (8, {"heads": 4})])
def test_label_query_is_the_naive_loop(
    make_query: Any, documents: Any, make_batch: Callable[..., Batch], agree: Any, ids: Any, table: int, options: Any
) -> None:
    module, vectors = make_query(table, **options)
    nn.init.normal_(module.norm.weight)
    tokens, mask = documents
    batch = make_batch(4, ids=ids)
    asked = batch.label_ids.expand(4, -1).tolist()
    width, heads = module.widths["labels"], module.heads
    size = width // heads

    def affine(layer: nn.Linear, vector: Tensor) -> Tensor:
        return layer.weight @ vector + layer.bias

    def one(row: int, label: int) -> Tensor:
        words, vector = words_of(tokens, mask, row), vectors.weight[label]
        query = affine(module.query, vector)
        keys = [affine(module.key, word) for word in words]
        values = [affine(module.value, word) for word in words]
        found = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            found.append(
                naive_attention(query[part], [k[part] for k in keys], [v[part] for v in values], size**-0.5, size)
            )
        rest = vector if table == width else module.residual.weight @ vector
        total = rest + affine(module.out, torch.cat(found))
        centred = total - total.mean()
        return centred / torch.sqrt((centred**2).mean() + 1e-5) * module.norm.weight + module.norm.bias

    def naive() -> Tensor:
        return torch.stack([one(row, label) for row in range(4) for label in asked[row]]).view(4, -1, width)

    states = States(tokens=tokens, token_mask=mask, label_table=vectors)
    leaves = [tokens, vectors.weight, *module.parameters()]
    agree(lambda: module(states, batch).labels, naive, leaves)


def run(module: nn.Module, table: nn.Embedding | None, tokens: Tensor, mask: Tensor, batch: Batch) -> Tensor:
    return module(States(tokens=tokens, token_mask=mask, label_table=table), batch).labels


@pytest.mark.parametrize("name", ["attention", "query"])
def test_candidates_are_picked_from_every_label(
    name: str, attention: LabelAttention, make_query: Any, documents: Any, make_batch: Callable[..., Batch]
) -> None:
    tokens, mask = documents
    module, table = (attention, None) if name == "attention" else make_query()
    every = run(module, table, tokens, mask, make_batch(4))
    for ids in ([[3, 1]], OWN):
        batch = make_batch(4, ids=ids)
        torch.testing.assert_close(run(module, table, tokens, mask, batch), batch.pick(every), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["attention", "query"])
def test_masked_positions_never_enter_and_documents_do_not_meet(
    name: str, attention: LabelAttention, make_query: Any, documents: Any, make_batch: Callable[..., Batch]
) -> None:
    tokens, mask = documents
    module, table = (attention, None) if name == "attention" else make_query()
    together = run(module, table, tokens, mask, make_batch(4))
    poisoned = torch.where(mask[..., None], tokens, torch.full_like(tokens, 1e9))
    torch.testing.assert_close(run(module, table, poisoned, mask, make_batch(4)), together, rtol=1e-12, atol=1e-12)
    for row in range(4):
        alone = run(module, table, tokens[row : row + 1], mask[row : row + 1], make_batch(1))
        torch.testing.assert_close(alone[0], together[row], rtol=1e-12, atol=1e-14)


def test_a_document_without_words(
    attention: LabelAttention, make_query: Any, documents: Any, make_batch: Callable[..., Batch]
) -> None:
    tokens, mask = documents
    assert run(attention, None, tokens, mask, make_batch(4))[2].eq(0).all()
    module, table = make_query()
    labels = run(module, table, tokens, mask, make_batch(4))
    torch.testing.assert_close(labels[2], module.norm(table.weight + module.out.bias))


@pytest.mark.parametrize("name", ["attention", "query"])
@pytest.mark.parametrize("ids", [None, OWN])
def test_bf16_is_finite_and_near(
    name: str, attention: LabelAttention, make_query: Any, documents: Any, make_batch: Callable[..., Batch], ids: Any
) -> None:
    tokens, mask = documents
    module, table = (attention, None) if name == "attention" else make_query(heads=2)
    module, tokens = module.float(), tokens.detach().float()
    table = table.float() if table is not None else None
    with torch.autocast("cpu", torch.bfloat16):
        rough = run(module, table, tokens, mask, make_batch(4, ids=ids))
    rough.float().square().sum().backward()
    torch.testing.assert_close(
        rough.float(), run(module, table, tokens, mask, make_batch(4, ids=ids)), atol=0.06, rtol=0
    )
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in module.parameters())


def test_dropout_is_on_what_is_given(documents: Any, make_batch: Callable[..., Batch], make_context: Any) -> None:
    tokens, mask = documents
    module = LabelAttention(LabelAttentionConfig(dropout=0.5), make_context(tokens=8)).double()
    dropped = run(module, None, tokens, mask, make_batch(4))[0]
    whole = run(module.eval(), None, tokens, mask, make_batch(4))[0]
    kept = dropped != 0
    assert 0 < kept.sum() < kept.numel()
    torch.testing.assert_close(dropped[kept], 2 * whole[kept])


def test_heads_must_divide_the_width(make_context: Callable[..., Context]) -> None:
    with pytest.raises(ValueError, match="heads = 3 does not divide the width 8"):
        LabelQuery(LabelQueryConfig(heads=3), make_context(tokens=8, label_table=8))


def test_the_scale_is_that_of_a_head(make_query: Any, documents: Any, make_batch: Callable[..., Batch]) -> None:
    tokens, mask = documents
    module, table = make_query(heads=2)
    ours = run(module, table, tokens, mask, make_batch(4))[:2]
    torchs = nn.MultiheadAttention(8, 2, batch_first=True).double()
    with torch.no_grad():
        torchs.in_proj_weight.copy_(torch.cat([module.query.weight, module.key.weight, module.value.weight]))
        torchs.in_proj_bias.copy_(torch.cat([module.query.bias, module.key.bias, module.value.bias]))
        torchs.out_proj.load_state_dict(module.out.state_dict())
    queries = table.weight.expand(2, -1, -1)
    found = torchs(queries, tokens[:2], tokens[:2], key_padding_mask=~mask[:2])[0]
    torch.testing.assert_close(ours, module.norm(queries + found))
    assert math.isclose(module.query.out_features / module.heads, 4)
