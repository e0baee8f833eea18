"""`--shortlist` of `labelloom evaluate` and `labelloom predict`, and what is said of what it loses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from typer.testing import Result

import labelloom

from .conftest import lines

MODEL = {
    "encoder": {"use": "standard/bilstm", "embedding": 8, "hidden": 8, "min_count": 1},
    "label_modules": [{"use": "standard/label-table"}, {"use": "standard/label-query", "heads": 2}],
    "predictor": {"use": "standard/label-linear"},
}


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over twelve labels, of which a shortlist of six loses something."""
    folder = tmp_path_factory.mktemp("listed")
    for split, count in (("train", 48), ("validation", 30), ("test", 240)):
        rows = [
            {"text": f"sign{place % 12} sign{place % 7} word", "labels": [f"L{place % 12:02}", f"L{place % 7:02}"]}
            for place in range(count)
        ]
        unlike = [{**row, "labels": sorted(set(row["labels"]))} for row in rows]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in unlike))
    spec = {
        "name": "listed",
        "data": {"source": str(folder)},
        "model": MODEL,
        "tasks": [{"use": "standard/bce"}],
        "training": {"epochs": 3, "batch_size": 8, "learning_rate": 0.01},
    }
    (folder / "listed.toml").write_text(tomli_w.dumps(spec))
    return labelloom.train(folder / "listed.toml", output=folder / "runs").path


def test_evaluate_tells_what_the_shortlist_holds(
    answer: Callable[..., Any], labelloom_: Callable[..., Result], listed: Path
) -> None:
    told = answer("evaluate", listed, "--shortlist", 6, "--json")
    classifier = labelloom.load(listed).with_shortlist(6)
    test = labelloom.load_corpus(classifier.data).test
    assert test is not None
    expected = classifier.shortlist_recall(test).recall
    assert told["shortlist"] == {
        "labels": 6,
        "of_labels": 12,
        "index": "torch",
        "documents": 200,
        "of_documents": 240,
        **{f"recall@{k}": pytest.approx(share) for k, share in expected.items()},
    }
    assert expected[5] < 1
    scores = classifier.evaluate(test)
    assert {key: told[key] for key in scores} == pytest.approx(scores)
    assert "lrap" not in told
    text = lines(labelloom_("evaluate", listed, "--shortlist", 6).stdout)
    assert text[2] == "shortlist: 6 of 12 labels are scored for each document, 50 %, found by torch"
    shares = [f"{100 * expected[k]:.3g} % of the best {'label' if k == 1 else k}" for k in (1, 3, 5)]
    assert text[3] == f"of the ranking of all labels it holds {', '.join(shares)}, on 200 of 240 documents"
    assert (
        "left out: coverage error, ranking loss, LRAP, macro-AUC; they need a ranking of all 12 labels, and only those "
        "on shortlists are scored"
    ) in text


def test_a_split_that_is_small_is_measured_whole(labelloom_: Callable[..., Result], listed: Path) -> None:
    text = lines(labelloom_("evaluate", listed, "--split", "validation", "--shortlist", 12, "--index", "faiss").stdout)
    assert text[2] == "shortlist: 12 of 12 labels are scored for each document, 100 %, found by faiss"
    assert text[3] == (
        "of the ranking of all labels it holds 100 % of the best label, 100 % of the best 3, 100 % of the best 5, "
        "on all 30 documents"
    )
    assert not any(line.startswith("left out") for line in text)


def test_without_a_shortlist_nothing_is_said_of_one(answer: Callable[..., Any], listed: Path) -> None:
    assert "shortlist" not in answer("evaluate", listed, "--json")


def test_another_decision_is_fitted_on_the_exact_ranking(answer: Callable[..., Any], listed: Path) -> None:
    exact = answer("evaluate", listed, "--rule", "fitted", "--fit-for", "macro_f1", "--json")["decision"]
    told = answer("evaluate", listed, "--rule", "fitted", "--fit-for", "macro_f1", "--shortlist", 6, "--json")
    assert told["decision"] == exact
    told = answer("evaluate", listed, "--rule", "top-k", "--k", 4, "--shortlist", 6, "--json")["shortlist"]
    assert {"recall@1", "recall@3", "recall@4", "recall@5"} <= told.keys()


def test_predict_gives_what_python_gives(labelloom_: Callable[..., Result], listed: Path) -> None:
    texts = ["sign1 sign2", "sign3 word"]
    result = labelloom_("predict", listed, "--shortlist", 4, "--index", "torch", "--top-k", 4, stdin="\n".join(texts))
    assert result.exit_code == 0, result.output
    expected = labelloom.load(listed).with_shortlist(4).predict(texts, top_k=4)
    found = [[label["label"] for label in json.loads(line)["labels"]] for line in result.stdout.splitlines()]
    assert found == [[label.label for label in labels] for labels in expected]
    exact = [[label.label for label in labels] for labels in labelloom.load(listed).predict(texts, top_k=4)]
    assert found != exact


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["evaluate", "--index", "faiss"], "Invalid value for --index: it says something only of --shortlist N."),
        (["predict", "--index", "torch"], "Invalid value for --index: it says something only of --shortlist N."),
        (["predict", "--shortlist", "2", "--index", "hnsw"], "'hnsw' is not one of torch, faiss."),
        (
            ["predict", "--shortlist", "0"],
            "'--shortlist': Input should be greater than or equal to 1",
        ),
        (
            ["evaluate", "--shortlist", "4"],
            "--shortlist: P@5 and nDCG@5 need 5 labels of each document at least.",
        ),
        (
            ["evaluate", "--shortlist", "6", "--rarest", "3"],
            "Invalid value for --rarest: it ranks documents by the scores of labels that are on few shortlists.",
        ),
        (["evaluate", "--shortlist", "6", "--neighbours", "1"], "it says something of scores, which --neighbours"),
    ],
)
def test_usage_errors(labelloom_: Callable[..., Result], listed: Path, arguments: list[str], told: str) -> None:
    command, *options = arguments
    result = labelloom_(command, listed, *options, stdin="x")
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_model_that_cannot(labelloom_: Callable[..., Result], run: Path, command: str) -> None:
    result = labelloom_(command, run, "--shortlist", 5, stdin="cat")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(
        "this model cannot work with a shortlist of labels: its scores rest on no label_table: one vector a label, "
        "whatever the document\n    try: a model with standard/label-table: "
    )


def test_a_decision_that_gives_more_labels(labelloom_: Callable[..., Result], listed: Path) -> None:
    result = labelloom_("evaluate", listed, "--shortlist", 6, "--rule", "top-k", "--k", 7)
    assert result.exit_code == 1
    assert result.stderr == (
        "the 7 best labels of every document cannot be given: only the 6 labels on its shortlist are ranked\n"
        "    try: a shortlist of 7 labels or more\n"
    )


def test_the_command_line_offers_every_index() -> None:
    """It has names of its own: listing options must not import torch."""
    from labelloom.cli import shortlist_options
    from labelloom.compose.shortlist import INDEXES

    assert shortlist_options._INDEXES == INDEXES
