"""What every model of the matrix must do: train, save, load, and predict as before."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import labelloom
from labelloom.data.corpus import load_corpus
from labelloom.evaluation.predictions import Predictions


def train_and_load(spec: Mapping[str, Any], folder: Path) -> None:
    """Two steps a stage on a few documents; the loaded run gives the scores and labels that the training gave."""
    run = labelloom.train(spec, output=folder)
    recorded = Predictions.load(run.path / "predictions.parquet")
    loaded = labelloom.load(run.path, device="cpu")
    test = load_corpus(loaded.model.plan.spec.data).test
    assert test is not None
    again = loaded.predictions(test)
    scores, before = (_by_label(each) for each in (again, recorded))
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores, before, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(again.predicted.values, recorded.predicted.values)


def told(broken: Mapping[str, Exception]) -> str:
    """Every model that is broken, by its title, with the traceback."""
    return "\n\n".join(f"{title}\n{''.join(traceback.format_exception(error))}" for title, error in broken.items())


def _by_label(predictions: Predictions) -> np.ndarray:
    """(N, L): the scores in the order of the labels."""
    ranking = predictions.ranking
    return np.take_along_axis(ranking.scores, ranking.labels.argsort(1), 1)
