"""Files that are one JSON list, or JSON lines under that name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import document
from .loading import documents, failure, load

RECORDS = [document("one", ["b", "a"]), document('t"w\\o ] , [', []), document("three", ["a"], id=7)]
EXPECTED = [("train-1", "one", ["a", "b"]), ("train-2", 't"w\\o ] , [', []), ("7", "three", ["a"])]


@pytest.mark.parametrize("indent", [None, 1])
def test_the_objects_of_a_list_are_numbered(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "train.json"
    path.write_text("\ufeff\n " + json.dumps(RECORDS, indent=indent) + "\r\n", encoding="utf-8")
    assert documents(load(path)) == EXPECTED


def test_lines_under_the_name_of_a_list(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    assert documents(load(path)) == EXPECTED


GOOD = json.dumps(document())
WRONG = [
    (
        f"[{GOOD},\n{{'text': 1}}]",
        ":2: broken JSON: line 2, column 2: Expecting property name enclosed in double quotes;",
    ),
    (f"[{GOOD} {GOOD}]", ":1: broken JSON: a comma is missing after this object; expected one list of objects"),
    (f"[{GOOD}, {GOOD}", ':2: broken JSON: the list does not end; expected one list of objects\n    try: [{"text"'),
    (f"[{GOOD},", ":2: broken JSON: line 1, column"),
    ("[" * 100_000, ":1: broken JSON: maximum recursion depth exceeded"),
    (f'[{GOOD}, "a text"]', ":2: expected a list of objects, found a string in it\n    try: write {"),
    (f'[{GOOD}, {{"text": "a"}}]', ":2: no field 'labels'; the record has 'text'"),
    (
        f"[{GOOD}]\n[{GOOD}]",
        ':2: broken JSON: \'[{"text": "some text", "labels": ["a"]}]\' follows the end of the list; expected',
    ),
    (
        f"[{GOOD}]{GOOD} garbage",
        ':1: broken JSON: \'{"text": "some text", "labels": ["a"]} g\' follows the end of the list',
    ),
    ("[]", ": the train split is empty; expected at least one document"),
    ("", ": the train split is empty; expected at least one document"),
    ("  \n", ": the train split is empty; expected at least one document"),
]


@pytest.mark.parametrize(("content", "message"), WRONG, ids=range(len(WRONG)))
def test_a_broken_list(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "train.json"
    path.write_text(content)
    assert failure(path).startswith(f"{path}{message}")


def test_lists_that_are_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_bytes(json.dumps(RECORDS).encode("utf-16"))
    assert failure(path).startswith(f"{path}: is UTF-16; expected UTF-8")
    path.write_bytes('[{"text": "na\u00efve"}]'.encode("latin-1"))
    assert failure(path).startswith(f"{path}:1: not UTF-8: byte 0xef at position 13 of the file")
