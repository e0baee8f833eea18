"""`labelloom predict`: the same answers as in Python, in JSON lines, from every format."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

import labelloom

TEXTS = ["cat purr whiskers", "", "proof lemma of a theorem", "bike pedal and a dog bark leash"]


@pytest.fixture
def predict(labelloom_: Callable[..., Result], run: Path) -> Callable[..., list[dict[str, Any]]]:
    """The lines that `labelloom predict` prints."""

    def invoke(*arguments: object, stdin: str | None = None) -> list[dict[str, Any]]:
        result = labelloom_("predict", run, *arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        return [json.loads(line) for line in result.stdout.splitlines()]

    return invoke


def test_lines_have_the_answers_of_the_python_interface(predict: Callable[..., Any], run: Path) -> None:
    found = predict(stdin="\n".join(TEXTS) + "\n")
    expected = labelloom.load(run).predict(TEXTS)
    assert [line["id"] for line in found] == [1, 2, 3, 4]
    for line, labels in zip(found, expected, strict=True):
        assert list(line) == ["id", "labels"]
        codes = [(told["label"], told["name"]) for told in line["labels"]]
        assert codes == [(label.label, label.name) for label in labels]
        scores = [told["score"] for told in line["labels"]]
        assert scores == pytest.approx([label.score for label in labels], rel=1e-5)
    assert found[0]["labels"][0]["label"] == "cats"
    assert found[0]["labels"][0]["name"] == "Cats"


def test_top_k(predict: Callable[..., Any]) -> None:
    found = predict("-", "--top-k", 2, stdin=TEXTS[2])
    assert found[0]["labels"][0]["label"] == "maths"
    assert len(found[0]["labels"]) == 2
    assert len(predict("--top-k", 99, stdin="x")[0]["labels"]) == 5


def test_a_table_is_read_by_the_columns_of_training(labelloom_: Callable[..., Result], folder: Path) -> None:
    rows = [
        f"{place};cat purr;whiskers;cats" if place % 2 else f'{place};proof;"lemma; theorem";maths'
        for place in range(30)
    ]
    (folder / "train.csv").write_text("\n".join(["No;Title;Body;Topics", *rows]))
    settings = ['text=["Title", "Body"]', "labels=Topics", "delimiter=;", "id=No", "label_separator=|"]
    (folder / "new.csv").write_text("Body;Title;No\nkitten;;x\n")
    (folder / "run.csv").write_text("No;Title;Body;Topics\na;cat purr;whiskers;\n")
    sets = [word for setting in settings for word in ("--set", f"data.{setting}")]
    keys = [*sets, "--set", "baseline.min_count=1", "--set", "baseline.c=[1]"]
    assert labelloom_("baseline", "train.csv", "--output", "runs", *keys).exit_code == 0
    made = folder / "runs/train-br-svm/0"

    def answers(*arguments: object) -> list[Any]:
        result = labelloom_("predict", made, *arguments)
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    assert [line["id"] for line in answers("run.csv")] == ["a"]
    joined = labelloom.load(made).predict(["cat purr\nwhiskers"])[0]
    assert answers("run.csv")[0]["labels"][0]["score"] == pytest.approx(joined[0].score, rel=1e-5)
    assert [line["id"] for line in answers("new.csv")] == ["x"]
    (folder / "tabs.tsv").write_text("text\nproof lemma\n")
    assert answers("tabs.tsv")[0]["labels"][0]["label"] == "maths"
    wrong = labelloom_("predict", made, "tabs.tsv", "--delimiter", ",")
    assert "it is for CSV, and this is read as tsv." in wrong.stderr


def test_files_of_every_format_have_the_same_answers(predict: Callable[..., Any], folder: Path) -> None:
    rows = [{"text": text, "id": f"d{place}"} for place, text in enumerate(TEXTS)]
    jsonl = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "a.jsonl").write_text(jsonl)
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(jsonl.encode()))
    (folder / "a.csv").write_text("id,text\n" + "".join(f'{row["id"]},"{row["text"]}"\n' for row in rows))
    (folder / "a.txt").write_text("\n".join(TEXTS))
    found = predict("a.jsonl")
    assert [line["id"] for line in found] == ["d0", "d1", "d2", "d3"]
    assert predict("a.jsonl.gz") == predict("a.csv") == predict(stdin=jsonl) == found
    assert [line["labels"] for line in predict("a.txt")] == [line["labels"] for line in found]


def test_answers_do_not_depend_on_the_batch(predict: Callable[..., Any]) -> None:
    text = "".join(f"{text} {place}\n" for place in range(100) for text in TEXTS)
    assert predict("--batch-size", 1, stdin=text) == predict("--batch-size", 64, stdin=text)


def test_a_format_can_be_said(predict: Callable[..., Any], folder: Path) -> None:
    (folder / "odd.jsonl").write_text("cat\n")
    assert predict("odd.jsonl", "--format", "lines")[0]["labels"][0]["label"] == "cats"
    assert predict("--format", "csv", "--text-field", "body", stdin="body\ncat\n")[0]["labels"][0]["label"] == "cats"


def test_what_came_before_a_mistake_is_printed(labelloom_: Callable[..., Result], run: Path, folder: Path) -> None:
    (folder / "a.jsonl").write_text('{"text": "cat", "id": "first"}\n{"text": "dog"}\n{"text": 3}\n{"text": "car"}\n')
    result = labelloom_("predict", run, "a.jsonl")
    assert result.exit_code == 1
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["first", 2]
    assert result.stderr == "a.jsonl:3: the text must be a string, not a number\n"
    result = labelloom_("predict", run, stdin=b"cat\n\xff\n")
    assert result.stderr.startswith("standard input:2: not UTF-8: byte 0xff at position 0 of the line\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--format", "xml"], "'xml' is not one of auto, lines, jsonl, csv, tsv."), (["--top-k", "0"], "--top-k")],
)
def test_usage_errors(labelloom_: Callable[..., Result], run: Path, arguments: list[str], message: str) -> None:
    result = labelloom_("predict", run, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_run_that_has_not_ended(labelloom_: Callable[..., Result], folder: Path) -> None:
    (folder / "spec.toml").write_text("")
    result = labelloom_("predict", ".", stdin="cat\n")
    assert result.exit_code == 1
    assert "its training has not ended" in result.stderr
    assert "try: labelloom train --resume" in result.stderr
