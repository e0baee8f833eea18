"""Labels in a language model's input: pieces put into every document, and the states found at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from labelloom.interfaces import Files
from labelloom_standard.pieces import PieceReader


@dataclass(frozen=True)
class Joined:
    """Documents with S pieces in each of them: (B, T + S) each, and where both stand.

    ids, present   what the model reads, and which positions are not padding
    segments       0 for the document, what `insert` was given for the pieces
    places         (B, S) int64: the position of each piece
    own            (B, T) int64: the position of each of the document's
    """

    ids: Tensor
    present: Tensor
    segments: Tensor
    places: Tensor
    own: Tensor

    def states_of(self, states: Tensor) -> Tensor:
        """(B, S, H): the states (B, T + S, H) of the pieces."""
        return _at(states, self.places)

    def document_of(self, states: Tensor) -> Tensor:
        """(B, T, H): the states (B, T + S, H) of the document."""
        return _at(states, self.own)

    def between(self, attention: Tensor) -> Tensor:
        """(B, S, S): what pieces pay to pieces of the attention (B, T + S, T + S) of every position to every other."""
        return _at(_at(attention, self.places).mT, self.places).mT


def insert(ids: Tensor, present: Tensor, pieces: Tensor, segments: Tensor, padding: int, start: int | Tensor) -> Joined:
    """`pieces` (S,), or (B, S) where documents differ, before position `start` of each document of `ids` (B, T).

    `start` is the same for all, or (B, 1). `present` (B, T) bool marks what is no padding, which `padding` fills;
    `segments` (S,) are the segment ids of the pieces. No position depends on how much padding a batch needs.
    """
    count, length, extra = *ids.shape, pieces.shape[-1]
    device = ids.device
    start = torch.as_tensor(start, device=device).expand(count, 1)
    places = start + torch.arange(extra, device=device)  # (B, S)
    positions = torch.arange(length, device=device).expand(count, -1)
    own = positions + extra * (positions >= start)  # (B, T)
    room = ids.new_full((count, length + extra), padding)
    joined = room.scatter(1, own, ids.masked_fill(~present, padding)).scatter(1, places, pieces.expand(count, -1))
    kinds = torch.zeros_like(joined).scatter(1, places, segments.expand(count, -1))
    there = torch.arange(length + extra, device=device) < present.sum(1, keepdim=True) + extra
    return Joined(joined, there, kinds, places, own)


def append(ids: Tensor, present: Tensor, pieces: Tensor, segments: Tensor, padding: int) -> Joined:
    """`insert` right behind the last real position of each document, before its padding."""
    return insert(ids, present, pieces, segments, padding, present.sum(1, keepdim=True))


class LabelStates(nn.Module):
    """From the states of pieces (B, S, H) to one a label (B, L, H): the mean of those that are the label's own.

    `owners` tells the label of each piece, labels in order; None for a piece whose state is no label's.
    """

    places: Tensor  # (P,) the pieces that are some label's
    owners: Tensor  # (P,) their labels
    sizes: Tensor  # (L,) how many of them each label has

    def __init__(self, owners: Sequence[int | None]) -> None:
        super().__init__()
        kept = torch.tensor([place for place, owner in enumerate(owners) if owner is not None])
        labels = torch.tensor([owner for owner in owners if owner is not None])
        self.register_buffer("places", kept, persistent=False)
        self.register_buffer("owners", labels, persistent=False)
        self.register_buffer("sizes", labels.bincount(), persistent=False)

    def forward(self, pieces: Tensor) -> Tensor:
        """(B, L, H)."""
        pieces = pieces[:, self.places]
        if len(self.owners) == len(self.sizes):
            return pieces
        sums = pieces.new_zeros(len(pieces), len(self.sizes), pieces.shape[-1]).index_add(1, self.owners, pieces)
        return sums / self.sizes[:, None].to(sums.dtype)

    def between(self, pieces: Tensor) -> Tensor:
        """(B, L, L): what labels pay to labels of the attention (B, S, S) of every piece to every other.

        A label pays as its pieces do on average, and gets what all of them get.
        """
        pieces = pieces[:, self.places][:, :, self.places]
        own = nn.functional.one_hot(self.owners, len(self.sizes)).to(pieces.dtype)  # (P, L)
        return (own / self.sizes.to(pieces.dtype)).mT @ pieces @ own


def reader_beside(files: Files, alone: PieceReader, extra: int, arithmetic: str, limit: int | None) -> PieceReader:
    """The reader that leaves to pieces `extra` of the positions that the reader of documents `alone` fills.

    Raises ValueError, with `arithmetic` of what the pieces take, where nothing is left for documents; `limit` is how
    many positions the model has, None where it has no limit.
    """
    special = alone.before + alone.after
    room = alone.max_length - extra
    if room <= special:
        raise ValueError(
            f"max_length = {alone.max_length} positions - {arithmetic} - {special} special tokens leave "
            f"{max(0, room - special)} for the document: {_wanted(extra + special + 1, limit)}"
        )
    return PieceReader(files, room)


def _wanted(least: int, limit: int | None) -> str:
    """What to do where `least` positions are needed and the model has `limit`."""
    if limit is None:
        return f"max_length must be {least} at least"
    if least <= limit:
        return f"max_length must be {least} at least, and the model has {limit}"
    return f"{least} would be needed and the model has {limit}: take one that has more, or an encoder without labels"


def crowding(labels: int, taken: int, reader: PieceReader, limit: int | None) -> list[str]:
    """A note where the pieces of `labels` labels take so many positions, `taken`, that documents are cut short.

    So many are more than a third of all that are read. `reader` is the one that reads documents beside them, and
    `limit` how many positions the model has, None where it has no limit.
    """
    whole = taken + reader.max_length
    if 3 * taken <= whole:
        return []
    left = reader.max_length - reader.before - reader.after
    more = f"; the model has {limit}" if limit is not None and limit > whole else ""
    return [f"{labels} labels take {taken} of max_length = {whole} positions: {left} are left for the document{more}"]


def _at(states: Tensor, places: Tensor) -> Tensor:
    return states.gather(1, places[..., None].expand(-1, -1, states.shape[-1]))
