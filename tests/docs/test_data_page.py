"""The messages in docs/reference/data.md are those that the program says, and there are no others."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelloom.data.corpus import load_corpus
from labelloom.errors import LabelloomError, Problem
from labelloom.spec.data import DataSettings

from .pages import ROOT

PAGE = ROOT / "docs" / "reference" / "data.md"


def table_below(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its header; cells without backticks."""
    text = PAGE.read_text(encoding="utf-8")
    lines = text[text.index(f"{heading}\n") :].splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("| ---")) + 1
    last = next(place for place, line in enumerate(lines[first:], first) if not line.startswith("|"))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[first:last]]


def code(cell: str) -> list[str]:
    """The pieces of code in a cell."""
    return re.findall(r"`([^`]*)`", cell)


def says(pattern: str, text: str) -> bool:
    """Whether `text` is what a page says, where an ellipsis stands for anything."""
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("…"))), text))


GOOD = {"text": "good", "labels": ["a"]}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELLOOM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")


def lines(*documents: object) -> bytes:
    return b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in documents)


def problems_in(source: object, **options: object) -> tuple[Problem, ...]:
    with pytest.raises(LabelloomError) as caught:
        load_corpus(DataSettings.model_validate({"source": str(source), **options}))
    return caught.value.problems


@pytest.mark.parametrize("row", table_below("### Lines"), ids=lambda row: row[0])
def test_a_line_that_is_no_document(row: list[str], tmp_path: Path) -> None:
    (line,), (message,), remedies = code(row[0]), code(row[1]), code(row[2])
    path = tmp_path / "train.jsonl"
    path.write_bytes(lines(GOOD, line.encode(), GOOD))
    assert problems_in(path) == (Problem(f"{path}:2", message, tuple(remedies)),)


@pytest.mark.parametrize("row", table_below("### Rows and columns"), ids=lambda row: row[0])
def test_a_row_or_column_that_is_wrong(row: list[str], tmp_path: Path) -> None:
    (content,), (message,), remedies = code(row[0]), code(row[1]), code(row[2])
    path = tmp_path / "train.csv"
    path.write_bytes(content.translate({ord("⏎"): "\n", ord("␍"): "\r", ord("␀"): "\0"}).encode())
    (problem,) = problems_in(path)
    assert (problem.message, list(problem.suggestions)) == (message, remedies)


@pytest.mark.parametrize(
    "row", table_below("Here ⏎ is the end of a line, ␍ a carriage return and ␀ a NUL. In a one-hot column:")
)
def test_a_one_hot_cell_that_is_wrong(row: list[str], tmp_path: Path) -> None:
    (cell,), (message,), remedies = code(row[0]), code(row[1]), code(row[2])
    path = tmp_path / "train.csv"
    path.write_text(f"text,toxic\na,1\nb,{cell}\n")
    assert problems_in(path, labels=["toxic"]) == (Problem(f"{path}:3", message, tuple(remedies)),)


def parquet_that_is_not_utf_8() -> bytes:
    """A file with the text "a", and a byte 0xe9 after it."""
    offsets = pa.array([0, 2], pa.int32()).buffers()[1]
    texts = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"a\xe9")])
    file = io.BytesIO()
    pq.write_table(pa.table({"text": texts, "labels": [["a"]]}), file)
    return file.getvalue()


Files = dict[str, bytes]
CSV = b"text,labels\na,x\n"
LABELS = {"labels.json": b'{"a": "A", "billing": "Billing"}'}
FILES: dict[str, Files] = {
    "Bytes that are not UTF-8": {"train.jsonl": '{"text": "naïve", "labels": []}\n'.encode("latin-1")},
    "UTF-16": {"train.jsonl": json.dumps(GOOD).encode("utf-16")},
    "A JSON list instead of lines": {"train.jsonl": json.dumps([GOOD], indent=1).encode()},
    "A JSON list that is cut off": {"train.json": json.dumps([GOOD]).encode()[:-1]},
    "Anything after the end of a JSON list": {"train.json": json.dumps([GOOD]).encode() * 2},
    "A Parquet string that is not UTF-8": {"train.parquet": parquet_that_is_not_utf_8()},
    "A folder called like a split with other things in it": {"train.csv": CSV, "test/notes.txt": b"x"},
    "A published form and another split beside it": {
        "text_train": b"a",
        "label_train": b"x",
        "train.jsonl": lines(GOOD),
    },
    "`delimiter` or `quotes` without a table of text": {"train.jsonl": lines(GOOD)},
    "A Parquet file that is none": {"train.parquet": b"PAR1"},
    "One label with two names": {"train.jsonl": lines({**GOOD, "names": ["A"]}, {**GOOD, "names": ["B"]})},
    "More names than labels": {"train.jsonl": lines({**GOOD, "names": ["A", "B"]})},
    "One split in two forms": {"train.jsonl": lines(GOOD), "train.csv": CSV},
    "A numbered file that is missing": {"train-0-of-2.csv": CSV},
    "`[data.files]` names no file": {"train.csv": CSV},
    "A file in two splits": {"train.csv": CSV},
    "`label_file` is not there": {"train.jsonl": lines(GOOD), "labels.txt": b"a"},
    "A format that does not fit": {"train.csv": CSV},
    "A format and keys that it ignores": {"train.csv": CSV},
    "A misspelt format": {"train.csv": CSV},
    "A table of names with other columns": {"train.jsonl": lines(GOOD), "names.csv": b"label,name\na,A\n"},
    "A gzip file that is cut off or none": {"train.jsonl.gz": gzip.compress(lines(GOOD) * 9)[:-9]},
    "One id twice in a split": {"train.jsonl": lines({**GOOD, "id": "7"}, {**GOOD, "id": 7})},
    "A label that `labels.json` does not name": {**LABELS, "train.jsonl": lines({**GOOD, "labels": ["biling"]})},
    "A split without a document": {"train.jsonl": lines(GOOD), "test.jsonl": b"\n"},
    "No label in the whole training split": {"train.jsonl": lines({**GOOD, "labels": []})},
    "A cut from a single document": {"train.jsonl": lines(GOOD)},
    "A folder without a training split": {"test.jsonl": lines(GOOD)},
    "Two files for one split": {name: lines(GOOD) for name in ("train.jsonl", "dev.jsonl", "val.jsonl")},
    "`labels.json` is not valid": {"train.jsonl": lines(GOOD), "labels.json": b'{"a": "A" "b": "B"}'},
    "`labels.json` is no object": {"train.jsonl": lines(GOOD), "labels.json": b'["a"]'},
    "`labels.json` is not UTF-8": {"train.jsonl": lines(GOOD), "labels.json": '{"a": "ä"}'.encode("latin-1")},
    "`labels.json` has a code twice": {"train.jsonl": lines(GOOD), "labels.json": b'{"a": "A", "a": "B"}'},
    "`labels.json` has no name for a code": {"train.jsonl": lines(GOOD), "labels.json": b'{"a": " "}'},
    "`labels.json` is empty": {"train.jsonl": lines(GOOD), "labels.json": b"{}"},
}
OPTIONS: dict[str, dict[str, object]] = {
    "One label with two names": {"label_names": "names"},
    "More names than labels": {"label_names": "names"},
    "`delimiter` or `quotes` without a table of text": {"delimiter": ";"},
    "`hf:` classes and `label_names`": {"label_names": "text"},
    "`[data.files]` names no file": {"files": {"train": "x.csv"}},
    "A file in two splits": {"files": {"train": "train.csv", "test": "*.csv"}},
    "`label_file` is not there": {"label_file": "names.txt"},
    "A format that does not fit": {"format": "standard/sgm"},
    "A format and keys that it ignores": {"format": "standard/sgm", "label_separator": ";"},
    "A misspelt format": {"format": "standard/smg"},
    "A table of names with other columns": {"label_file": "names.csv"},
}
OTHERS: dict[str, Callable[[Path], object]] = {
    "No such source": lambda folder: "arxiv-mni",
    "Another kind of file": lambda folder: write(folder, {"data.xlsx": b"PK"}) / "data.xlsx",
    "A scheme that no bundle has": lambda folder: "hff:owner/name",
    "`hf:` without a training split": lambda folder: f"hf:{write(folder, {'test.jsonl': lines(GOOD)})}",
    "`hf:` with two splits for one": lambda folder: f"hf:{write(folder, two_validation_splits())}",
    "`hf:` classes and `label_names`": lambda folder: f"hf:{with_classes(folder)}",
    "`hf:` without a column": lambda folder: (
        f"hf:{write(folder, {'train.jsonl': lines({'sentence': 'a', 'labels': []})})}"
    ),
}


def write(folder: Path, files: Files) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def configured(*splits: str) -> bytes:
    """The README that tells `datasets` which splits there are."""
    files = "".join(f"  - split: {split}\n    path: {split}.jsonl\n" for split in splits)
    return f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}---\n".encode()


def two_validation_splits() -> Files:
    splits = ("train", "validation", "dev")
    return {"README.md": configured(*splits), **{f"{split}.jsonl": lines(GOOD) for split in splits}}


def with_classes(folder: Path) -> Path:
    folder.mkdir()
    classes = datasets.Sequence(datasets.ClassLabel(names=["a"]))
    features = datasets.Features({"text": datasets.Value("string"), "labels": classes})
    rows = datasets.Dataset.from_list([{"text": "t", "labels": [0]}], features=features)
    rows.to_parquet(folder / "train.parquet")
    return folder


@pytest.mark.parametrize("row", table_below("### Files and folders"), ids=lambda row: row[0])
def test_a_file_or_folder_that_is_no_corpus(row: list[str], tmp_path: Path) -> None:
    (message,), remedies = code(row[1]), code(row[2])
    folder = tmp_path / "data"
    source = OTHERS[row[0]](folder) if row[0] in OTHERS else write(folder, FILES[row[0]])
    problem = problems_in(source, **OPTIONS.get(row[0], {}))[0]
    assert says(message, problem.message)
    assert len(remedies) == len(problem.suggestions)
    assert all(map(says, remedies, problem.suggestions))


def test_every_broken_file_of_these_tests_is_on_the_page() -> None:
    assert {row[0] for row in table_below("### Files and folders")} == FILES.keys() | OTHERS.keys()


def numbered(count: int, split: str) -> list[dict[str, Any]]:
    return [{"text": f"{split} {place}", "labels": ["a"], "id": f"{split} {place}"} for place in range(count)]


def notes_on(folder: Path, files: Files, source: str = "", **options: object) -> list[str]:
    write(folder, files)
    return load_corpus(DataSettings.model_validate({"source": f"{source}{folder}", **options})).notes


def whole(**changes: Any) -> Files:
    """A corpus about which nothing is said, but for the second line of train, or the first of test."""
    train, validation, test = (numbered(4, split) for split in ("train", "validation", "test"))
    train[1] |= changes.get("train", {})
    test[0] |= changes.get("test", {})
    for field in changes.get("without", ()):
        del train[1][field]
    splits = {"train": train, "validation": validation, "test": test}
    return {f"{split}.jsonl": lines(*documents) for split, documents in splits.items()}


USED = ("train", "validation", "test")
TOLERATED: dict[str, Callable[[Path], Iterable[str]]] = {
    "A blank text": lambda folder: notes_on(folder, whole(train={"text": " "})),
    "No label": lambda folder: notes_on(folder, whole(train={"labels": []})),
    "A label twice in one document": lambda folder: notes_on(folder, whole(train={"labels": ["a", "a"]})),
    "Some documents without an id": lambda folder: notes_on(folder, whole(without=["id"])),
    "A training text that comes again": lambda folder: notes_on(folder, whole(train={"text": "train 0"})),
    "A text in two splits": lambda folder: notes_on(folder, whole(test={"text": "train 0"})),
    "An id in two splits, with other texts": lambda folder: notes_on(folder, whole(test={"id": "train 0"})),
    "A label that training does not see": lambda folder: notes_on(folder, whole(test={"labels": ["a", "rare"]})),
    "A name without documents": lambda folder: notes_on(
        folder, {**whole(), "labels.json": b'{"a": "A", "rare": "Rare"}'}
    ),
    "Files of a format that refuses them, beside others that are read": lambda folder: notes_on(
        folder, {**whole(), "train.txt": b"1 1 1\n0 0:1\n"}
    ),
    "Files that are no split": lambda folder: notes_on(folder, {**whole(), "extra.jsonl": lines(GOOD)}),
    "Texts that are made of word counts": lambda folder: notes_on(
        folder, {"train.txt": b"2 1 2\n0 0:1\n1 0:1\n", "Xf.txt": b"word"}
    )[:1],
    "`hf:` splits that are not used": lambda folder: notes_on(
        folder,
        {**whole(), "unsupervised.jsonl": lines(*numbered(1, "u")), "README.md": configured(*USED, "unsupervised")},
        "hf:",
    ),
    "No validation split": lambda folder: notes_on(
        folder, {"train.jsonl": lines(*numbered(20, "train")), "test.jsonl": lines(*numbered(1, "test"))}
    ),
    "No test split": lambda folder: notes_on(
        folder, {"train.jsonl": lines(*numbered(2, "train")), "validation.jsonl": lines(*numbered(1, "validation"))}
    ),
    "`data.limit`": lambda folder: notes_on(folder, whole(), limit=12),
}


@pytest.mark.parametrize("row", table_below("## What is tolerated"), ids=lambda row: row[0])
def test_what_is_tolerated_is_said(row: list[str], tmp_path: Path) -> None:
    (note,) = TOLERATED[row[0]](tmp_path / "data")
    (message,) = code(row[1])
    assert says(message, note)


def test_everything_else_is_said_on_the_page() -> None:
    assert {row[0] for row in table_below("## What is tolerated")} == TOLERATED.keys()
