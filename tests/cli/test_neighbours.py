"""`labelloom evaluate --neighbours`: tables, JSON, and options that do not go together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

import labelloom
from labelloom.cli.neighbours import _digits

from .conftest import lines


@pytest.fixture(scope="module")
def attentive(workplace: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of `tiny/attention`, which has a vector for each label."""
    output = tmp_path_factory.mktemp("attentive")
    return labelloom.train("tiny/attention", output=output, overrides=[f"data.source={corpus}"]).path


def test_tables_and_json_and_python_say_the_same(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], attentive: Path
) -> None:
    classifier = labelloom.load(attentive)
    data = labelloom.load_corpus(classifier.data)
    found = classifier.neighbours(data, "test-0", ["maths", "cats"], count=20)
    asked = ["evaluate", attentive, "--neighbours", "test-0", "--label", "maths", "--label", "cats", "--among", "20"]
    assert answer(*asked, "--json") == json.loads(json.dumps(asdict(found)))
    result = labelloom_(*asked)
    assert (result.exit_code, result.stderr) == (0, "")
    expected = [f"test-0 (test): {', '.join(found.labels)}"]
    for each in found.by_label:
        verb = "carries" if each.carried else "lacks"
        near = "the 20 nearest documents of train"
        expected += ["", f"by {each.label} ({each.label.capitalize()}), which it {verb}: {near}", "label share in all"]
        expected += [
            f"{code} {100 * share:.0f} % {100 * found.in_all[code]:.0f} %"
            for code, share in each.shares.items()
            if share >= 0.1
        ]
        expected += ["", "nearest similarity labels"]
        digits = _digits([near.similarity for near in each.nearest[:5]])
        expected += [
            f"{near.document} {near.similarity:.{digits}f} {', '.join(near.labels)}" for near in each.nearest[:5]
        ]
    assert lines(result.stdout) == expected


@pytest.mark.parametrize(
    ("similarities", "digits"),
    [
        ([0.91234, 0.5, -0.25], 4),
        ([0.5, 0.5], 4),
        ([0.99999, 0.99998, 0.5], 5),
        ([0.9999991, 0.9999982], 6),
        ([1.0, 1.0 - 1e-7], 7),
        ([1.0, 1.0 - 1e-12], 7),
        ([], 4),
    ],
)
def test_similarities_have_the_digits_that_tell_them_apart(similarities: list[float], digits: int) -> None:
    assert _digits(similarities) == digits


def test_few_documents_to_compare_with_are_told(labelloom_: Callable[..., Result], attentive: Path) -> None:
    asked = ["evaluate", attentive, "--neighbours", "test-0", "--split", "test", "--label", "maths", "--among"]
    note = (
        "the 25 nearest are most of the 49 documents compared, so that their shares follow those in all: "
        "--among takes fewer"
    )
    assert lines(labelloom_(*asked, "25").stdout)[1] == note
    assert "compared" not in labelloom_(*asked, "24").stdout


def test_a_document_whose_vector_is_zero(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], attentive: Path, folder: Path
) -> None:
    (folder / "bare.jsonl").write_text(
        '{"id": "a", "text": "", "labels": ["cats"]}\n{"id": "b", "text": "kitten", "labels": ["cats"]}\n'
    )
    asked = ["evaluate", attentive, "--data", "bare.jsonl", "--neighbours", "a"]
    shown = lines(labelloom_(*asked).stdout)
    assert shown[1:] == ["", "by cats (Cats), which it carries: the document's vector is zero, and nothing is near it"]
    assert answer(*asked, "--json")["by_label"][0]["nearest"] == []


def test_its_own_labels_50_documents_of_train_and_shares_from_a_tenth(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], attentive: Path
) -> None:
    told = answer("evaluate", attentive, "--neighbours", "validation-1", "--json")
    assert [each["label"] for each in told["by_label"]] == told["labels"]
    first = told["by_label"][0]
    assert (told["split"], told["among"], len(first["nearest"])) == ("validation", "train", 50)
    shown = lines(labelloom_("evaluate", attentive, "--neighbours", "validation-1", "--at-least", "0.5").stdout)
    assert shown[2].endswith(", which it carries: the 50 nearest documents of train")
    start, end = shown.index("label share in all"), shown.index("nearest similarity labels")
    often = [
        f"{code} {100 * share:.0f} % {100 * told['in_all'][code]:.0f} %"
        for code, share in first["shares"].items()
        if share >= 0.5
    ]
    assert shown[start + 1 : end - 1] == often
    assert 0 < len(often) < len(first["shares"])


def test_another_split_and_other_documents(
    answer: Callable[..., Any], labelloom_: Callable[..., Result], attentive: Path, folder: Path
) -> None:
    told = answer("evaluate", attentive, "--neighbours", "test-0", "--split", "test", "--json")
    names = [near["document"] for near in told["by_label"][0]["nearest"]]
    assert len(names) == 49
    assert "test-0" not in names
    (folder / "more.jsonl").write_text(
        '{"id": "a", "text": "cat purr", "labels": ["cats"]}\n{"id": "b", "text": "kitten", "labels": ["cats"]}\n'
    )
    told = answer("evaluate", attentive, "--data", "more.jsonl", "--neighbours", "a", "--json")
    assert [near["document"] for near in told["by_label"][0]["nearest"]] == ["b"]
    result = labelloom_("evaluate", attentive, "--data", "more.jsonl", "--neighbours", "a", "--split", "test")
    assert result.stderr == "more: there is no test split\n    try: --split train\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--neighbours", "test-0", "--per-label"], "it says something of scores, which --neighbours does not show."),
        (
            ["--neighbours", "test-0", "--rule", "top-k"],
            "it says something of scores, which --neighbours does not show.",
        ),
        (["--among", "3"], "it says something only of --neighbours DOCUMENT_ID."),
        (["--label", "cats"], "it says something only of --neighbours DOCUMENT_ID."),
        (["--neighbours", "test-0", "--at-least", "10"], "10 does not lie between 0 and 1."),
    ],
)
def test_options_that_would_say_nothing(
    options: list[str], message: str, labelloom_: Callable[..., Result], attentive: Path
) -> None:
    result = labelloom_("evaluate", attentive, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert next(option for option in reversed(options) if option.startswith("--")) in result.stderr


def test_a_document_that_is_not_there_and_a_model_without_label_vectors(
    labelloom_: Callable[..., Result], attentive: Path, run: Path
) -> None:
    result = labelloom_("evaluate", attentive, "--neighbours", "test-00")
    assert result.exit_code == 1
    assert result.stderr.startswith("topics: no document has the id 'test-00'\n    try: test-0\n")
    result = labelloom_("evaluate", run, "--neighbours", "test-0")
    assert result.exit_code == 1
    assert result.stderr.startswith("no part of this model gives labels: vectors of labels in view of a document")
    assert "try: a model with tiny/attention: One attention a label\n" in result.stderr
