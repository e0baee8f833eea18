from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelloom.data.columns import Columns, tokenised
from labelloom.data.corpus import Split
from labelloom.data.label_sets import LabelSets
from labelloom.data.texts import Texts
from labelloom.errors import BundleError


class SentenceReader:
    """Words as their lengths, sentences as lists of them, and a share: every kind of column."""

    def __init__(self, key: str = "sentences") -> None:
        self.key = key
        self.calls = 0

    def tokenize(self, texts: list[str]) -> dict[str, list[Any]]:
        self.calls += 1
        ids = [[len(word) for word in text.split()] for text in texts]
        return {
            "ids": ids,
            "sentences": [[[len(word) for word in part.split()] for part in text.split(".")] for text in texts],
            "share": [len(row) / 7 for row in ids],
            "length": [len(row) for row in ids],
        }


class Fixed:
    """A reader that gives what it was told, one answer a call."""

    key = "bundle/fixed"

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = list(answers)

    def tokenize(self, texts: list[str]) -> dict[str, Any]:
        return self._answers.pop(0)


def split_of(texts: list[str]) -> Split:
    label_sets = LabelSets.from_lists([[] for _ in texts], 1)
    return Split("train", Texts.from_list(texts), Texts.from_list(texts), label_sets, f"digest of {hash(tuple(texts))}")


def plain(value: Any) -> Any:
    if isinstance(value, list | np.ndarray):
        return [plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def expected(texts: list[str]) -> list[dict[str, Any]]:
    columns = SentenceReader().tokenize(texts)
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(alphabet="ab. ", max_size=20), min_size=1, max_size=30), data=st.data())
def test_any_rows_come_back_as_the_reader_made_them(tmp_path: Path, texts: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1)))
    wanted = [expected(texts)[row] for row in rows]
    for columns in (
        tokenised(split_of(texts), SentenceReader(), tmp_path),
        Columns.from_texts(texts, SentenceReader()),
    ):
        assert len(columns) == len(texts)
        assert [{name: plain(value) for name, value in row.items()} for row in columns.rows(rows)] == wanted
        assert columns.lengths.tolist() == [row["length"] for row in expected(texts)]


def test_rows_of_all_parts_of_a_long_file(tmp_path: Path) -> None:
    texts = ["word " * (number % 13) + "." * (number % 5) for number in range(3500)]
    columns = tokenised(split_of(texts), SentenceReader(), tmp_path)
    rows = np.random.default_rng(0).permutation(3500)
    wanted = expected(texts)
    assert [plain(row["sentences"]) for row in columns.rows(rows)] == [wanted[row]["sentences"] for row in rows]
    assert [plain(row["ids"]) for row in columns.rows(rows)] == [wanted[row]["ids"] for row in rows]


def test_kinds_of_values() -> None:
    row = Columns.from_texts(["one two. three"], SentenceReader()).rows([0])[0]
    assert isinstance(row["length"], int)
    assert isinstance(row["share"], float)
    assert isinstance(row["ids"], np.ndarray)
    assert row["ids"].dtype == np.int32
    assert isinstance(row["sentences"], list)
    assert all(isinstance(sentence, np.ndarray) for sentence in row["sentences"])


def test_lists_are_views_of_the_file(tmp_path: Path) -> None:
    columns = tokenised(split_of(["a b c", "d e"]), SentenceReader(), tmp_path)
    ids = columns.rows([1])[0]["ids"]
    assert isinstance(ids, np.ndarray)
    assert ids.base is not None
    assert not ids.flags.writeable


def test_a_split_is_tokenised_once_for_each_key_and_content(tmp_path: Path) -> None:
    split = split_of(["a b", "c"])
    first, again, other_key, other_texts = SentenceReader(), SentenceReader(), SentenceReader("b"), SentenceReader()
    tokenised(split, first, tmp_path)
    tokenised(split, again, tmp_path)
    tokenised(split, other_key, tmp_path)
    tokenised(split_of(["a b", "d"]), other_texts, tmp_path)
    assert [reader.calls for reader in (first, again, other_key, other_texts)] == [1, 0, 1, 1]
    assert len(list((tmp_path / "tokenised").iterdir())) == 3


def test_datasets_reads_the_file(tmp_path: Path) -> None:
    import datasets

    tokenised(split_of(["a bb", "ccc"]), SentenceReader(), tmp_path)
    (file,) = (tmp_path / "tokenised").iterdir()
    assert datasets.Dataset.from_file(str(file))["ids"][:] == [[1, 2], [3]]


def test_a_reader_that_fails_leaves_no_file(tmp_path: Path) -> None:
    class Failing(SentenceReader):
        def tokenize(self, texts: list[str]) -> dict[str, list[Any]]:
            if self.calls:
                raise RuntimeError("no words")
            return super().tokenize(texts)

    with pytest.raises(RuntimeError, match="no words"):
        tokenised(split_of(["a"] * 1500), Failing(), tmp_path)
    assert list((tmp_path / "tokenised").iterdir()) == []


def test_columns_that_start_with_nothing_but_empty_lists(tmp_path: Path) -> None:
    texts = [""] * 1200 + ["a b. c"]
    columns = tokenised(split_of(texts), SentenceReader(), tmp_path)
    assert plain(columns.rows([1200])[0]["sentences"]) == [[1, 1], [1]]
    assert plain(columns.rows([0])[0]["sentences"]) == [[]]
    blank = Columns.from_texts(["", ""], SentenceReader())
    assert plain(blank.rows([1])[0]["ids"]) == []


def test_no_texts() -> None:
    columns = Columns.from_texts([], SentenceReader())
    assert len(columns) == 0
    assert columns.rows([]) == []
    assert columns.lengths.tolist() == []


def test_arrays_are_taken_as_lists_are() -> None:
    columns = Columns.from_texts(
        ["a", "b"],
        Fixed({"ids": np.arange(6).reshape(2, 3), "length": np.array([3, 3]), "half": np.array([0.5, 1.0])}),
    )
    assert [plain(row) for row in (columns.rows([1])[0]["ids"], columns.rows([1])[0]["half"])] == [[3, 4, 5], 1.0]


@pytest.mark.parametrize("row", [-1, 2])
def test_rows_that_are_not_there(row: int) -> None:
    with pytest.raises(IndexError, match=f"rows {row} to {row} of 2"):
        Columns.from_texts(["a", "b"], SentenceReader()).rows([row])


EXPECTED = "expected one integer or float a text, a list of integers below 2**31, or a list of such lists"
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"ids": [[1], [2]]}, " gives no column 'length'; it gives ids"),
    ({"ids": [[1]], "length": [1, 1]}, "'s column 'ids' has 1 rows for 2 texts"),
    ({"ids": [[1], [5_000_000_000]], "length": [1, 1]}, "'s column 'ids' cannot be stored as list<item: int32>: "),
    ({"ids": [[1], [2.5]], "length": [1, 1]}, f"'s column 'ids' holds list<item: double>; {EXPECTED}"),
    ({"ids": [[1], [[2]]], "length": [1, 1]}, "'s column 'ids' mixes kinds: "),
    ({"ids": [[[[1]]], []], "length": [1, 1]}, "'s column 'ids' holds list<item: list<item: list<item: int64>>>; "),
    ({"words": ["a", "b"], "length": [1, 1]}, f"'s column 'words' holds string; {EXPECTED}"),
    ({"ids": [[1], [None]], "length": [1, 1]}, f"'s column 'ids' holds None; {EXPECTED}"),
    ({"ids": [[1], None], "length": [1, 1]}, "'s column 'ids' holds None; "),
    ({"length": [1, 1.5]}, "'s column 'length' holds double; "),
    ({"length": [[1], [1]]}, "'s column 'length' holds list<item: int64>; "),
]


@pytest.mark.parametrize(("columns", "message"), FAULTS, ids=range(len(FAULTS)))
def test_what_a_reader_must_not_give(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError) as caught:
        Columns.from_texts(["a", "b"], Fixed(columns))
    assert str(caught.value).startswith(f"bundle/fixed: the reader{message}")


def test_the_columns_must_stay_the_same() -> None:
    reader = Fixed({"ids": [[1]] * 1000, "length": [1] * 1000}, {"length": [1]})
    with pytest.raises(BundleError, match="the reader gives the columns length after it gave ids, length"):
        Columns.from_texts(["a"] * 1001, reader)


def test_from_texts_takes_what_it_is_given_in_order() -> None:
    make: Callable[[int], str] = lambda number: "w " * number  # noqa: E731
    columns = Columns.from_texts([make(number) for number in range(2100)], SentenceReader())
    assert columns.lengths.tolist() == list(range(2100))


def test_a_column_that_changes_its_kind_later() -> None:
    first = {"ids": [[1]] * 1000, "length": [1] * 1000}
    for later, message in (
        ([[0.5]], "'ids' holds list<item: double>"),
        ([["7"]], "'ids' holds list<item: string>"),
        ([[[1]]], "'ids' cannot be stored as list<item: int32>"),
    ):
        with pytest.raises(BundleError, match=message):
            Columns.from_texts(["a"] * 1001, Fixed(first, {"ids": later, "length": [1]}))
