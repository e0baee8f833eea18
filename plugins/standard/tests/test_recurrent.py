from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from labelloom_standard.recurrent import BidirectionalRecurrent, reversed_places

LENGTHS = [7, 1, 0, 4, 7]


def ragged(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    values = torch.randn(len(LENGTHS), 7, 5, dtype=dtype, requires_grad=True)
    mask = torch.arange(7) < torch.tensor(LENGTHS)[:, None]
    return values, mask


def packed_twin(ours: BidirectionalRecurrent, cell: str, layers: int) -> nn.Module:
    """torch's own bidirectional network with our weights."""
    twin = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](5, 3, layers, batch_first=True, bidirectional=True).double()
    with torch.no_grad():
        for layer in range(layers):
            for suffix, module in (("", ours.forwards[layer]), ("_reverse", ours.backwards[layer])):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(twin, f"{name}_l{layer}{suffix}").copy_(getattr(module, f"{name}_l0"))
    return twin


def run_packed(twin: nn.Module, values: torch.Tensor) -> torch.Tensor:
    """Packed sequences cannot be empty: those rows are left out and filled with zeros."""
    rows = [place for place, length in enumerate(LENGTHS) if length]
    packed = pack_padded_sequence(values[rows], torch.tensor(LENGTHS)[rows], batch_first=True, enforce_sorted=False)
    states = pad_packed_sequence(twin(packed)[0], batch_first=True, total_length=values.shape[1])[0]
    return torch.zeros(len(LENGTHS), values.shape[1], 6, dtype=values.dtype).index_copy(0, torch.tensor(rows), states)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("layers", [1, 3])
def test_equals_packed_sequences_forward_and_backward(cell: Any, layers: int) -> None:
    values, mask = ragged()
    ours = BidirectionalRecurrent(cell, 5, 3, layers).double()
    for parameter in ours.parameters():
        nn.init.normal_(parameter, std=0.5)
    twin = packed_twin(ours, cell, layers)
    first, second = ours(values, mask), run_packed(twin, values)
    torch.testing.assert_close(first, second, rtol=0, atol=1e-12)
    cotangent = torch.randn_like(first)
    one = torch.autograd.grad(first, [values, *ours.parameters()], cotangent)
    other = torch.autograd.grad(second, [values, *twin.parameters()], cotangent)
    torch.testing.assert_close(one[0], other[0], rtol=0, atol=1e-12)
    # torch orders its weights by layer and direction, we by direction and layer.
    ours_by_place = {name: grad for (name, _), grad in zip(ours.named_parameters(), one[1:], strict=True)}
    for (name, _), grad in zip(twin.named_parameters(), other[1:], strict=True):
        kind, _, place = name.removesuffix("_reverse").rpartition("_l")
        side = "backwards" if name.endswith("_reverse") else "forwards"
        torch.testing.assert_close(ours_by_place[f"{side}.{place}.{kind}_l0"], grad, rtol=0, atol=1e-12)


def test_padding_neither_enters_nor_comes_out() -> None:
    values, mask = ragged(torch.float32)
    ours = BidirectionalRecurrent("lstm", 5, 3, 2)
    poisoned = torch.where(mask[..., None], values, torch.full_like(values, 1e6))
    assert torch.equal(ours(poisoned, mask), ours(values, mask))
    assert ours(values, mask)[~mask].eq(0).all()


def test_a_row_is_the_same_alone_and_in_company() -> None:
    values, mask = ragged(torch.float32)
    ours = BidirectionalRecurrent("gru", 5, 3, 2)
    together = ours(values, mask)
    for row, length in enumerate(LENGTHS):
        alone = ours(values[row : row + 1, : max(length, 1)], mask[row : row + 1, : max(length, 1)])
        torch.testing.assert_close(alone[0], together[row, : max(length, 1)], rtol=0, atol=1e-6)


def test_dropout_is_between_layers_alone() -> None:
    values, mask = ragged(torch.float32)
    one = BidirectionalRecurrent("lstm", 5, 3, 1, dropout=0.9)
    assert torch.equal(one(values, mask), one(values, mask))
    two = BidirectionalRecurrent("lstm", 5, 3, 2, dropout=0.9)
    assert not torch.equal(two(values, mask), two(values, mask))
    assert torch.equal(two.eval()(values, mask), two(values, mask))


def test_weights_start_as_documented() -> None:
    ours = BidirectionalRecurrent("lstm", 4, 8, 2)
    for name, parameter in ours.named_parameters():
        if "weight_hh" in name:
            torch.testing.assert_close(parameter.T @ parameter, torch.eye(8), atol=1e-5, rtol=0)
        elif "bias" in name:
            assert parameter.eq(0).all()
        else:
            bound = (6 / (parameter.shape[0] + parameter.shape[1])) ** 0.5
            assert 0.5 * bound < parameter.abs().max() <= bound


def test_reversed_places() -> None:
    mask = torch.tensor([[1, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]], dtype=torch.bool)
    assert reversed_places(mask).tolist() == [[2, 1, 0, 3], [0, 1, 2, 3], [3, 2, 1, 0]]


def test_bf16_is_finite() -> None:
    values, mask = ragged(torch.float32)
    ours = BidirectionalRecurrent("lstm", 5, 3, 2)
    with torch.autocast("cpu", torch.bfloat16):
        states = ours(values, mask)
    states.float().sum().backward()
    assert states.isfinite().all()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in ours.parameters())
