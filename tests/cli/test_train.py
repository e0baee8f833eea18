"""`labelloom train`: one run, several seeds, JSON, and what it refuses."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from labelloom.cli.output import duration
from labelloom.evaluation.summary import table as rows_of

from .conftest import lines


@pytest.fixture
def train(labelloom_: Callable[..., Result], corpus: Path) -> Callable[..., Result]:
    """`labelloom train tiny/words` on the corpus, one epoch."""

    def invoke(*arguments: object) -> Result:
        where = ["--set", f"data.source={corpus}", "--set", "training.epochs=1"]
        return labelloom_("train", "tiny/words", *where, *arguments)

    return invoke


def test_a_run_ends_with_scores_where_it_is_and_what_to_do_next(train: Callable[..., Result], folder: Path) -> None:
    result = train()
    assert result.exit_code == 0, result.output
    told = lines(result.stdout)
    metrics = json.loads((folder / "runs" / "words" / "0" / "metrics.json").read_text())
    columns = [dict(rows_of(metrics[name])) for name in ("validation", "test", "test_at_0.5")]
    assert "validation test test at 0.5" in told
    for name in ("micro-F1", "macro-F1", "Hamming loss", "nDCG@5"):
        assert " ".join([name, *(column[name] for column in columns)]) in told
    assert "run runs/words/0" in told
    assert f"answers: {metrics['decision']}" in told
    assert 'next echo "some text" | labelloom predict runs/words/0' in told
    assert "labelloom evaluate runs/words/0 --per-label" in told
    assert "main step 13 validation: micro_f1" in " ".join(result.stderr.split())


def test_json_ends_with_a_line_of_the_run_and_its_test_scores(train: Callable[..., Result], folder: Path) -> None:
    result = train("--json", "--output", "elsewhere", "--seed", 3)
    told = json.loads(result.stdout)
    run = folder / "elsewhere" / "words" / "3"
    assert told == {"run": str(run), "metrics": json.loads((run / "metrics.json").read_text())["test"]}
    assert {"micro_f1", "macro_f1", "hamming_loss", "subset_accuracy", "precision@1", "ndcg@5"} < told["metrics"].keys()


def test_without_a_test_split_the_scores_are_of_validation(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], corpus: Path
) -> None:
    arguments = ["train", "tiny/words", "--set", f"data.source={corpus / 'train.jsonl'}", "--set", "training.steps=2"]
    told = answer(*arguments, "--json")
    assert told["metrics"] == json.loads((Path(told["run"]) / "metrics.json").read_text())["validation"]
    result = labelloom_(*arguments, "--seed", 1)
    assert "validation validation at 0.5" in lines(result.stdout)
    assert "test: there is none, so evaluation is on validation" in result.stderr


def test_several_seeds_end_with_mean_and_standard_deviation(train: Callable[..., Result], folder: Path) -> None:
    result = train("--seed", 1, "--seed", 2, "--seed", 4, "--seed", 2)
    assert result.exit_code == 0, result.output
    told = lines(result.stdout)
    values = [
        json.loads((folder / "runs" / "words" / str(seed) / "metrics.json").read_text())["test"]["macro_f1"]
        for seed in (1, 2, 4)
    ]
    row = next(line for line in told if line.startswith("macro-F1 0"))
    assert f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}" in row
    assert "mean ± standard deviation of 3 seeds" in told
    assert {"run runs/words/1", "runs/words/2", "runs/words/4"} <= set(told)
    assert "seed 4 (3 of 3)" in result.stderr


def test_several_seeds_in_json_are_a_line_each(train: Callable[..., Result], folder: Path) -> None:
    told = [json.loads(line) for line in train("--seed", 1, "--seed", 2, "--json").stdout.splitlines()]
    assert [line["run"] for line in told] == [str(folder / "runs" / "words" / seed) for seed in "12"]


def test_when_a_seed_fails_the_others_are_not_lost(train: Callable[..., Result], folder: Path, corpus: Path) -> None:
    assert train("--seed", 2).exit_code == 0
    result = train("--seed", 1, "--seed", 2, "--seed", 3, "--seed", 4)
    assert result.exit_code == 1
    assert "run runs/words/1" in lines(result.stdout)
    assert f"{folder}/runs/words/2: this run is there already" in result.stderr
    assert result.stderr.endswith(
        "not trained yet: seed 3, 4\n"
        f"    try: labelloom train tiny/words --seed 3 --seed 4 --set data.source={corpus} --set training.epochs=1\n"
    )


def test_a_run_is_never_overwritten(train: Callable[..., Result]) -> None:
    assert train().exit_code == 0
    result = train()
    assert result.exit_code == 1
    assert "this run is there already, and runs are never overwritten" in result.stderr
    assert "try: labelloom evaluate" in result.stderr


def test_resuming_a_finished_run_shows_its_scores(labelloom_: Callable[..., Result], run: Path) -> None:
    result = labelloom_("train", "--resume", run)
    assert result.exit_code == 0, result.output
    assert f"{run} has ended already" in result.stderr
    assert f"run {run}" in lines(result.stdout)
    told = json.loads(labelloom_("train", "--resume", run, "--json").stdout)
    assert told["run"] == str(run)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Invalid value for SPEC: name a spec, or a run with --resume."),
        (["tiny/words", "--resume", "x"], "Invalid value for --resume: not together with SPEC: a run goes on with the"),
        (["--resume", "x", "--seed", "1", "--set", "a=1"], "not together with --seed, --set: a run goes on"),
        (["--resume", "x", "--output", "y"], "not together with --output: a run goes on"),
        (["tiny/words", "--seed", "-1"], "--seed"),
    ],
)
def test_usage_errors(labelloom_: Callable[..., Result], arguments: list[str], message: str) -> None:
    result = labelloom_("train", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_errors_are_told_before_training(train: Callable[..., Result], labelloom_: Callable[..., Result]) -> None:
    result = train("--set", "model.encoder.widht=3")
    assert (result.exit_code, result.stderr) == (1, "model.encoder.widht: unknown key 'widht'\n    try: width\n")
    result = labelloom_("train", "--resume", "nowhere")
    assert result.exit_code == 1
    assert "nowhere: there is no such folder\n" in result.stderr


def test_a_loss_that_is_not_finite(train: Callable[..., Result]) -> None:
    result = train("--set", "tasks.0.scale=1e300")
    assert result.exit_code == 1
    assert "is not finite in step 1 of stage 'main'" in result.stderr
    assert "try: lower training.learning_rate" in result.stderr


def test_local_code_trains_with_permission(train: Callable[..., Result], folder: Path) -> None:
    shutil.copy(Path(__file__).parent / "bundle" / "labelloom_tiny" / "parts.py", folder / "mine.py")
    (folder / "mine.py").open("a").write(
        "\nclass Mine(BCE):\n"
        "    component = __import__('labelloom').Component(kind='task', needs={'scores'}, trains='probabilities')\n"
        "    Config = BCEConfig\n"
    )
    local = ["--set", "tasks=[{use='./mine.py:Mine'}]"]
    assert train(*local).exit_code == 1
    told = train(*local, "--allow-local-code")
    assert told.exit_code == 0
    assert "labelloom predict runs/words/0 --allow-local-code" in told.stdout


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (200, "3 min 20 s"), (3599.7, "1 h 0 min"), (7500, "2 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
