"""A loss, gradient, weight or score that is not finite ends training; the last good checkpoint is kept."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import labelloom
from labelloom.data.batching import batch_rows
from labelloom.data.corpus import load_corpus
from labelloom.errors import NonFiniteLossError
from labelloom.interfaces.noise import stable_key
from labelloom.spec.data import DataSettings

from .small import PARTS, events_of, spec_on, two_stages


def row_met_in(step: int, corpus: Path, stage: str = "main", group: bool = True) -> int:
    """A row of the training split that the stage first meets in `step` (from 1)."""
    train = load_corpus(DataSettings(source=str(corpus))).train
    lengths = np.array([len(text.split()) for text in train.texts.take(np.arange(len(train)))])
    return int(batch_rows(lengths, 8, stable_key(0, stage), 0, group=group)[step - 1][0])


def poisoned(corpus: Path, step: int, where: str, **training: Any) -> dict[str, Any]:
    task = {"use": f"{PARTS}:Poisoned", "row": row_met_in(step, corpus), "where": where}
    return spec_on(corpus, tasks=[{"use": "standard/bce"}, task], training=training)


def failure(spec: dict[str, Any], output: Path) -> str:
    with pytest.raises(NonFiniteLossError) as error:
        labelloom.train(spec, output=output, allow_local_code=True)
    return str(error.value)


@pytest.mark.parametrize("accumulation", [1, 3])
def test_a_loss_that_is_not_finite(accumulation: int, corpus: Path, tmp_path: Path) -> None:
    spec = poisoned(corpus, 3, "loss", checkpoint_every=1, accumulation=accumulation)

    told = failure(spec, tmp_path)

    run = tmp_path / "small" / "0"
    first, *tries = told.splitlines()
    assert re.fullmatch(
        rf"{re.escape(str(run))}: the loss \(bce [\d.]+, poisoned nan\) or its gradient \(norm [\d.]+\) is not finite "
        r"in step 3 of stage 'main' \(highest rate 0\.016\d?\); the last good checkpoint is 000-000000002",
        first,
    )
    assert tries == [
        "    try: lower training.learning_rate or training.rates",
        '    try: precision = "fp32"',
        "    try: clip_norm = 1.0",
    ]
    assert [event["step"] for event in events_of(run)] == [1, 2]


@pytest.mark.parametrize("clip_norm", [1.0, "none"])
def test_a_gradient_that_is_not_finite(clip_norm: object, corpus: Path, tmp_path: Path) -> None:
    """The loss itself is finite; the step would have spoilt the weights for good."""
    told = failure(poisoned(corpus, 2, "gradient", checkpoint_every=1, clip_norm=clip_norm), tmp_path)

    assert re.search(r"the loss \(bce [\d.]+, poisoned [\d.]+\) or its gradient \(norm nan\) is not finite", told)
    assert "in step 2 of stage 'main'" in told
    assert "the last good checkpoint is 000-000000001" in told


def test_the_checkpoint_that_is_kept_is_whole_and_the_run_fails_there_again(corpus: Path, tmp_path: Path) -> None:
    told = failure(poisoned(corpus, 3, "loss", checkpoint_every=1), tmp_path)
    run = tmp_path / "small" / "0"
    [checkpoint] = [entry for entry in (run / "checkpoints").iterdir() if entry.is_dir()]
    assert checkpoint.name == "000-000000002"
    for file in checkpoint.glob("*.safetensors"):
        assert all(np.isfinite(values).all() for values in load_file(file).values())

    with pytest.raises(NonFiniteLossError) as error:
        labelloom.resume(run, allow_local_code=True)

    assert str(error.value) == told
    assert [event["step"] for event in events_of(run)] == [1, 2]


def test_before_the_first_checkpoint(corpus: Path, tmp_path: Path) -> None:
    assert "no checkpoint was written yet" in failure(poisoned(corpus, 1, "loss"), tmp_path)


def test_in_a_later_stage(corpus: Path, tmp_path: Path) -> None:
    spec = two_stages(corpus)
    row = row_met_in(2, corpus, "second")
    spec["stages"][1]["tasks"].append({"use": f"{PARTS}:Poisoned", "row": row})

    told = failure(spec, tmp_path)

    assert "in step 2 of stage 'second'" in told
    assert "the last good checkpoint is 001-000000000" in told


# AdamW moves a weight by about the rate: at 1e39 it leaves the numbers of float32, at 3e38 what it is summed to does.
@pytest.mark.parametrize(
    ("training", "what"),
    [
        ({"learning_rate": 1e39, "checkpoint_every": 1, "evaluate_every": 9}, "a weight is not finite after step 1"),
        ({"learning_rate": 3e38}, "a score on validation is not finite after step 1"),
        ({"learning_rate": 3e38, "metric": "loss"}, "loss on validation is not finite after step 1"),
    ],
)
def test_what_a_step_has_spoilt_is_not_kept(training: dict[str, Any], what: str, corpus: Path, tmp_path: Path) -> None:
    spec = spec_on(corpus, training={"warmup": 0.0, "steps": 3, "evaluate_every": 1, **training})

    told = failure(spec, tmp_path)

    assert f"{what} of stage 'main'" in told
    assert "no checkpoint was written yet" in told
    assert not list((tmp_path / "small" / "0").rglob("*.safetensors.partial"))
