"""Pieces in documents against lists that are put together by hand, and the states that labels get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labelloom_standard.label_slots import LabelStates, append, crowding, insert, reader_beside
from labelloom_standard.pieces import PieceReader
from labelloom_standard.pretrained import architecture_files

PADDING = 0


def padded(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows)) + 1
    ids = torch.tensor([row + [9] * (width - len(row)) for row in rows])  # what stands at padding may be anything
    return ids, torch.tensor([[place < len(row) for place in range(width)] for row in rows])


@given(st.data())
def test_pieces_stand_where_a_list_would_have_them(data: Any) -> None:
    rows = data.draw(st.lists(st.lists(st.integers(10, 99), min_size=1, max_size=6), min_size=1, max_size=4))
    extra = data.draw(st.integers(1, 4))
    starts = [data.draw(st.integers(0, len(row))) for row in rows]
    pieces = [[100 + 10 * row + place for place in range(extra)] for row in range(len(rows))]
    ids, present = padded(rows)
    joined = insert(
        ids, present, torch.tensor(pieces), torch.arange(1, extra + 1), PADDING, torch.tensor(starts)[:, None]
    )
    width = ids.shape[1] + extra
    for row, (words, start, own) in enumerate(zip(rows, starts, pieces, strict=True)):
        whole = [*words[:start], *own, *words[start:]]
        assert joined.ids[row].tolist() == whole + [PADDING] * (width - len(whole))
        assert joined.present[row].tolist() == [place < len(whole) for place in range(width)]
        kinds = [0] * start + list(range(1, extra + 1)) + [0] * (width - start - extra)
        assert joined.segments[row].tolist() == kinds
        assert [whole[place] for place in joined.places[row]] == own
        assert [whole[place] for place in joined.own[row, : len(words)]] == words
        # Every position is read once, by a piece or by the document.
        assert sorted([*joined.places[row].tolist(), *joined.own[row].tolist()]) == list(range(width))


def test_appending_is_inserting_at_the_end() -> None:
    ids, present = padded([[11, 12, 13], [14]])
    joined = append(ids, present, torch.tensor([70, 71]), torch.tensor([1, 0]), PADDING)
    assert joined.ids.tolist() == [[11, 12, 13, 70, 71, 0], [14, 70, 71, 0, 0, 0]]
    assert joined.segments.tolist() == [[0, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0]]


def test_a_label_s_state_is_the_mean_of_its_own_pieces() -> None:
    states = torch.randn(2, 6, 3, dtype=torch.float64)
    found = LabelStates([0, 0, None, 1, 1, 1])(states)
    torch.testing.assert_close(found[:, 0], (states[:, 0] + states[:, 1]) / 2)
    torch.testing.assert_close(found[:, 1], (states[:, 3] + states[:, 4] + states[:, 5]) / 3)
    assert torch.equal(LabelStates([None, 0, None, None, 1, None])(states), states[:, [1, 4]])


def test_no_room_beside_the_pieces_is_refused_with_the_arithmetic(bert: Path) -> None:
    files = architecture_files(bert)
    alone = PieceReader(files, 20)
    assert reader_beside(files, alone, 17, "17 for labels", 24).max_length == 3
    with pytest.raises(ValueError, match="leave 0") as told:
        reader_beside(files, alone, 18, "18 for labels", 24)
    assert str(told.value) == (
        "max_length = 20 positions - 18 for labels - 2 special tokens leave 0 for the document: "
        "max_length must be 21 at least, and the model has 24"
    )
    with pytest.raises(ValueError, match=r"for the document: max_length must be 33 at least$"):
        reader_beside(files, alone, 30, "30 for labels", None)
    with pytest.raises(ValueError, match="33 would be needed and the model has 32: take one that has more, or an enco"):
        reader_beside(files, alone, 30, "30 for labels", 32)


def test_labels_that_crowd_documents_out_are_told(bert: Path) -> None:
    """Where they take more than a third of all positions; the document's are without its special tokens."""
    files = architecture_files(bert)
    assert crowding(6, 6, PieceReader(files, 12), 24) == []
    told = "7 labels take 7 of max_length = 19 positions: 10 are left for the document"
    assert crowding(7, 7, PieceReader(files, 12), 24) == [f"{told}; the model has 24"]
    assert crowding(7, 7, PieceReader(files, 12), 19) == [told]
    assert crowding(7, 7, PieceReader(files, 12), None) == [told]
