"""Several seeds: runs of one spec, their summary, and how a series that was interrupted goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import labelloom
from labelloom.errors import RunError, TrainingError
from labelloom.training.series import train_seeds

from .small import Killed, KilledAfter, Said, assert_equal_runs, spec_on, write_corpus
from .test_trackers import Remembers


@pytest.fixture(scope="module")
def series(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    assert [run.path.name for run in train_seeds(spec_on(corpus), [3, 0, 1, 3], output=folder).runs] == ["3", "0", "1"]
    return folder / "small"


def test_the_summary_is_the_mean_and_the_deviation_of_a_sample(series: Path) -> None:
    summary = json.loads((series / "summary.json").read_text())
    assert summary["name"] == "small"
    assert summary["seeds"] == [3, 0, 1]
    runs = [json.loads((series / seed / "metrics.json").read_text()) for seed in "301"]
    for split in ("validation", "test", "test_at_0.5"):
        assert summary[split].keys() == runs[0][split].keys()
        for metric, told in summary[split].items():
            values = [run[split][metric] for run in runs]
            assert told["values"] == values
            assert told["mean"] == pytest.approx(np.mean(values))
            assert told["deviation"] == pytest.approx(np.std(values, ddof=1))
    assert summary["test"]["one_error"]["deviation"] > 0


def test_each_run_is_that_of_its_seed_alone(series: Path, corpus: Path, tmp_path: Path) -> None:
    assert_equal_runs(labelloom.train(spec_on(corpus), output=tmp_path, seed=1).path, series / "1")


@pytest.mark.parametrize("steps", [3, 8])
def test_an_interrupted_series_goes_on_to_the_same_runs(steps: int, series: Path, corpus: Path, tmp_path: Path) -> None:
    """Killed in the first or in the second of three runs; what has ended is not trained again."""
    with pytest.raises(Killed):
        train_seeds(spec_on(corpus), [3, 0, 1], output=tmp_path, reporter=KilledAfter(steps))
    said = Said()
    again = train_seeds(spec_on(corpus), [3, 0, 1], output=tmp_path, go_on=True, reporter=said)
    for seed in "301":
        assert_equal_runs(tmp_path / "small" / seed, series / seed)
    assert (tmp_path / "small" / "summary.json").read_bytes() == (series / "summary.json").read_bytes()
    assert again.path == tmp_path / "small" / "summary.json"
    assert again.summary == json.loads(again.path.read_text())
    assert (f"{tmp_path}/small/3 has ended already" in said.lines) == (steps > 6)
    assert "seed 0 (2 of 3)" in said.lines
    assert len(said.losses) == 18 - 3 * ((steps - 1) // 3)


def test_runs_that_are_there_are_refused_before_anything_trains(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        labelloom.train(spec_on(corpus), output=tmp_path, seed=2, reporter=KilledAfter(4))
    labelloom.train(spec_on(corpus), output=tmp_path, seed=4)
    with pytest.raises(RunError) as error:
        train_seeds(spec_on(corpus), [0, 2, 3, 4], output=tmp_path)
    assert str(error.value).splitlines() == [
        f"{tmp_path}/small/2: this run has begun already, and runs are never overwritten",
        f"{tmp_path}/small/4: this run has ended already, and runs are never overwritten",
        "    try: go_on=True",
        "    try: --output or --set name=... for new runs",
    ]
    assert sorted(entry.name for entry in (tmp_path / "small").iterdir()) == ["2", "4"]
    # Those of another spec cannot be gone on with, which is not offered.
    with pytest.raises(RunError) as error:
        train_seeds(spec_on(corpus, training={"epochs": 3}), [3, 4], output=tmp_path)
    assert str(error.value).splitlines() == [
        f"{tmp_path}/small/4: this run has ended already with another spec, which differs in training.epochs, and "
        "runs are never overwritten",
        "    try: --output or --set name=... for new runs",
    ]


def test_runs_of_another_spec_are_not_taken_over(corpus: Path, tmp_path: Path) -> None:
    labelloom.train(spec_on(corpus), output=tmp_path, seed=1)
    other = spec_on(corpus, training={"epochs": 3})
    other["model"]["encoder"]["hidden"] = 4
    with pytest.raises(RunError) as error:
        train_seeds(other, [0, 1], output=tmp_path, go_on=True)
    assert str(error.value).splitlines() == [
        f"{tmp_path}/small/1: this run was made from another spec, which differs in model.encoder.hidden, "
        "training.epochs",
        "    try: --output or --set name=... for new runs",
    ]
    assert not (tmp_path / "small" / "0").exists()


def test_runs_on_other_documents_are_not_taken_over(tmp_path: Path) -> None:
    """Two have ended before the data changes; the third would be summarised with them."""
    spec = spec_on(write_corpus(tmp_path / "corpus"))
    train_seeds(spec, [0, 1], output=tmp_path)
    shutil.rmtree(tmp_path / "corpus")
    write_corpus(tmp_path / "corpus", seed=1)
    with pytest.raises(RunError) as error:
        train_seeds(spec, [0, 1, 2], output=tmp_path, go_on=True)
    assert str(error.value).splitlines() == [
        f"{tmp_path}/small/0: this run was trained on other documents than there are now",
        f"{tmp_path}/small/1: this run was trained on other documents than there are now",
        "    try: put the documents back",
        "    try: --output or --set name=... for new runs",
    ]
    assert not (tmp_path / "small" / "2").exists()


def test_documents_that_change_between_two_seeds(tmp_path: Path) -> None:
    class Changes(Said):
        def say(self, text: str) -> None:
            if text == "seed 1 (2 of 3)":
                shutil.rmtree(tmp_path / "corpus")
                write_corpus(tmp_path / "corpus", seed=1)

    spec = spec_on(write_corpus(tmp_path / "corpus"), training={"steps": 1})
    with pytest.raises(RunError) as error:
        train_seeds(spec, [0, 1, 2], output=tmp_path, reporter=Changes())
    assert str(error.value).splitlines() == [
        f"{tmp_path}/small/1: the documents changed after seed 0 was trained: figures of the two have no mean",
        "    try: put the documents back and train this seed anew",
        "    try: --output or --set name=... for new runs",
    ]
    assert not (tmp_path / "small" / "summary.json").exists()


def test_a_summary_that_takes_the_place_of_another_says_so(corpus: Path, tmp_path: Path) -> None:
    spec, said = spec_on(corpus, training={"steps": 1}), Said()
    train_seeds(spec, [0, 1], output=tmp_path, reporter=said)
    train_seeds(spec, [0, 1, 2], output=tmp_path, reporter=said, go_on=True)
    told = f"{tmp_path}/small/summary.json is about seeds"
    assert not any(line.startswith(told) for line in said.lines)
    train_seeds(spec, [7, 0], output=tmp_path, reporter=said, go_on=True)
    assert [line for line in said.lines if line.startswith(told)] == [
        f"{told} 0, 1, 2; at the end it will be about 7, 0 alone: name all of them and continue the series for one "
        "about all"
    ]


def test_one_tracker_object_does_not_show_several_runs(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as error:
        train_seeds(spec_on(corpus), [0, 1], output=tmp_path, trackers=["tensorboard", Remembers()])
    assert str(error.value).splitlines() == [
        "trackers: Remembers: an object shows one run, and each of a series would write over the one before",
        "    try: the name of a listener",
        "    try: labelloom.train() for each seed, with a tracker of its own",
    ]
    assert not (tmp_path / "small").exists()


def test_one_seed_is_no_series(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least two different seeds"):
        train_seeds(spec_on(corpus), [1, 1], output=tmp_path)
