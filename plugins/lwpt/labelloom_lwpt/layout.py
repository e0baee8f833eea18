"""Sentences as rows: from the words of each document to the words of each sentence and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """The N sentences of a batch, every one with words, as rows of T places; where there is none, one empty row.

    ids             (N, T) int64, the words; 0 at padding
    mask            (N, T) bool
    document        (N,) int64, the document that a sentence is of
    word            (B, W) int64, the place n * T + t of each word; 0 at padding
    sentence        (B, M) int64, the row of each document's m-th sentence; some row where it has none
    sentence_mask   (B, M) bool
    """

    ids: Tensor
    mask: Tensor
    document: Tensor
    word: Tensor
    sentence: Tensor
    sentence_mask: Tensor


def lay_out(inputs: Mapping[str, Tensor]) -> Layout:
    """The layout of what `SentenceReader.collate` made."""
    ids, mask, sentence, place = (inputs[name] for name in ("ids", "mask", "sentence", "place"))
    counts = torch.where(mask, sentence + 1, 0).amax(1)  # (B,) sentences
    sizes = torch.stack([counts.sum(), counts.amax(), torch.where(mask, place + 1, 0).amax()])
    rows, most, longest = sizes.clamp(min=1).tolist()  # one wait for the device
    first = counts.cumsum(0) - counts  # (B,)
    row = first[:, None] + sentence  # (B, W)
    word = torch.where(mask, row * longest + place, rows * longest)  # padding goes behind the last place
    grid = ids.new_zeros(rows * longest + 1)
    document = torch.arange(len(ids), device=ids.device)[:, None].expand_as(ids)
    numbers = torch.arange(most, device=ids.device)  # (M,)
    return Layout(
        ids=grid.scatter(0, word.flatten(), ids.flatten())[:-1].view(rows, longest),
        mask=grid.bool().scatter(0, word.flatten(), mask.flatten())[:-1].view(rows, longest),
        document=ids.new_zeros(rows + 1).scatter(0, torch.where(mask, row, rows).flatten(), document.flatten())[:-1],
        word=word.masked_fill(~mask, 0),
        sentence=(first[:, None] + numbers).clamp(max=rows - 1),
        sentence_mask=numbers < counts[:, None],
    )
