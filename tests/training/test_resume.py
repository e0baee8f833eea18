"""A run that was interrupted and resumed equals the uninterrupted one, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

import labelloom
from labelloom.errors import RunError
from labelloom.spec import TrainingSettings
from labelloom.training.processes import make_accelerator

from .small import Killed, KilledAfter, Said, assert_equal_runs, two_stages, write_corpus

STEPS = 8  # of both stages together


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    return labelloom.train(two_stages(corpus), output=tmp_path_factory.mktemp("whole")).path


def killed_after(steps: int, corpus: Path, output: Path, **training: object) -> Path:
    with pytest.raises(Killed):
        labelloom.train(two_stages(corpus, **training), output=output, reporter=KilledAfter(steps))
    return output / "small" / "0"


# The second stage validates after steps 2, 4 and 5, so its checkpoints are older than most of these points.
@pytest.mark.parametrize("steps", range(1, STEPS + 1))
def test_a_run_killed_after_any_step_goes_on_to_the_same_weights(
    steps: int, corpus: Path, whole: Path, tmp_path: Path
) -> None:
    run = killed_after(steps, corpus, tmp_path)

    assert labelloom.resume(run).path == run

    assert_equal_runs(run, whole)


def test_a_run_killed_again_and_again_goes_on_to_the_same_weights(corpus: Path, whole: Path, tmp_path: Path) -> None:
    run = killed_after(2, corpus, tmp_path, checkpoint_every=1)
    for _ in range(STEPS - 2):
        with pytest.raises(Killed):
            labelloom.resume(run, reporter=KilledAfter(2))

    labelloom.resume(run)

    assert_equal_runs(run, whole)


def test_resuming_says_where_it_goes_on(corpus: Path, tmp_path: Path) -> None:
    run = killed_after(6, corpus, tmp_path)
    said = Said()

    labelloom.resume(run, reporter=said)

    assert "resuming after step 2 of stage 'second' (2 of 2)" in said.lines
    assert said.starts == [("second", 5, 2)]
    assert len(said.losses) == 3


def test_a_finished_run_is_given_back(whole: Path) -> None:
    before = (whole / "metrics.json").read_bytes()
    said = Said()

    run = labelloom.resume(whole, reporter=said)

    assert said.lines == [f"{whole} has ended already"]
    assert run.metrics == json.loads(before)
    assert (whole / "metrics.json").read_bytes() == before


def test_a_run_whose_documents_have_changed_is_refused(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    run = killed_after(5, corpus, tmp_path)
    lines = (corpus / "train.jsonl").read_text().splitlines()
    (corpus / "train.jsonl").write_text("\n".join([lines[0].replace("filler", "other"), *lines[1:]]))

    with pytest.raises(RunError) as error:
        labelloom.resume(run)

    assert str(error.value).splitlines() == [
        f"{run}: the corpus has other documents now than when this run began, so it cannot go on as it would have",
        "    try: put the documents back",
        "    try: start a new run",
    ]


def test_a_run_whose_labels_have_changed_is_refused(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    run = killed_after(1, corpus, tmp_path)
    with (corpus / "train.jsonl").open("a") as file:
        file.write('{"text": "new", "labels": ["new"]}\n')

    with pytest.raises(RunError, match="the corpus has other labels now than when this run began"):
        labelloom.resume(run)


def test_the_loss_scaler_of_fp16_is_resumed(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scaler as a GPU has it, in fp32 on a CPU: it grows every second step, and its scale reaches the gradients."""

    def with_scaler(settings: TrainingSettings) -> Accelerator:
        accelerator = make_accelerator(settings)
        # Not a power of two, so that scaling rounds, and a wrong scale shows.
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=3.7, growth_factor=1.3, growth_interval=2)
        return accelerator

    monkeypatch.setattr("labelloom.training.loop.make_accelerator", with_scaler)
    whole = labelloom.train(two_stages(corpus, checkpoint_every=1), output=tmp_path / "whole").path
    run = killed_after(6, corpus, tmp_path, checkpoint_every=1)
    labelloom.resume(run)
    assert_equal_runs(run, whole)
