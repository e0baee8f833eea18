"""Random numbers that depend on a row and nothing else: no rank, no padding, no order, no resume."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def stable_key(*parts: object) -> int:
    """A 63-bit key of `parts` (strings and numbers), the same in every process and on every machine."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def uniform(key: int, rows: Tensor, copies: Tensor, n: int) -> Tensor:
    """(B, n) float32 in [0, 1), a hash of key, row, copy and column.

    The hash is the finaliser of splitmix64 (Steele et al. 2014) over a counter, in wrapping 64-bit arithmetic on the
    device of `rows`, so a thousand rows cost one small kernel.
    """
    columns = torch.arange(n, device=rows.device, dtype=torch.int64)
    state = _mix(rows.to(torch.int64) + _signed(key)) + copies.to(torch.int64) * _signed(0x9E3779B97F4A7C15)
    bits = _mix(_mix(state)[:, None] + columns * _signed(0xD1B54A32D192ED03))
    return _shift(bits, 40).to(torch.float32) / 2**24


def _signed(value: int) -> int:
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


def _shift(bits: Tensor, by: int) -> Tensor:
    # torch shifts signed numbers arithmetically; the mask makes it the logical shift that the hash is defined with.
    return (bits >> by) & (2 ** (64 - by) - 1)


def _mix(bits: Tensor) -> Tensor:
    bits = (bits ^ _shift(bits, 30)) * _signed(0xBF58476D1CE4E5B9)
    bits = (bits ^ _shift(bits, 27)) * _signed(0x94D049BB133111EB)
    return bits ^ _shift(bits, 31)
