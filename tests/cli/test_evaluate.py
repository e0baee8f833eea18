"""`labelloom evaluate`: the figures, the split, groups and labels, other documents."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support
from typer.testing import Result

import labelloom
from labelloom.cli.evaluation_report import scores_of_rarest
from labelloom.data.corpus import load_corpus
from labelloom.data.label_sets import LabelSets
from labelloom.errors import DataError
from labelloom.evaluation.predictions import Predictions
from labelloom.evaluation.ranking import Ranking

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


def expected_of_rarest(run: Path, count: int, corpus: Path) -> tuple[list[str], float, float]:
    """Codes of the rarest labels of training, and P@20 and RP@20 of them, document by document."""
    trained = [json.loads(line)["labels"] for line in (corpus / "train.jsonl").read_text().splitlines()]
    frequency = {code: sum(code in labels for labels in trained) for code in TOPICS}
    classifier = labelloom.load(run)
    codes = sorted(TOPICS, key=lambda code: (frequency[code], classifier.labels.codes.index(code)))[:count]
    saved = Predictions.load(run / "predictions.parquet")
    assert saved.truth is not None
    scores, truth = saved.ranking.to_dense(), saved.truth.to_dense()
    plain, capped = [], []
    for label in (classifier.labels.codes.index(code) for code in codes):
        hits = truth[np.argsort(-scores[:, label]), label][:20].sum()
        plain.append(hits / 20)
        capped.append(hits / min(20, truth[:, label].sum()))
    return codes, float(np.mean(plain)), float(np.mean(capped))


def test_the_rarest_labels(
    answer: Callable[..., Any], labelloom_: Callable[..., Result], run: Path, corpus: Path
) -> None:
    told = answer("evaluate", run, "--rarest", 2, "--json", "--bootstrap", 5)
    codes, plain, capped = expected_of_rarest(run, 2, corpus)
    assert told["rarest"] == codes
    assert told["rarest_precision@20"] == pytest.approx(plain)
    assert told["rarest_r_precision@20"] == pytest.approx(capped)
    assert 0 < plain < capped
    assert told["intervals"].keys() >= {"rarest_precision@1", "rarest_r_precision@20"}
    text = lines(labelloom_("evaluate", run, "--rarest", 2).stdout)
    assert f"P@20 of rarest labels {plain:.4f} {plain:.4f}" in text
    said = next(line for line in text if line.startswith("rarest: "))
    assert re.match(
        r"rarest: 2 labels of \d+ to \d+ training documents, the fewest of those that a document here", said
    )


def test_where_the_ranking_is_cut_the_model_scores_every_document_for_the_rarest_labels(run: Path) -> None:
    classifier = labelloom.load(run)
    corpus = load_corpus(classifier.data)
    assert corpus.test is not None
    whole = classifier.rank_split(corpus.test)
    cut = Ranking(whole.labels[:, :1], whole.scores[:, :1], whole.label_count)
    told, told_of_cut = (
        scores_of_rarest(3, classifier, corpus.test, ranking, corpus.statistics) for ranking in (whole, cut)
    )
    assert told_of_cut.labels.tolist() == told.labels.tolist()
    np.testing.assert_allclose(told_of_cut.scores, told.scores, rtol=1e-5, atol=1e-6)


def test_documents_without_labels_have_no_rarest(run: Path) -> None:
    classifier = labelloom.load(run)
    corpus = load_corpus(classifier.data)
    bare = replace(corpus.validation, label_sets=LabelSets.from_lists([[]] * len(corpus.validation), len(TOPICS)))
    with pytest.raises(DataError) as told:
        scores_of_rarest(3, classifier, bare, classifier.rank_split(bare), corpus.statistics)
    assert str(told.value) == (
        "validation: there are no rarest labels: no scored document carries a label that a training document carries\n"
        "    try: leave out --rarest"
    )


def test_the_rarest_labels_need_the_run_s_own_corpus(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], corpus: Path, folder: Path
) -> None:
    shutil.copytree(corpus, folder / "copy")
    source = ["--set", f"data.source={folder / 'copy'}", "--set", "training.steps=2"]
    run = answer("train", "tiny/words", *source, "--json")["run"]
    shutil.rmtree(folder / "copy")
    result = labelloom_("evaluate", run, "--data", corpus, "--rarest", 2)
    assert result.exit_code == 1
    assert result.stderr.startswith("data.source: no file or folder")


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
