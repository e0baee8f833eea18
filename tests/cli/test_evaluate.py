"""`labelloom evaluate`: the figures, the split, groups and labels, other documents."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support
from typer.testing import Result

import labelloom
from labelloom.evaluation.predictions import Predictions

from .conftest import TOPICS, lines


def indicators(run: Path) -> tuple[np.ndarray, np.ndarray]:
    """Truth and answers on the test split, as the run saved them."""
    saved = Predictions.load(run / "predictions.parquet")
    assert saved.truth is not None
    return saved.truth.to_dense(), saved.predicted.to_dense()


def test_json_is_what_training_wrote_and_what_sklearn_says(answer: Callable[..., Any], run: Path) -> None:
    told = answer("evaluate", run, "--json")
    written = json.loads((run / "metrics.json").read_text())["test"]
    assert {key: told[key] for key in written} == pytest.approx(written)
    truth, predicted = indicators(run)
    assert told["micro_f1"] == pytest.approx(f1_score(truth, predicted, average="micro"))
    assert told["head_macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert told["head_labels"] == len(TOPICS)
    assert not any(key.startswith("tail") for key in told)


def test_text_has_both_thresholds_and_the_decision(labelloom_: Callable[..., Result], run: Path) -> None:
    result = labelloom_("evaluate", run)
    assert result.exit_code == 0, result.output
    told = lines(result.stdout)
    metrics = json.loads((run / "metrics.json").read_text())
    assert told[0] == "topics: 50 documents, 5 labels"
    assert told[1] == f"answers: {metrics['decision']}"
    assert "test at 0.5" in told
    assert f"micro-F1 {metrics['test']['micro_f1']:.4f} {metrics['test_at_0.5']['micro_f1']:.4f}" in told
    assert result.stderr == ""


def test_another_split(answer: Callable[..., Any], run: Path) -> None:
    told = answer("evaluate", run, "--split", "validation", "--json")
    assert told["micro_f1"] == pytest.approx(json.loads((run / "metrics.json").read_text())["validation"]["micro_f1"])


def test_per_label(answer: Callable[..., Any], labelloom_: Callable[..., Result], run: Path) -> None:
    told = {label["label"]: label for label in answer("evaluate", run, "--per-label", "--json")["labels"]}
    truth, predicted = indicators(run)
    codes = labelloom.load(run).labels.codes
    for code, precision, recall, f1, support in zip(
        codes, *precision_recall_fscore_support(truth, predicted, zero_division=0), strict=True
    ):
        expected = {"label": code, "name": code.capitalize(), "group": "head", "support": support}
        assert told[code] == pytest.approx({**expected, "precision": precision, "recall": recall, "f1": f1})
    supports = [label["support"] for label in told.values()]
    assert supports == sorted(supports, reverse=True)
    cats = told["cats"]
    figures = " ".join(f"{cats[key]:.4f}" for key in ("precision", "recall", "f1"))
    assert f"cats Cats head {cats['support']} {figures}" in lines(labelloom_("evaluate", run, "--per-label").stdout)


def test_head_and_tail_labels(labelloom_: Callable[..., Result], answer: Callable[..., Any], folder: Path) -> None:
    documents = [{"text": "proof", "labels": ["a"]}] * 99 + [{"text": "rare proof", "labels": ["a", "b"]}]
    splits = {"train": documents, "validation": documents, "test": documents[-10:]}
    for split, records in splits.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    run = answer("train", "tiny/words", "--set", f"data.source={folder}", "--set", "training.epochs=1", "--json")["run"]
    told = answer("evaluate", run, "--json")
    assert (told["head_labels"], told["tail_labels"]) == (1, 1)
    assert told["head_micro_f1"] == 1.0
    text = lines(labelloom_("evaluate", run).stdout)
    place = text.index("labels by frequency number micro-F1 macro-F1")
    assert text[place + 1] == "head 1 1.0000 1.0000"
    assert text[place + 2].startswith("tail 1 ")
    assert not any(line.startswith("mid") for line in text)


def test_the_bounds_of_head_and_mid_labels(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], run: Path
) -> None:
    frequency = labelloom.load_corpus(labelloom.load(run).data).statistics.frequency
    ordered = sorted(frequency.tolist(), reverse=True)
    head, mid = ordered[1], ordered[3]
    told = answer("evaluate", run, "--head", str(head), "--mid", str(mid), "--per-label", "--json")
    assert told["head_labels"] == sum(count >= head for count in ordered)
    assert told["mid_labels"] == sum(head > count >= mid for count in ordered)
    names = ["head" if count >= head else "mid" if count >= mid else "tail" for count in frequency.tolist()]
    codes = labelloom.load(run).labels.codes
    assert {label["label"]: label["group"] for label in told["labels"]} == dict(zip(codes, names, strict=True))
    text = lines(labelloom_("evaluate", run, "--head", str(head), "--mid", "0.001", "--per-label").stdout)
    assert text[-1] == f"groups by documents in training: head has {head} or more, mid 0.1% of them or more, tail fewer"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--head", "many"], "'many' is not a number of training documents such as 3000, or a share of them"),
        (["--mid", "1.5"], "'1.5' is not a number of training documents such as 3000, or a share of them"),
        (["--head", "0.1", "--mid", "0.5"], "mid labels have 50.00% or more, head labels 10.00%"),
    ],
)
def test_bounds_that_say_nothing(labelloom_: Callable[..., Result], run: Path, options: list[str], told: str) -> None:
    result = labelloom_("evaluate", run, *options)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_without_a_test_split_validation_is_scored_and_that_is_said(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], corpus: Path
) -> None:
    source = ["--set", f"data.source={corpus / 'train.jsonl'}", "--set", "training.steps=2"]
    run = answer("train", "tiny/words", *source, "--json")["run"]
    result = labelloom_("evaluate", run)
    assert result.exit_code == 0
    assert result.stderr == "train has no test split: these are the scores on validation\n"
    result = labelloom_("evaluate", run, "--split", "test")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "train: there is no test split\n    try: --split train\n    try: --split validation\n"
    )


def test_one_file_of_other_documents_is_scored_whole(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], run: Path, corpus: Path, folder: Path
) -> None:
    shutil.copy(corpus / "test.jsonl", folder / "others.jsonl")
    told = answer("evaluate", run, "--data", "others.jsonl", "--json")
    assert told == pytest.approx(answer("evaluate", run, "--json"))
    result = labelloom_("evaluate", run, "--data", "others.jsonl")
    assert "others at 0.5" in lines(result.stdout)
    assert "no test split" not in result.stderr


def test_other_documents_may_have_fewer_labels_in_another_order(
    answer: Callable[..., Any], run: Path, folder: Path
) -> None:
    (folder / "few.jsonl").write_text(
        '{"text": "proof lemma", "labels": ["maths"]}\n{"text": "cat", "labels": ["cats"]}\n'
    )
    told = answer("evaluate", run, "--data", "few.jsonl", "--json")
    assert told["precision@1"] == 1.0


def test_other_documents_in_a_folder_with_splits(answer: Callable[..., Any], run: Path, corpus: Path) -> None:
    told = answer("evaluate", run, "--data", corpus, "--split", "validation", "--json")
    assert told == pytest.approx(answer("evaluate", run, "--split", "validation", "--json"))


def test_labels_that_the_run_does_not_know(labelloom_: Callable[..., Result], run: Path, folder: Path) -> None:
    (folder / "other.jsonl").write_text(
        '{"text": "x", "labels": ["cats", "birds"]}\n{"text": "y", "labels": ["fish"]}\n'
    )
    result = labelloom_("evaluate", run, "--data", "other.jsonl")
    assert result.exit_code == 1
    assert result.stderr == (
        "other.jsonl: the train split has labels that the run does not know (2: 'birds', 'fish'); it knows 5 others\n"
        "    try: take these labels out of the documents\n"
        "    try: train a run on labels that include them\n"
    )


def test_a_corpus_that_is_gone_or_has_other_labels(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], corpus: Path, folder: Path
) -> None:
    shutil.copytree(corpus, folder / "copy")
    source = ["--set", f"data.source={folder / 'copy'}", "--set", "training.steps=2"]
    run = answer("train", "tiny/words", *source, "--json")["run"]
    (folder / "copy" / "labels.json").unlink()
    with (folder / "copy" / "train.jsonl").open("a") as file:
        file.write('{"text": "tweet", "labels": ["birds"]}\n')
    result = labelloom_("evaluate", run)
    assert result.exit_code == 1
    assert ": copy has other labels now than when this run was trained" in result.stderr
    shutil.rmtree(folder / "copy")
    result = labelloom_("evaluate", run)
    assert result.exit_code == 1
    assert result.stderr.startswith("data.source: no file or folder")
    result = labelloom_("evaluate", run, "--data", corpus)
    assert result.exit_code == 0
    assert "no groups of head and tail labels and no PSP@k: the run's own corpus cannot be read" in result.stderr


def test_what_is_no_run(labelloom_: Callable[..., Result], run: Path) -> None:
    result = labelloom_("evaluate", run.parent)
    assert result.exit_code == 1
    assert result.stderr == f"{run.parent}: this folder is no run: it has no spec.toml\n    try: {run}\n"
    result = labelloom_("evaluate", run, "--split", "tets")
    assert result.exit_code == 2
    assert "'tets' is not one of train, validation, test." in result.stderr
