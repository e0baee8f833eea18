"""`labelloom evaluate --rule …`: other decisions for a trained run, fitted on validation and on nothing else."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

import labelloom
from labelloom.data.corpus import load_corpus
from labelloom.evaluation.metrics import evaluate

from .conftest import lines

DECISIONS = [
    ["--rule", "fitted", "--fit-for", "macro_f1"],
    ["--rule", "per-label"],
    ["--rule", "per-label", "--fit-for", "micro_f1", "--shrinkage", "1", "--min-support", "3"],
    ["--rule", "fixed", "--threshold", "0.4", "--calibration", "platt"],
    ["--rule", "top-k", "--k", "2", "--calibration", "temperature", "--at-least-one"],
]


@pytest.fixture
def own(run: Path, folder: Path) -> Path:
    """A copy of the run that a test may change."""
    return Path(shutil.copytree(run, folder / "own"))


def moved(run: Path, source: Path, corpus: Path) -> Path:
    """The run, as if it had been trained on the corpus in `source`."""
    spec = run / "spec.toml"
    spec.write_text(spec.read_text().replace(f'"{corpus}"', f'"{source}"'))
    return run


def poisoned(corpus: Path, target: Path) -> Path:
    """The corpus with the labels of its test documents dealt out anew."""
    shutil.copytree(corpus, target)
    file = target / "test.jsonl"
    records = [json.loads(line) for line in file.read_text().splitlines()]
    labels = [record["labels"] for record in records]
    random.Random(0).shuffle(labels)
    dealt = [{**record, "labels": given} for record, given in zip(records, labels, strict=True)]
    file.write_text("".join(json.dumps(record) + "\n" for record in dealt))
    return target


def test_no_decision_looks_at_the_test_split(
    answer: Callable[..., Any], own: Path, run: Path, corpus: Path, folder: Path
) -> None:
    misled = moved(Path(shutil.copytree(run, folder / "misled")), poisoned(corpus, folder / "poisoned"), corpus)
    for options in DECISIONS:
        scores = [answer("evaluate", each, *options, "--save", "--json") for each in (own, misled)]
        assert scores[0]["micro_f1"] != scores[1]["micro_f1"], "the poison is there"
        assert scores[0]["decision"] == scores[1]["decision"]
        assert (own / "decision.json").read_text() == (misled / "decision.json").read_text(), options


def test_training_does_not_look_at_the_test_split(corpus: Path, folder: Path) -> None:
    saved = []
    for source in (corpus, poisoned(corpus, folder / "poisoned")):
        settings = [
            f"data.source={source}",
            "training.steps=5",
            "decision.rule=per-label",
            "decision.calibration=platt",
        ]
        run = labelloom.train("tiny/words", output=folder / source.name, overrides=settings)
        saved.append((run.path / "decision.json").read_text())
    assert saved[0] == saved[1]
    assert json.loads(saved[0])["rule"] == "per-label"


@pytest.mark.parametrize("options", DECISIONS, ids=" ".join)
def test_the_scores_are_those_of_the_decision_refitted_in_python(
    answer: Callable[..., Any], own: Path, options: list[str]
) -> None:
    before = (own / "decision.json").read_bytes()
    told = answer("evaluate", own, *options, "--json")
    assert (own / "decision.json").read_bytes() == before
    assert told["own"]["micro_f1"] == pytest.approx(json.loads((own / "metrics.json").read_text())["test"]["micro_f1"])
    answer("evaluate", own, *options, "--save", "--json")
    classifier = labelloom.load(own)
    test = load_corpus(classifier.data).splits["test"]
    answers = classifier.predictions(test)
    expected = evaluate(test.label_sets, answers.predicted, answers.ranking, probabilities=classifier.probabilities)
    assert {key: told[key] for key in expected} == pytest.approx(expected)
    assert told["decision"] == classifier.decision.describe()


def test_both_decisions_stand_side_by_side(labelloom_: Callable[..., Result], run: Path) -> None:
    result = labelloom_("evaluate", run, "--rule", "per-label")
    assert result.exit_code == 0, result.output
    told = lines(result.stdout)
    assert told[1] == "answers: a threshold for each of 5 labels, fitted on validation for macro-F1"
    assert told[2] == f"the run's own: {json.loads((run / 'metrics.json').read_text())['decision']}"
    assert told[4] == "test: per-label test: the run's own"
    assert not any(line != line.rstrip() for line in result.stdout.splitlines())
    assert result.stderr == ""


def test_what_is_not_named_stays_as_the_run_has_it(answer: Callable[..., Any], own: Path) -> None:
    answer("evaluate", own, "--rule", "top-k", "--k", "2", "--calibration", "platt", "--save", "--json")
    told = answer("evaluate", own, "--at-least-one", "--json")
    assert told["decision"].startswith("the 2 best labels of every document; at least one label a document; probab")
    told = answer("evaluate", own, "--rule", "per-label", "--json")
    assert told["decision"].startswith("a threshold for each of 5 labels, fitted on validation for macro-F1; probab")


def test_saving_is_said_and_predictions_follow(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], own: Path
) -> None:
    result = labelloom_("evaluate", own, "--rule", "top-k", "--k", "3", "--save")
    assert result.stderr == (
        f"saved in {own}/decision.json: evaluate and predict decide so from now on; metrics.json and "
        "predictions.parquet still tell of the decision before\n"
    )
    assert not list(own.glob("*.partial"))
    assert len(answer("predict", own, stdin="proof")["labels"]) == 3
    assert lines(labelloom_("evaluate", own).stdout)[1] == "answers: the 3 best labels of every document"


def test_calibrated_probabilities_are_what_predict_and_evaluate_show(answer: Callable[..., Any], own: Path) -> None:
    asked = ("predict", own, "--top-k", "5")
    plain = {each["label"]: each["score"] for each in answer(*asked, stdin="paw the wheel of")["labels"]}
    told = answer("evaluate", own, "--calibration", "temperature", "--save", "--json")
    assert told["brier_score"] != told["own"]["brier_score"]
    assert told["lrap"] == told["own"]["lrap"]
    temperature = json.loads((own / "decision.json").read_text())["calibration"]["temperature"]
    doubtful = [
        each for each in answer(*asked, stdin="paw the wheel of")["labels"] if 0.001 < plain[each["label"]] < 0.999
    ]
    assert doubtful
    for each in doubtful:
        odds = plain[each["label"]] / (1 - plain[each["label"]])
        assert each["score"] == pytest.approx(1 / (1 + odds ** (-1 / temperature)), rel=1e-3)


def test_other_documents_are_scored_with_what_validation_says(
    answer: Callable[..., Any], labelloom_: Callable[..., Result], run: Path, folder: Path
) -> None:
    (folder / "few.jsonl").write_text('{"text": "proof lemma", "labels": ["maths"]}\n')
    here = answer("evaluate", run, "--rule", "per-label", "--json")
    there = answer("evaluate", run, "--rule", "per-label", "--json", "--data", "few.jsonl")
    assert here["decision"] == there["decision"]


def test_scoring_validation_itself_is_warned_of(labelloom_: Callable[..., Result], run: Path) -> None:
    result = labelloom_("evaluate", run, "--rule", "per-label", "--split", "validation")
    assert result.stderr == "the decision is fitted on the documents that it is scored on: its scores flatter it\n"


def test_intervals(answer: Callable[..., Any], labelloom_: Callable[..., Result], run: Path) -> None:
    plain = answer("evaluate", run, "--json")
    told = answer("evaluate", run, "--bootstrap", "40", "--confidence", "0.9", "--seed", "5", "--json")
    assert told["confidence"] == 0.9
    assert {key: told[key] for key in plain} == plain
    assert told["intervals"].keys() == plain.keys() - {key for key in plain if key.startswith(("head", "documents"))}
    low, high = told["intervals"]["micro_f1"]
    assert low < plain["micro_f1"] < high
    assert (
        told["intervals"] != answer("evaluate", run, "--bootstrap", "40", "--confidence", "0.9", "--json")["intervals"]
    )
    text = lines(labelloom_("evaluate", run, "--bootstrap", "40", "--confidence", "0.9", "--seed", "5").stdout)
    assert "test 90 % interval at 0.5" in text
    assert any(line.startswith(f"micro-F1 {plain['micro_f1']:.4f} {low:.4f} – {high:.4f} ") for line in text)


def test_groups_are_explained(labelloom_: Callable[..., Result], run: Path) -> None:
    told = lines(labelloom_("evaluate", run, "--per-label").stdout)
    assert (
        told[-1]
        == "groups by documents in training: head has 5.6% of them or more, mid 1.9% of them or more, tail fewer"
    )


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--rule", "per-lable"], 1, "--rule: must be 'fitted', 'fixed', 'top-k' or 'per-label', not 'per-lable'\n"),
        (
            ["--rule", "top-k"],
            1,
            "--rule top-k needs k, the number of labels that each document gets: write --k 5, say\n",
        ),
        (["--k", "3"], 1, '--k 3 means something only with --rule top-k; the rule here is "fitted"\n'),
        (
            ["--rule", "fixed", "--fit-for", "macro_f1"],
            1,
            '--fit-for macro_f1 means something only with --rule fitted or --rule per-label; the rule here is "fix',
        ),
        (["--min-support", "2"], 1, '--min-support 2 means something only with --rule per-label; the rule here is "fi'),
        (["--rule", "fixed", "--threshold", "1.5"], 1, "--threshold: must be less than 1, not 1.5\n"),
        (
            ["--rule", "top-k", "--k", "6"],
            1,
            "--k: 6 labels cannot be given to every document: there are 5\n    try: --k 5 or less\n",
        ),
        (["--save"], 2, "Invalid value for --save: give the decision to save: --rule per-label, say."),
        (["--seed", "3"], 2, "Invalid value for --seed: it says something only of --bootstrap N."),
        (["--confidence", "0.9"], 2, "Invalid value for --confidence: it says something only of --bootstrap N."),
        (["--bootstrap", "9", "--confidence", "95"], 2, "Invalid value for --confidence: 95 does not lie between 0"),
        (["--bootstrap", "0"], 2, "'--bootstrap'"),
    ],
)
def test_options_that_cannot_be(
    labelloom_: Callable[..., Result], run: Path, options: list[str], status: int, message: str
) -> None:
    result = labelloom_("evaluate", run, *options)
    assert result.exit_code == status
    assert message in result.stderr
