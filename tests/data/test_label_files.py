"""Files that name labels: every form, every message, and what a spec may say of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from labelloom.data.label_files import read_label_file
from labelloom.data.places import kept
from labelloom.errors import DataError
from labelloom.spec.data import DataSettings

from .conftest import Write, document
from .loading import failure, load

NAMES = {"c": "sea", "a": "hay"}
FILES = {
    "plain.json": json.dumps(NAMES),
    "told.json": json.dumps({"c": {"name": "sea", "description": " much water "}, "a": {"name": "hay"}}),
    "table.csv": 'code,name,description\nc,sea," much water "\na,hay,\n',
    "mixed.tsv": "description\tcode\tname\r\nmuch water\tc\tsea\r\n\ta\thay\r\n",
    "marked.csv": "\ufeffcode,name\nc,sea\n\na,hay\n",
}


@pytest.mark.parametrize("name", FILES)
def test_every_form_says_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name].encode())
    found = read_label_file(path)
    assert list(found.names.items()) == list(NAMES.items())
    assert found.descriptions == ({} if name in ("plain.json", "marked.csv") else {"c": "much water"})


def test_a_label_a_line_and_codes_alone(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("c d\r\n\n  a \n")
    assert read_label_file(tmp_path / "labels.txt").names == {"c d": "c d", "a": "a"}
    (tmp_path / "labels.csv").write_text("code\nc\na\n")
    assert read_label_file(tmp_path / "labels.csv").names == {"c": "c", "a": "a"}
    (tmp_path / "labels.json").write_text('{"a": {"description": "dry grass"}}')
    assert read_label_file(tmp_path / "labels.json").names == {"a": "a"}


WRONG = [
    (
        "l.csv",
        "name,code,x\n",
        ":1: the header has 'name', 'code', 'x'; expected 'code,name,description', of which only",
    ),
    ("l.csv", "code,name\na,b,c\n", ":2: the row has 3 cells, the header 2"),
    ("l.csv", 'code,name\na,"b"c\n', ":2: broken table: ',' expected after"),
    ("l.tsv", "code\tname\na\tA\na\tB\n", ":3: the label 'a' is named twice; keep one of the names"),
    ("l.csv", "code,name\n,A\n", ":2: the label '' needs a name that is a string, not 'A'"),
    ("l.txt", "a\nb\na\n", ":3: the label 'a' is named twice"),
    ("l.txt", "\n", ": names no label; expected a label a line"),
    ("l.json", '{"a": {"title": "A"}}', ": the label 'a' has the unknown key 'title'; expected {\"name\": "),
    ("l.json", '{"a": {"name": 3}}', ": the label 'a' needs a name that is a string, not 3"),
    ("l.json", '{"a": {"description": ["x"]}}', ": the description of 'a' must be a string, not a list"),
]


@pytest.mark.parametrize(("name", "content", "message"), WRONG, ids=range(len(WRONG)))
def test_what_names_no_labels(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as caught:
        read_label_file(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}{message}")


def test_names_in_thousands_of_brackets(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text("[" * 100_000)
    with pytest.raises(DataError) as caught:
        read_label_file(path)
    assert str(caught.value).startswith(f"{path}: broken JSON: maximum recursion depth exceeded")


@pytest.mark.parametrize("sign", ["\u2028", "\u0085", "\f", "\x1d"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_of_names_ends_as_lines_do(tmp_path: Path, sign: str, end: str) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes(f"code,name{end}a,one{sign}two{end}b,three{end}".encode())
    assert read_label_file(path).names == {"a": f"one{sign}two", "b": "three"}


@pytest.mark.parametrize("end", [".gz", ".GZ"])
def test_packed_files_of_names_are_of_the_same_form(tmp_path: Path, end: str) -> None:
    for name, content in (
        ("lab.json", '{"a": "A"}'),
        ("lab.csv", "code,name\na,A\n"),
        ("lab.TSV", "code\tname\na\tA\n"),
    ):
        path = tmp_path / f"{name}{end}"
        path.write_bytes(gzip.compress(content.encode()))
        assert read_label_file(path).names == {"a": "A"}


@pytest.mark.parametrize("name", ["more.csv", "./data/more.csv", "absolute", "./data/../data/more.csv"])
def test_a_file_of_labels_is_used_however_it_is_named(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = write("data/train.jsonl", [document(labels=["a"])]).parent
    (folder / "more.csv").write_text("code,name\na,A\n")
    monkeypatch.chdir(tmp_path)
    for source in ("data", folder):
        corpus = load(source, label_file=str(folder / "more.csv") if name == "absolute" else name)
        assert corpus.labels.names == ("A",)
        assert not [note for note in corpus.notes if "not used" in note]


def test_the_file_that_a_spec_names_is_in_the_folder_of_the_source(write: Write, tmp_path: Path) -> None:
    path = write("data/train.jsonl", [document(labels=["a", "c"])])
    write("data/names.csv", ["code,name,description", "c,sea,water", "a,hay,"])
    write("data/labels.json", ['{"a": "other", "b": "other"}'])
    for source in (path, path.parent):
        corpus = load(source, label_file="names.csv")
        assert corpus.labels.codes == ("c", "a")
        assert corpus.labels.names == ("sea", "hay")
        assert corpus.labels.descriptions == ("water", "")
    write("data/names.csv", ["code,name", "c,sea", "a,straw"])
    assert load(path, label_file="names.csv").labels.names == ("sea", "straw")


def test_it_must_name_every_label_and_be_there(write: Write) -> None:
    path = write("data/train.jsonl", [document(labels=["b"])])
    names = write("data/label-names.txt", ["a"])
    assert failure(path, label_file="label-names.txt") == f"{path}:1: the label 'b' is not in {names}"
    assert failure(path, label_file="names.txt") == (
        f"data.label_file: there is no file {path.parent / 'names.txt'}\n    try: label-names.txt"
    )


def test_a_sample_takes_a_file_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    codes = load("arxiv-mini").labels.codes
    Path("mine.txt").write_text("\n".join(reversed(codes)))
    assert load("arxiv-mini", label_file="mine.txt").labels.codes == codes[::-1]


def test_a_run_keeps_paths_that_mean_the_same_from_anywhere(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("data/train.jsonl", [document(labels=["a"])])
    write("data/names.txt", ["a"])
    write("beside.txt", ["a"])
    monkeypatch.chdir(tmp_path)
    for named in ("names.txt", "./beside.txt", str(tmp_path / "beside.txt")):
        settings = DataSettings(source="data", label_file=named)
        run = kept(settings)
        assert run.source == str(tmp_path / "data")
        assert run.label_file is not None
        assert Path(run.label_file).is_absolute()
        monkeypatch.chdir("/")
        assert load(run.source, label_file=run.label_file).labels.codes == ("a",)
        monkeypatch.chdir(tmp_path)
