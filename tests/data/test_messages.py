"""Every message about data that cannot be used: the place, what is wrong, what to do."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from labelloom.data.corpus import load_corpus
from labelloom.errors import DataError
from labelloom.spec.data import DataSettings

from .conftest import Write, document


def failure(path: Path | str, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        load_corpus(DataSettings.model_validate({"source": str(path), **options}))
    assert type(caught.value) is DataError
    return str(caught.value)


GOOD = document()

RECORDS: list[tuple[object, str]] = [
    (
        '{"text": "a", "labels": ["b"]',
        "broken JSON at column 30: Expecting ',' delimiter\n    try: one object a line: ",
    ),
    ('{"text": "a", "labels": [' + "1" * 5000 + "]}", "broken JSON: Exceeds the limit (4300"),
    ("[" * 100_000, "broken JSON: maximum recursion depth exceeded"),
    ('"a text"', "expected one object a line, found a string"),
    ({"labels": []}, "no field 'text'; the record has 'labels'\n    try: text = \"<the field>\" under [data]"),
    (
        {"text": "a", "label": ["b"]},
        "no field 'labels'; the record has 'text', 'label'\n    try: labels = \"label\" under [data] in the spec",
    ),
    ({}, "no field 'text'; the record has no field at all"),
    ({"text": None, "labels": []}, 'the text must be a string, not null\n    try: an empty text is written as ""'),
    ({"text": 3, "labels": []}, "the text must be a string, not a number"),
    ({"text": "a", "labels": "b"}, 'the labels must be a list of strings, not a string\n    try: write ["b"]'),
    (
        {"text": "a", "labels": None},
        'the labels must be a list of strings, not null\n    try: write ["a", "b"], or [] for none',
    ),
    ({"text": "a", "labels": {"b": 1}}, "the labels must be a list of strings, not an object"),
    ({"text": "a", "labels": ["b", None]}, "a label must be a string or a whole number, not null"),
    ({"text": "a", "labels": [True]}, "a label must be a string or a whole number, not true or false"),
    ({"text": "a", "labels": [1.5]}, "a label must be a string or a whole number, not a decimal number"),
    ({"text": "a", "labels": [""]}, "a label is an empty string\n    try: write [] where there is no label"),
    ({"text": "a", "labels": [], "id": ["x"]}, "the id must be a string or a whole number, not a list"),
    ({"text": "a", "labels": [], "id": ""}, "the id is an empty string\n    try: leave the field out"),
    (
        '{"text": "ab \\ud83d", "labels": []}',
        "half a character, \\ud83d, at character 3 of 'ab \\ud83d'\n    try: write the string again",
    ),
    ('{"text": "ab", "labels": ["\\udc00"]}', "half a character, \\udc00, at character 0 of '\\udc00'"),
    (
        '{"text": "naïve", "labels": []}'.encode("latin-1"),
        "not UTF-8: byte 0xef at position 51 of the file\n    try: convert it: iconv -f <its encoding> -t UTF-8 "
        "train.jsonl > new.jsonl",
    ),
]


@pytest.mark.parametrize(("record", "message"), RECORDS, ids=range(len(RECORDS)))
@pytest.mark.parametrize("name", ["train.jsonl", "train.jsonl.gz"])
def test_a_record_that_is_no_document(write: Write, record: object, message: str, name: str) -> None:
    path = write(name, [GOOD, record, GOOD])
    assert failure(path).startswith(f"{path}:2: {message}")


def test_every_problem_has_a_message(write: Write) -> None:
    path = write("train.jsonl", ["{", GOOD, {"text": 1, "labels": []}, GOOD, {"text": "a"}])
    lines = [line for line in failure(path).splitlines() if not line.startswith("    try: ")]
    assert [line.split(": ")[0] for line in lines] == [f"{path}:1", f"{path}:3", f"{path}:5"]


def test_twenty_problems_are_shown_and_the_rest_counted_in_each_file(write: Write) -> None:
    train = write("corpus/train.jsonl", ["{"] * 63)
    test = write("corpus/test.jsonl", ["{"] * 21)
    with pytest.raises(DataError) as caught:
        load_corpus(DataSettings(source=str(train.parent)))
    problems = caught.value.problems
    assert [problem.where for problem in problems[:20]] == [f"{train}:{line}" for line in range(1, 21)]
    assert str(problems[20]) == f"{train}: and 43 more problems"
    assert str(problems[41]) == f"{test}: and 1 more problem"
    assert len(problems) == 42


def test_nothing_is_stored_of_a_broken_file(write: Write, cache: Path) -> None:
    path = write("train.jsonl", [GOOD, "{"])
    assert failure(path) == failure(path)
    assert list((cache / "corpora").iterdir()) == []


def test_an_id_twice(write: Write) -> None:
    path = write("train.jsonl", [document(id="x"), document(id=7), document(id="7")])
    assert failure(path) == (
        f"{path}:3: the id '7' occurs twice, first in line 2\n"
        "    try: give each document its own id, or leave the ids out: then documents are numbered by line"
    )


def test_another_id_field_must_be_there(write: Write) -> None:
    path = write("train.jsonl", [document(doc="x"), document()])
    assert failure(path, id="doc").startswith(f"{path}:2: no field 'doc'; the record has 'text', 'labels'")


def test_a_label_that_labels_json_does_not_name(write: Write) -> None:
    write("corpus/labels.json", ['{"cs.CL": "Language", "cs.LG": "Learning"}'])
    path = write("corpus/train.jsonl", [document(labels=["cs.CL"]), document(labels=["cs.CI", "q", "cs.LG"])])
    labels = path.parent / "labels.json"
    assert failure(path.parent) == (
        f"{path}:2: the label 'cs.CI' is not in {labels}\n    try: cs.CL\n    try: cs.LG\n"
        f"{path}:2: the label 'q' is not in {labels}"
    )


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_empty_split(write: Write, split: str) -> None:
    for name in ("train", "validation", "test"):
        path = write(f"corpus/{name}.jsonl", ["", "   "] if name == split else [document()])
        folder = path.parent
    message = failure(folder)
    assert message.startswith(f"{folder / split}.jsonl: the {split} split is empty; expected at least one document")
    assert ("remove the test split: one can be cut from train" in message) == (split == "test")


def test_a_training_split_without_any_label(write: Write) -> None:
    path = write("train.jsonl", [document(labels=[]), document(labels=[])])
    assert failure(path) == (
        f"{path}: no document of the train split has a label: nothing can be learnt\n"
        "    try: check that data.labels is the field that holds them"
    )


def test_a_json_list_is_told_from_json_lines(write: Write) -> None:
    path = write("train.jsonl", [json.dumps([GOOD, GOOD], indent=1)])
    told = failure(path)
    assert told.startswith(
        f"{path}:1: is a JSON list; expected one object a line\n    try: jq -c '.[]' {path} > new.jsonl\n"
        "    try: call it train.json, if it is one list of objects"
    )
    assert [line for line in told.splitlines() if str(path) in line and "try: " not in line] == [told.splitlines()[0]]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(("\ufeff" + json.dumps(GOOD) + "\n").encode(encoding) * 30)
    assert failure(path) == (
        f"{path}: is UTF-16; expected UTF-8\n    try: convert it: iconv -f UTF-16 -t UTF-8 train.jsonl > new.jsonl"
    )


def test_the_byte_is_counted_from_the_start_of_a_file_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"text": "\xff", "labels": []}\n')
    assert f"{path}:1: not UTF-8: byte 0xff at position 13 of the file" in failure(path)


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: b"no gzip", lambda data: data + b"more"])
def test_a_damaged_gzip_file(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "train.jsonl.gz"
    lines = "\n".join(json.dumps(document(f"text {number}")) for number in range(500))
    path.write_bytes(damage(gzip.compress(lines.encode())))
    message = failure(path)
    assert message.startswith(f"{path}: is not a whole gzip file: ")
    assert message.endswith("\n    try: copy or download it again")


LABEL_FILES: list[tuple[bytes, str]] = [
    (b'{"a": "A",\n"b" "B"}', ":2: broken JSON: Expecting ':' delimiter; expected one object of codes and names"),
    (b'["a"]', ': expected one object of codes and names, {"cs.CL": "Computation and Language", …}, not a list'),
    (b'{"a": "A", "b": "B", "a": "C"}', ": the label 'a' is named twice; keep one of the names"),
    (b'{"a": ["A"]}', ": the label 'a' needs a name that is a string, not ['A']"),
    (b'{"a": " "}', ": the label 'a' needs a name that is a string, not ' '"),
    (b"{}", ": names no label; expected one object"),
    (
        '{"a": "\u00e4"}'.encode("latin-1"),
        ":1: not UTF-8: byte 0xe4 at position 7 of the file\n    try: convert it: iconv",
    ),
]


@pytest.mark.parametrize(("content", "message"), LABEL_FILES, ids=range(len(LABEL_FILES)))
def test_labels_json_that_is_none(write: Write, content: bytes, message: str) -> None:
    write("corpus/train.jsonl", [GOOD])
    path = write("corpus/labels.json", [content])
    assert failure(path.parent).startswith(f"{path}{message}")


def test_two_files_for_one_split(write: Write) -> None:
    write("corpus/train.jsonl", [GOOD])
    write("corpus/val.jsonl", [GOOD])
    folder = write("corpus/dev.jsonl.gz", [GOOD]).parent
    assert failure(folder) == (
        f"{folder}: dev.jsonl.gz and val.jsonl are both the validation split; keep one of them\n"
        '    try: [data.files] validation = "dev.jsonl.gz", and the other splits'
    )


def test_a_folder_without_training_split(write: Write) -> None:
    folder = write("corpus/test.jsonl", [GOOD]).parent
    assert failure(folder) == (
        f"{folder}: no training split; found test.jsonl\n"
        "    try: a file train.csv in the folder, or another form of it\n"
        "    try: the path of one file as data.source\n"
        '    try: [data.files] train = ["…"], to name the files'
    )
    empty = folder.parent / "empty"
    empty.mkdir()
    assert "no training split; found no file that is read: .jsonl, .json, .csv, .tsv, .parquet" in failure(empty)


def test_a_name_that_is_nothing(write: Write) -> None:
    path = write("reuters.jsonl", [GOOD])
    assert failure("arxiv-mni") == (
        "data.source: no file or folder 'arxiv-mni', and no such sample\n    try: arxiv-mini\n"
        "    try: a sample: arxiv-mini\n    try: hf:arxiv-mni if it is a data set of the Hugging Face hub"
    )
    assert f"    try: {path}\n" in failure(path.with_name("reuter.jsonl"))
    # A file that ends otherwise is meant only if it is called the same; and no name of the hub has an ending.
    write("rooter.csv", [GOOD])
    assert failure(path.with_name("reuters.csv")) == (
        f"data.source: no file or folder '{path.with_name('reuters.csv')}', and no such sample\n    try: {path}\n"
        f"    try: {path.with_name('rooter.csv')}\n    try: a sample: arxiv-mini"
    )


def test_a_kind_of_file_that_is_not_read(write: Write) -> None:
    path = write("data.xlsx", ["text,labels"])
    assert failure(path) == (
        f"{path}: this kind of file is not read; expected .jsonl, .json, .csv, .tsv, .parquet\n"
        '    try: format = "csv" under [data] in the spec, if its name does not tell'
    )


def test_too_few_documents_to_cut(write: Write) -> None:
    path = write("train.jsonl", [GOOD])
    assert failure(path).startswith(
        "data.source: the training split has 1 document, and a validation or test split is to be cut from it\n"
        "    try: at least two training documents"
    )


def test_a_cache_that_cannot_be_written(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("train.jsonl", [GOOD, GOOD])
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the cache should be")
    monkeypatch.setenv("LABELLOOM_CACHE", str(blocked))
    message = failure(path)
    assert message.startswith(f"{blocked / 'corpora'}: the cache cannot be written: Not a directory")
    assert "try: set LABELLOOM_CACHE to a folder that you may write to, on a disk with room" in message
