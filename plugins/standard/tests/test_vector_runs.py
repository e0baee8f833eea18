"""Runs that start from word vectors: what is told, what is saved, what a loaded run needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import labelloom
from labelloom.training.progress import Silent

TEXTS = ["graph of words", "neural network", "a graph", "words of a network"] * 4


class Told(Silent):
    """Remembers what a person would read."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABELLOOM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "corpus").mkdir()
    lines = [json.dumps({"text": text, "labels": ["x" if "graph" in text else "y"]}) for text in TEXTS]
    for split in ("train", "validation", "test"):
        (tmp_path / "corpus" / f"{split}.jsonl").write_text("\n".join(lines))
    (tmp_path / "glove.txt").write_text("graph 1 2 3 4\nnetwork 4 3 2 1\nseldom 0 0 0 0\n")
    return tmp_path


def spec(folder: Path, **encoder: Any) -> dict[str, Any]:
    return {
        "name": "vectors",
        "data": {"source": str(folder / "corpus")},
        "model": {
            "encoder": {"use": "standard/cnn", "filters": 3, "windows": [2], **encoder},
            "predictor": {"use": "standard/linear"},
        },
        "tasks": [{"use": "standard/bce", "positive_weight": "balanced"}],
        "training": {"steps": 2, "batch_size": 4, "learning_rate": 0.1},
    }


def test_a_run_from_a_file_needs_it_no_more(folder: Path) -> None:
    told = Told()
    wanted = spec(folder, vectors=str(folder / "glove.txt"), train_vectors=False)
    run = labelloom.train(wanted, output=folder / "runs", reporter=told)
    assert "model.encoder: 2 of 6 words (33.3 %) have a vector in glove.txt" in told.texts
    words = json.loads((run.path / "assets" / "values.json").read_text())["model.encoder"]["words"]["value"]
    weights = load_file(run.path / "model.safetensors")
    (name,) = (name for name in weights if name.endswith("encoder.embedding.weight"))
    assert weights[name][2 + words.index("graph")].tolist() == [1, 2, 3, 4]  # fixed, as in the file
    # The vectors are kept once, as weights; of the arrays that were prepared only the loss's weights are left.
    assert {key.rpartition("|")[2] for key in load_file(run.path / "assets" / "arrays.safetensors")} == {
        "positive_weight"
    }
    (folder / "glove.txt").unlink()
    (folder / "corpus").rename(folder / "away")
    for file in sorted((folder / "cache").rglob("*.npz")):
        file.unlink()
    answers = labelloom.load(run.path, device="cpu").predict(["graph of words"], top_k=2)
    assert all(np.isfinite(score.score) for score in answers[0])


def test_trained_vectors_move_and_a_second_channel_does_not(folder: Path) -> None:
    wanted = spec(folder, vectors=str(folder / "glove.txt"), multichannel=True)
    run = labelloom.train(wanted, output=folder / "runs")
    weights = load_file(run.path / "model.safetensors")
    trained = next(value for name, value in weights.items() if name.endswith("encoder.embedding.weight"))
    fixed = next(value for name, value in weights.items() if name.endswith("encoder.fixed.weight"))
    moved = np.abs(trained - fixed).max(1) > 0
    assert not moved[0]
    assert moved[2:].any()
    assert [1, 2, 3, 4] in fixed.tolist()


def test_a_second_seed_starts_from_the_same_trained_vectors(folder: Path) -> None:
    starts = []
    for seed in (0, 1):
        told = Told()
        wanted = spec(folder, vectors="skip-gram", embedding=4, train_vectors=False)
        run = labelloom.train(wanted, output=folder / "runs", seed=seed, reporter=told)
        assert "model.encoder: skip-gram vectors of 6 words, trained on the training split" in told.texts
        weights = load_file(run.path / "model.safetensors")
        starts.append(next(value for name, value in weights.items() if name.endswith("encoder.embedding.weight")))
    np.testing.assert_array_equal(starts[0][2:], starts[1][2:])
    # What stands for unknown words is random, as spread out as the vectors.
    assert not torch.equal(torch.from_numpy(starts[0][1]), torch.from_numpy(starts[1][1]))
