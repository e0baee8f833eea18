"""CSV, TSV and Parquet: what is read from them, in whatever way it is written."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelloom.data.delimited import read_csv, read_tsv
from labelloom.data.records import Record
from labelloom.spec.data import DataSettings

from .loading import documents, load

ROWS = [
    ("1", "one, with a comma", "b;a"),
    ("2", 'two "quoted"\nand a second line', ""),
    ("3", "", "c"),
    ("4", "zwei – 二\u2028still line 4", "a; b ;"),
]
EXPECTED = [
    ("1", "one, with a comma", ["a", "b"]),
    ("2", 'two "quoted"\nand a second line', []),
    ("3", "", ["c"]),
    ("4", "zwei – 二\u2028still line 4", ["a", "b"]),
]


def table(rows: Sequence[Sequence[str]], delimiter: str = ",", end: str = "\n") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["no mark", "mark"])
@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz", "train.tsv", "train.tsv.gz"])
def test_rows_come_back_as_they_were_written(tmp_path: Path, name: str, mark: bytes, end: str) -> None:
    delimiter = "\t" if ".tsv" in name else ","
    content = mark + table([("id", "text", "labels"), *ROWS], delimiter, end).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    corpus = load(path, label_separator=";")
    assert documents(corpus) == EXPECTED
    assert corpus.notes == [
        "train: 1 document with no label, kept (first: line 3)",
        "train: 1 document with no text, kept (first: line 5)",
    ]


def test_parquet_rows(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    labels = [["b", "a"], [], ["c"], ["a", "b"]]
    texts: list[str | None] = [row[1] for row in ROWS]
    texts[2] = None
    columns = {"id": [1, 2, 3, 4], "text": texts, "labels": labels, "other": [1.5] * 4}
    pq.write_table(pa.table(columns), path, row_group_size=2)
    assert documents(load(path)) == EXPECTED
    joined = [";".join(each) or None for each in labels]
    pq.write_table(pa.table({**columns, "labels": joined}), path)
    assert documents(load(path, label_separator=";")) == EXPECTED
    pq.write_table(pa.table({**columns, "labels": pa.array(joined).dictionary_encode()}), path)
    assert documents(load(path, label_separator=";")) == EXPECTED


def test_numbers_of_lines_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text('text,labels\n\n"a\nb\n\nc",x\n\nd,y\n')
    assert documents(load(path, label_separator=";")) == [("train-3", "a\nb\n\nc", ["x"]), ("train-8", "d", ["y"])]


@pytest.mark.parametrize(
    "cell", ['["a", "b 1", "7"]', "['a', 'b 1', 7]", '["a", \'b 1\', "7",]', "[ 'a','b 1' , '7' ]"]
)
def test_a_cell_may_be_a_list_in_json_or_python(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "train.csv"
    path.write_text(table([("text", "labels"), ("t", cell), ("u", "[]"), ("v", "")]))
    assert [codes for _, _, codes in documents(load(path))] == [["7", "a", "b 1"], [], []]


def test_a_separator_takes_a_cell_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "train.tsv"
    path.write_text(table([("text", "labels"), ("t", "[a] [b]"), ("u", "  c  d ")], "\t"))
    assert [codes for _, _, codes in documents(load(path, label_separator=" "))] == [["[a]", "[b]"], ["c", "d"]]


def test_several_columns_of_text_are_lines_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(table([("title", "labels", "abstract"), ("T", "a", "long"), ("", "a", "only"), ("", "a", "")]))
    corpus = load(path, text=["title", "abstract"], label_separator=";")
    assert list(corpus.train.texts) == ["T\nlong", "only", ""]


def test_other_delimiters_and_cells_without_quotes(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("text;labels\na, b;x|y\n")
    assert documents(load(path, delimiter=";", label_separator="|")) == [("train-2", "a, b", ["x", "y"])]
    path = tmp_path / "train.tsv"
    path.write_text('text\tlabels\n"Never, he said\tx\n')
    assert documents(load(path, quotes=False, label_separator="|")) == [("train-2", '"Never, he said', ["x"])]


def test_cells_longer_than_the_limit_of_csv(tmp_path: Path) -> None:
    csv.field_size_limit(131_072)
    path = tmp_path / "train.csv"
    path.write_text(table([("text", "labels"), ("long " * 50_000, "x")]))
    assert len(load(path, label_separator=";").train.texts[0]) == 250_000


def test_empty_ids_are_numbers_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("id,text,labels\n,a,x\n7,b,x\n")
    corpus = load(path, label_separator=";")
    assert list(corpus.train.ids) == ["train-2", "7"]
    assert corpus.notes == ["train: 1 document with no id, numbered by line"]


def test_a_name_that_tells_nothing_with_a_format_that_does(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_text("text,labels\na,x\n")
    assert documents(load(path, format="csv", label_separator=";")) == [("train-2", "a", ["x"])]


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.tuples(TEXT, st.lists(st.sampled_from("abc"), unique=True)), max_size=8))
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_what_csv_writes_is_what_is_read(tmp_path: Path, delimiter: str, rows: list[tuple[str, list[str]]]) -> None:
    path = tmp_path / "any"
    cells = [(text, ";".join(labels)) for text, labels in rows]
    path.write_bytes(table([("text", "labels"), *cells], delimiter).encode())
    read = read_csv if delimiter == "," else read_tsv
    records = list(read(path, DataSettings(source="x", label_separator=";")))
    assert [(record.text, record.labels) for record in records if isinstance(record, Record)] == rows
    newlines = [1 + sum(text.count("\n") + 1 for text, _ in rows[:place]) for place in range(len(rows))]
    assert [record.line for record in records if isinstance(record, Record)] == [number + 1 for number in newlines]
