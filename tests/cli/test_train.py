"""`labelloom train`: one run, several seeds, JSON, and what it refuses."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from labelloom.cli.output import duration
from labelloom.evaluation.summary import table as rows_of
from labelloom.training.progress import Silent

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
    for name in ("micro-F1", "macro-F1 (all labels)", "Hamming loss", "nDCG@5"):
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
    row = next(line for line in told if line.startswith("macro-F1 (all labels) 0"))
    assert f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}" in row
    assert "mean ± standard deviation of 3 seeds" in told
    assert {"run runs/words/1", "runs/words/2", "runs/words/4", "summary runs/words/summary.json"} <= set(told)
    summary = json.loads((folder / "runs" / "words" / "summary.json").read_text())
    assert summary["seeds"] == [1, 2, 4]
    assert summary["test"]["macro_f1"]["mean"] == statistics.mean(values)
    assert "seed 4 (3 of 3)" in result.stderr


def test_several_seeds_in_json_are_a_line_each_and_one_of_the_summary(
    train: Callable[..., Result], folder: Path
) -> None:
    told = [json.loads(line) for line in train("--seeds", 2, "--set", "seed=5", "--json").stdout.splitlines()]
    assert [line["run"] for line in told[:-1]] == [str(folder / "runs" / "words" / seed) for seed in "56"]
    path = folder / "runs" / "words" / "summary.json"
    assert told[-1] == {"summary": str(path), **json.loads(path.read_text())}
    assert told[-1]["seeds"] == [5, 6]


def pasted(result: Result, labelloom_: Callable[..., Result]) -> Result:
    """What the last command that `result` suggests does."""
    commands = [line.partition("try: ")[2] for line in result.stderr.splitlines() if "try: labelloom" in line]
    return labelloom_(*shlex.split(commands[-1])[1:])


def test_runs_that_are_there_are_told_before_anything_trains(
    train: Callable[..., Result], labelloom_: Callable[..., Result], folder: Path
) -> None:
    assert train("--seed", 2).exit_code == 0
    before = (folder / "runs" / "words" / "2" / "metrics.json").read_bytes()
    result = train("--seed", 1, "--seed", 2, "--seed", 3)
    assert result.exit_code == 1
    assert "runs/words/2: this run has ended already, and runs are never overwritten" in result.stderr
    assert not (folder / "runs" / "words" / "1").exists()

    again = pasted(result, labelloom_)
    assert again.exit_code == 0, again.output
    assert "mean ± standard deviation of 3 seeds" in lines(again.stdout)
    assert (folder / "runs" / "words" / "2" / "metrics.json").read_bytes() == before


class Stop(Silent):
    """Presses Ctrl-C in the first step of the second run."""

    starts = 0

    def start(self, stage: str, steps: int, done: int) -> None:
        Stop.starts += 1

    def step(self, loss: float, documents_per_second: float) -> None:
        if Stop.starts == 2:
            Stop.starts += 1
            signal.raise_signal(signal.SIGINT)

    def __enter__(self) -> Stop:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_an_interrupted_series_goes_on_with_one_command(
    train: Callable[..., Result], labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("labelloom.training.progress.Shown", Stop)
        result = train("--seeds", 3, "--track", "tensorboard", "--output", "my runs", "--time-budget", "1h")
    assert result.exit_code == 1
    assert "run my runs/words/0" in lines(result.stdout), "what is finished is not lost"
    assert not (folder / "my runs" / "words" / "summary.json").exists()
    told = result.stderr
    assert "my runs/words/1: interrupted after step 1 of stage 'main'; everything so far is saved" in told
    assert "try: labelloom train --resume 'my runs/words/1'" in told
    assert "not finished yet: seed 1, 2\n    try: labelloom train tiny/words --seed 0 --seed 1 --seed 2 --set" in told
    assert told.endswith(" --time-budget 1h --track tensorboard --output 'my runs' --continue\n")

    again = pasted(result, labelloom_)
    assert again.exit_code == 0, again.output
    assert "resuming after step 1 of stage 'main' (1 of 1)" in again.stderr
    assert "mean ± standard deviation of 3 seeds" in lines(again.stdout)
    for seed in "012":
        assert (folder / "my runs" / "words" / seed / "tensorboard").is_dir()


def test_a_seed_that_diverged_is_left_behind(
    train: Callable[..., Result], labelloom_: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = train("--seed", 1, "--seed", 2, "--set", "tasks.0.scale=1e300")
    assert result.exit_code == 1
    assert "is not finite in step 1 of stage 'main'" in result.stderr
    assert "not finished yet: seed 2\n    try: labelloom train tiny/words --seed 2 --set" in result.stderr


def test_a_time_budget_is_saved_in_the_run(train: Callable[..., Result], folder: Path) -> None:
    assert train("--time-budget", "1h").exit_code == 0
    spec = tomllib.loads((folder / "runs" / "words" / "0" / "spec.toml").read_text())
    assert spec["training"]["time_budget"] == "1h"
    result = train("--time-budget", "soon")
    assert (result.exit_code, result.stderr) == (
        1,
        "training.time_budget: expected a number with s, m or h, such as \"20m\", not 'soon'\n",
    )


def test_a_tracker_that_is_none(train: Callable[..., Result]) -> None:
    result = train("--track", "tensorbord")
    assert result.exit_code == 1
    assert result.stderr.startswith("trackers: no installed listener is called 'tensorbord' (installed")
    assert "\n    try: standard/tensorboard\n" in result.stderr


def test_a_run_is_never_overwritten(train: Callable[..., Result]) -> None:
    assert train().exit_code == 0
    result = train()
    assert result.exit_code == 1
    assert "this run is there already, and runs are never overwritten" in result.stderr
    assert "try: labelloom evaluate" in result.stderr
    # Of another spec it is another run, which its own scores would not be about.
    lines = train("--set", "training.learning_rate=0.5", "--set", "training.weight_decay=0.3").stderr.splitlines()
    assert lines[0].endswith(
        "runs/words/0: this run is there already and of another spec, which differs in "
        "training.learning_rate, training.weight_decay; runs are never overwritten"
    )
    assert lines[1] == "    try: --seed, --output or --set name=... for a new one"
    assert lines[2].startswith("    try: labelloom evaluate ")


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
        (["--resume", "x", "--continue", "--time-budget", "5m"], "not together with --continue, --time-budget: a run"),
        (["tiny/words", "--seed", "1", "--seeds", "2"], "Invalid value for --seeds: not together with --seed"),
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


def test_data_in_the_place_of_a_spec(labelloom_: Callable[..., Result], folder: Path) -> None:
    (folder / "tickets.csv").write_text("text,labels\na,b\n")
    result = labelloom_("train", "tickets.csv")
    assert result.exit_code == 1
    told = result.stderr.splitlines()
    assert told[0] == "tickets.csv: this is data, and not a spec, which is TOML and names the data"
    assert told[1].startswith("    try: labelloom train ")
    assert told[1].endswith(" --set data.source=tickets.csv")
    assert told[2] == "    try: labelloom data tickets.csv"


def test_what_is_wrong_with_a_spec_is_told_without_torch(folder: Path) -> None:
    script = (
        "import sys; from labelloom.cli import main\n"
        "try: main()\n"
        "finally: print(sorted(sys.modules.keys() & {'torch', 'accelerate'}))"
    )
    command = [sys.executable, "-c", script, "train", "tiny/words", "--set", "training.epoch=2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    assert "training.epoch: unknown key 'epoch'" in done.stderr
    assert done.stdout.strip() == "[]"
