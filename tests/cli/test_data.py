"""`labelloom data`: what it tells a person, what it tells a program, and the picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from .conftest import lines

SVG = "{http://www.w3.org/2000/svg}"


def write(file: Path, documents: list[tuple[str, list[str]]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps({"text": text, "labels": labels}) + "\n" for text, labels in documents))
    return file


@pytest.fixture
def small(folder: Path) -> Path:
    """Two splits with everything that is worth telling: repeats, no label, no text, unseen labels."""
    train = [("a b c", ["x", "y"]), ("a b c", ["x"]), ("", ["y"]), ("d e", []), ("f", ["x", "y"])]
    write(folder / "small/train.jsonl", train)
    write(folder / "small/test.jsonl", [("a b c", ["z"]), ("new", ["x"])])
    return folder / "small"


def test_the_splits_and_what_is_wrong_with_them(labelloom_: Callable[..., Result], small: Path) -> None:
    result = labelloom_("data", "small")
    assert result.exit_code == 0, result.output
    told = lines(result.stdout)
    assert told[:20] == [
        "small jsonl",
        "",
        "all train test",
        "documents 7 5 2",
        "labels 3 2 2",
        "labels a document 1.14 1.20 1.00",
        "the most 2 2 1",
        "share of all labels 38.1 % 40.0 % 33.3 %",
        "distinct label sets 5 4 2",
        "words, mean 1.9 1.8 2.0",
        "median 2 2 2",
        "95 % have at most 3 3 3",
        "the longest 3 3 3",
        "characters, mean 3 3 4",
        "the longest 5 5 5",
        "without a label 1 1 0",
        "without text 1 1 0",
        "text of an earlier one 2 1 0",
        "text also in train 1",
        "labels not in train 1 1",
    ]
    assert "labels by training documents documents share" in told
    assert "x 3 60.0 %" in told
    assert "z 0 0.0 %" in told
    assert "a document train-5" in told
    assert "labels x, y" in told
    start = told.index("reading noted")
    assert "train: 1 document with no text, kept (first: line 3)" in told[start:]
    assert "labels: 1 with no training document: nothing can learn them" in told[told.index("worth a look") :]


def test_the_sample_has_its_figures(answer: Callable[..., Any]) -> None:
    told = answer("data", "arxiv-mini", "--json")
    sizes = {name: split["documents"] for name, split in told["splits"].items()}
    assert sizes == {"train": 800, "validation": 200, "test": 200}
    assert told["labels"] == 20
    assert round(told["all"]["cardinality"], 2) == 2.6
    assert round(told["all"]["words"]["mean"]) == 172
    assert told["frequencies"][0]["label"] == "cs.AI"
    assert told["pairs"][0]["labels"] == ["cs.SD", "eess.AS"]
    assert told["published"] is None
    assert told["format"] == "jsonl"
    assert told["remarks"] == []


def test_frequent_and_rare_labels_of_many(labelloom_: Callable[..., Result], folder: Path) -> None:
    documents = [("text", [f"l{label:02}" for label in range(30) if place < 60 - 2 * label]) for place in range(60)]
    write(folder / "many.jsonl", documents)
    told = lines(labelloom_("data", "many.jsonl").stdout)
    start = told.index("most frequent documents share")
    assert told[start + 1 : start + 3] == ["l00 60 100.0 %", "l01 58 96.7 %"]
    assert told[start + 11] == ""
    start = told.index("least frequent in train documents share")
    assert told[start + 10] == "l29 2 3.3 %"
    assert "with fewer than 10 documents 4" in told
    plot = told.index("documents a label (logarithmic), labels by rank")
    assert told[plot + 1].startswith("60 |*")
    assert told[plot + 10].startswith("2 |")
    assert told[plot + 10].endswith("*")
    assert told[plot + 12] == "1 30"
    assert "".join(told[plot : plot + 13]).isascii()


def test_published_figures_stand_beside(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], folder: Path
) -> None:
    write(folder / "aapd/test.jsonl", [("one two", ["cs.lg", "cs.ai"])])
    told = lines(labelloom_("data", "aapd/test.jsonl").stdout)
    start = told.index("published figures of AAPD, the nearest by its name")
    assert told[start + 1 : start + 9] == [
        "published here difference",
        "documents 55,840 1 -55,839",
        "train 53,840 1 -53,839",
        "validation 1,000 –",
        "test 1,000 –",
        "labels 54 2 -52",
        "labels a document 2.41 2.00 -0.41",
        "words 163.42 2.00 -161.42",
    ]
    assert told[start + 10] == (
        "AAPD has 55,840 documents and this has 1, and 54 labels and this has 2: another set or a part of it, so "
        "scores are not comparable with published ones"
    )
    assert answer("data", "aapd/test.jsonl", "--json")["published"]["title"] == "AAPD"


def test_a_spec_is_a_source_as_well(answer: Callable[..., Any], small: Path, folder: Path) -> None:
    (folder / "specs").mkdir()
    (folder / "specs/mine.toml").write_text('[data]\nsource = "../small"\nlimit = 1\n')  # the rest is not there yet
    assert answer("data", "specs/mine.toml", "--json")["all"]["documents"] == 2
    assert answer("data", "specs/mine.toml", "--set", "data.limit=3", "--json")["all"]["documents"] == 5
    assert answer("data", "tiny/words", "--set", "data.source=small", "--json")["all"]["documents"] == 7


def test_settings_of_data_hold(answer: Callable[..., Any], folder: Path) -> None:
    (folder / "other.jsonl").write_text('{"title": "我们 two", "tags": ["a"]}\n')
    arguments = ["data", "other.jsonl", "--set", "data.text=title", "--set", "data.labels=tags", "--json"]
    assert answer(*arguments)["all"]["words"]["mean"] == 2
    assert answer(*arguments, "--splitter", "characters")["all"]["words"]["mean"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["arxiv-mni"], "data.source: no file or folder 'arxiv-mni', and no such sample\n    try: arxiv-mini\n"),
        (["~no-such-user/x"], "data.source: no file or folder '~no-such-user/x', and no such sample\n"),
        (["nowhere.toml"], "nowhere.toml: no such spec: neither a file nor a shipped spec\n"),
        (["small", "--set", "training.steps=3"], "--set training.steps=3: only keys of [data] matter here\n"),
        (["small", "--set", "data.limit=no"], "data.limit: must be a whole number, not 'no'\n"),
        (["small", "--set", "data.tetx=a"], "data.tetx: unknown key 'tetx'\n    try: text\n"),
        (["small", "--splitter", "word"], "--splitter: no word splitter is called 'word'; there are "),
    ],
)
def test_what_cannot_be_told(
    labelloom_: Callable[..., Result], small: Path, arguments: list[str], message: str
) -> None:
    result = labelloom_("data", *arguments)
    assert result.exit_code == 1
    assert result.stderr.startswith(message)
    assert result.stdout == ""


def test_the_picture(labelloom_: Callable[..., Result], folder: Path) -> None:
    (folder / "a & b").mkdir()
    counts = [300, 100, 30, 10, 3, 1]
    documents = [("x", [f"l{n}" for n, count in enumerate(counts) if place < count]) for place in range(300)]
    write(folder / "a & b/train.jsonl", documents)
    result = labelloom_("data", "a & b", "--plot", "a.svg")
    assert result.stdout.endswith("label frequencies drawn to a.svg\n")
    root = ElementTree.parse(folder / "a.svg").getroot()
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert words[0] == "a & b: documents a label in train"
    assert words[1] == "300 documents, 6 labels"
    for expected in ("label, by rank (logarithmic)", "documents (logarithmic)", "10 documents", "1", "2", "5", "100"):
        assert expected in words
    (line,) = root.iter(f"{SVG}polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert len(points) == len(list(root.iter(f"{SVG}circle"))) == 6
    # 300 to 30 documents is as far as 10 to 1, on both axes a label further right is one lower.
    heights = [y for _, y in points]
    assert heights[2] - heights[0] == pytest.approx(heights[5] - heights[3], abs=0.2)
    assert heights == sorted(heights)
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert all(0 <= x <= 720 and 0 <= y <= 440 for x, y in points)


def test_a_picture_of_many_labels_stays_small(labelloom_: Callable[..., Result], folder: Path) -> None:
    write(folder / "wide.jsonl", [("x", [f"l{n}"]) for n in range(5000)])
    labelloom_("data", "wide.jsonl", "--plot", "wide.svg")
    (line,) = ElementTree.parse(folder / "wide.svg").getroot().iter(f"{SVG}polyline")
    assert 100 < len(line.attrib["points"].split()) <= 2000


def test_another_kind_of_picture_is_refused(labelloom_: Callable[..., Result], small: Path) -> None:
    result = labelloom_("data", "small", "--plot", "a.png")
    assert result.exit_code == 2
    assert "'a.png' does not end in .svg." in result.stderr


def test_the_folder_of_the_picture_is_looked_for_before_anything_is_read(labelloom_: Callable[..., Result]) -> None:
    result = labelloom_("data", "nothing-to-read", "--plot", "nowhere/plot.svg")

    assert result.exit_code == 2
    assert "Invalid value for --plot: there is no folder 'nowhere'." in lines(result.stderr)[-1]


def test_control_characters_are_shown_and_do_nothing(labelloom_: Callable[..., Result], folder: Path) -> None:
    red = "\x1b[31m"
    write(folder / f"of{red}/train.jsonl", [(f"a {red}b", [f"x{red}", "y"])])
    write(folder / f"of{red}/test.jsonl", [(f"a {red}b", [f"z{red}"])])

    result = labelloom_("data", f"of{red}", "--plot", "plot.svg")

    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stdout
    told = lines(result.stdout)
    assert told[0].startswith("of\\x1b[31m")
    assert "text a \\x1b[31mb" in told
    assert "labels x\\x1b[31m, y" in told
    title = ElementTree.parse(folder / "plot.svg").getroot().findtext(f"{SVG}text")
    assert title == "of\\x1b[31m: documents a label in train"
