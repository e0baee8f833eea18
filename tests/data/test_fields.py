"""Labels in one field or in one-hot fields, and what documents say of their names."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelloom.data import fields
from labelloom.spec.data import DataSettings

from .conftest import Write
from .loading import documents, failure, load


def write_csv(path: Path, *rows: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path


def test_one_hot_columns_are_the_labels_in_their_order(tmp_path: Path) -> None:
    rows = ["id,text,toxic,severe_toxic,severe_b,none", "1,a,1,0,,0", "2,b,TRUE,False,1.0,", "3,c,0,0.0,,"]
    path = write_csv(tmp_path / "train.csv", *rows)
    corpus = load(path, labels=["toxic", "severe_*", "none"])
    assert corpus.labels.codes == corpus.labels.names == ("toxic", "severe_toxic", "severe_b", "none")
    assert documents(corpus) == [("1", "a", ["toxic"]), ("2", "b", ["toxic", "severe_b"]), ("3", "c", [])]
    assert corpus.notes == [
        "train: 1 document with no label, kept (first: line 4)",
        "labels: 2 labels (severe_toxic, none) named but in no document",
    ]


def test_a_pattern_takes_neither_text_nor_id(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "train.csv", "id,text,a,b", "1,t,1,0")
    assert load(path, labels=["*"]).labels.codes == ("a", "b")


def test_one_hot_fields_of_parquet_and_json(tmp_path: Path, write: Write) -> None:
    columns = {"text": ["t", "u"], "b": [True, None], "a": [0, 1], "c": [0.0, 1.0]}
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    expected = [("train-1", "t", ["b"]), ("train-2", "u", ["a", "c"])]
    assert documents(load(tmp_path / "train.parquet", labels=["[abc]"])) == expected
    path = write(
        "train.jsonl", [{"text": "t", "b": 1, "a": False, "c": None}, {"text": "u", "b": 0, "a": 1, "c": True}]
    )
    corpus = load(path, labels=["a", "b", "c"])
    assert corpus.labels.codes == ("b", "a", "c")
    assert documents(corpus) == expected


@pytest.mark.parametrize("value", ["yes", "2", "-1", "0.5", "NaN"])
def test_what_is_neither_yes_nor_no(tmp_path: Path, value: str) -> None:
    path = write_csv(tmp_path / "train.csv", "text,toxic", "a,1", f"b,{value}")
    assert failure(path, labels=["toxic"]) == (
        f"{path}:3: the column 'toxic' holds {value!r}; expected 0, 1, true, false or nothing\n"
        "    try: name only one-hot columns in labels under [data]"
    )


def test_a_pattern_that_nothing_matches(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "train.csv", "text,toxic", "a,1")
    assert failure(path, labels=["toxic", "severe_*"]).startswith(
        f"{path}:1: no column 'severe_*'; the header has 'text', 'toxic'\n    try: labels = [\"<the column>\", …] under"
    )


def test_every_file_has_the_same_one_hot_columns(tmp_path: Path) -> None:
    write_csv(tmp_path / "data" / "train.csv", "text,is_a,is_b", "t,1,1", "u,0,1")
    write_csv(tmp_path / "data" / "test.csv", "text,is_b,is_a", "v,1,0")
    assert documents(load(tmp_path / "data", labels=["is_*"]), "test") == [("test-2", "v", ["is_b"])]
    path = write_csv(tmp_path / "data" / "test.csv", "text,is_b", "v,1")
    assert failure(tmp_path / "data", labels=["is_*"]).startswith(
        f"{path}: test.csv lacks the one-hot column 'is_a' that train.csv has\n    try: the same columns in every file"
    )


def test_a_string_of_json_is_taken_apart_where_a_separator_is_set(write: Write) -> None:
    path = write("train.jsonl", [{"text": "t", "labels": "b, a"}, {"text": "u", "labels": ["c,d"]}])
    assert [codes for *_, codes in documents(load(path, label_separator=","))] == [["a", "b"], ["c,d"]]


def test_names_and_descriptions_from_fields_beside_the_labels(tmp_path: Path, write: Write) -> None:
    rows = ["text,labels,titles,about", "t,b;a,Bee;Hay,It stings;Dry grass", "u,a,Hay,Dry grass", "v,,,"]
    path = write_csv(tmp_path / "train.csv", *rows)
    options = {"label_names": "titles", "label_descriptions": "about"}
    corpus = load(path, label_separator=";", **options)
    assert corpus.labels.codes == ("a", "b")
    assert corpus.labels.names == ("Hay", "Bee")
    assert corpus.labels.descriptions == ("Dry grass", "It stings")
    records = [
        {"text": "t", "labels": ["b", "a"], "titles": ["Bee", "Hay"], "about": ["It stings", "Dry grass"]},
        {"text": "v", "labels": [], "titles": [], "about": []},
    ]
    assert load(write("train.jsonl", records), **options).labels == corpus.labels


def test_a_name_that_is_missing_moves_no_other(tmp_path: Path, write: Write) -> None:
    options = {"label_separator": ";", "label_names": "titles"}
    path = write_csv(tmp_path / "train.csv", "text,labels,titles", "t,x;y,A;;B")
    assert failure(path, **options) == f"{path}:2: there are 3 names for 2 labels; expected one a label"
    write_csv(path, "text,labels,titles", "t,x;y,A;")
    assert failure(path, **options) == f"{path}:2: the name of a label is empty"
    write_csv(path, "text,labels,titles", "t,x;;y; ,A; ;B;", "u,,")
    assert load(path, **options).labels.names == ("A", "B")
    path = write("train.jsonl", [{"text": "t", "labels": "x;;y", "titles": "A;;B"}])
    assert load(path, **options).labels.names == ("A", "B")


def test_a_description_may_be_unknown(tmp_path: Path, write: Write) -> None:
    options = {"label_separator": ";", "label_descriptions": "about"}
    path = write_csv(tmp_path / "train.csv", "text,labels,about", "t,x;y,;why", "u,x,", "v,y;x,;how")
    assert load(path, **options).labels.descriptions == ("how", "why")
    path = write("train.jsonl", [{"text": "t", "labels": ["x", "y"], "about": ["", "why"]}])
    assert load(path, label_descriptions="about").labels.descriptions == ("", "why")


def test_columns_that_are_named_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"c{number}" for number in range(300)]
    asked: list[str] = []
    monkeypatch.setattr(
        fields, "fnmatchcase", lambda name, pattern: asked.append(pattern) or fnmatchcase(name, pattern)
    )
    settings = DataSettings(source="x", text="c0", labels=[*names[1:], "c1[0-9]", "*", "text"])
    assert fields.label_fields(names, settings) == tuple(names[1:])
    assert set(asked) == {"c1[0-9]", "*"}


def test_a_column_that_is_called_like_a_pattern(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "train.csv", "text,a[1],a1,b*", "t,1,1,1")
    assert load(path, labels=["a[1]", "b*"]).labels.codes == ("a[1]", "a1", "b*")


WRONG_NAMES = [
    ([{"titles": ["A"]}, {"titles": ["B"]}], ":2: the label 'a' has the name 'B' here and 'A' in {}:1"),
    ([{"titles": ["A", "B"]}], ":1: there are 2 names for 1 labels; expected one a label"),
    ([{"titles": "A"}], ":1: the names of the labels must be a list of strings, not a string"),
    ([{"titles": [3]}], ":1: the name of a label must be a string, not a number"),
    ([{"titles": [None]}], ":1: the name of a label must be a string, not null"),
    ([{"titles": [" "]}], ":1: the name of a label is empty"),
    ([{}], ":1: no field 'titles'; the record has 'text', 'labels'"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG_NAMES, ids=range(len(WRONG_NAMES)))
def test_names_that_do_not_fit(write: Write, fields: list[dict[str, object]], message: str) -> None:
    path = write("train.jsonl", [{"text": "t", "labels": ["a"], **each} for each in fields])
    assert failure(path, label_names="titles").startswith(f"{path}{message.format(path)}")


def test_a_part_of_the_text_that_is_no_string(write: Write) -> None:
    path = write("train.jsonl", [{"title": None, "body": "b", "labels": []}])
    assert failure(path, text=["title", "body"]).startswith(f"{path}:1: the field 'title' must be a string, not null")


def test_names_in_the_data_take_the_place_of_those_beside_it(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", "text,labels,titles", "t,a,Hay")
    (tmp_path / "labels.json").write_text(json.dumps({"z": "Zed"}))
    assert load(tmp_path, label_names="titles", label_separator=";").labels.names == ("Hay",)
