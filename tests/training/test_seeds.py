"""Everything random follows from the seed; precision changes arithmetic and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import labelloom
from labelloom.errors import TrainingError
from labelloom.evaluation.predictions import Predictions
from labelloom.runs.classifier import load
from labelloom.spec.data import DataSettings

from .small import assert_equal_runs, events_of, spec_on, two_stages, weights_of


def test_one_seed_gives_one_run_whatever_ran_before(corpus: Path, tmp_path: Path) -> None:
    first = labelloom.train(two_stages(corpus), output=tmp_path / "first").path
    torch.manual_seed(123)
    np.random.seed(123)
    labelloom.train({**two_stages(corpus, precision="bf16"), "seed": 3}, output=tmp_path / "between")

    assert_equal_runs(labelloom.train(two_stages(corpus), output=tmp_path / "second").path, first)


def test_seeds_differ(corpus: Path, tmp_path: Path) -> None:
    runs = [labelloom.train(spec_on(corpus), output=tmp_path, seed=seed) for seed in (0, 1)]

    assert [run.path.name for run in runs] == ["0", "1"]
    assert [run.metrics["seed"] for run in runs] == [0, 1]
    assert weights_of(runs[0].path / "model.safetensors") != weights_of(runs[1].path / "model.safetensors")
    losses = [[event["loss"] for event in events_of(run.path) if "loss" in event] for run in runs]
    assert losses[0][0] != losses[1][0]


def test_bf16_trains_and_saves_weights_of_full_precision(corpus: Path, tmp_path: Path) -> None:
    def trained(**training: Any) -> Path:
        spec = spec_on(corpus, training={"epochs": 6, **training})
        return labelloom.train(spec, output=tmp_path / training["precision"]).path

    half, full = trained(precision="bf16"), trained(precision="fp32")

    weights = load_file(half / "model.safetensors")
    assert all(values.dtype == np.float32 and np.isfinite(values).all() for values in weights.values())
    losses = [event["loss"] for event in events_of(half) if "loss" in event]
    assert losses[-1] < 0.8 * losses[0]
    expected = [event["loss"] for event in events_of(full) if "loss" in event]
    assert losses != expected, "it was not full precision"
    assert losses == pytest.approx(expected, rel=0.05)


def test_final_scores_are_of_full_precision(corpus: Path, tmp_path: Path) -> None:
    """A classifier in fp32 finds the scores of a run that trained in bf16."""
    run = labelloom.train(spec_on(corpus, training={"precision": "bf16"}), output=tmp_path).path

    saved = Predictions.load(run / "predictions.parquet").ranking
    assert not np.array_equal(saved.scores, torch.tensor(saved.scores).bfloat16().float().numpy())
    split = labelloom.load_corpus(DataSettings(source=str(corpus))).test
    assert split is not None
    np.testing.assert_allclose(load(run).predictions(split).ranking.scores, saved.scores, atol=1e-6)


@pytest.mark.skipif(torch.cuda.is_available(), reason="fp16 trains on a GPU")
def test_fp16_without_a_gpu_is_refused_before_the_data_loads(tmp_path: Path) -> None:
    spec = two_stages(tmp_path / "nowhere")
    spec["stages"][1]["training"]["precision"] = "fp16"

    with pytest.raises(TrainingError) as error:
        labelloom.train(spec, output=tmp_path)

    assert str(error.value).splitlines() == [
        "training.precision: this machine cannot train in fp16: its device is cpu, and fp16 needs a GPU",
        '    try: precision = "bf16"',
        '    try: precision = "fp32"',
    ]
