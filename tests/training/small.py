"""Small corpora, specs and runs: what the tests of training and of runs are made of."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from safetensors import safe_open
from safetensors.numpy import load_file

from labelloom.training.progress import Silent

LABELS = 6

PARTS = str(Path(__file__).with_name("parts.py"))
"""The file of local parts: `use = f"{PARTS}:Cardinality"`."""

Bytes = dict[str, tuple[str, tuple[int, ...], bytes]]


def write_corpus(folder: Path, train: int = 21, validation: int = 12, test: int = 12, seed: int = 0) -> Path:
    """Documents of unequal lengths and label counts, whose labels their words tell."""
    folder.mkdir(parents=True)
    rng = random.Random(seed)
    for split, count in (("train", train), ("validation", validation), ("test", test)):
        lines = [json.dumps(_document(rng, f"{split}-{place}")) for place in range(count)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def _document(rng: random.Random, name: str) -> dict[str, object]:
    labels = sorted(rng.sample(range(LABELS), rng.choice([1, 1, 2, 4])))
    words = [f"sign{label}" for label in labels for _ in range(2)]
    words += [f"filler{rng.randrange(12)}" for _ in range(rng.randint(0, 14))]
    rng.shuffle(words)
    return {"id": name, "text": " ".join(words), "labels": [f"L{label}" for label in labels]}


def spec_on(corpus: Path, **changes: Any) -> dict[str, Any]:
    """A BiLSTM with a linear predictor and BCE: two epochs of three steps; `training` adds to its settings."""
    training = {"epochs": 2, "batch_size": 8, "learning_rate": 0.02, **changes.pop("training", {})}
    spec: dict[str, Any] = {
        "name": "small",
        "data": {"source": str(corpus)},
        "model": {
            "encoder": {"use": "standard/bilstm", "embedding": 8, "hidden": 8, "min_count": 1, "dropout": 0.3},
            "predictor": {"use": "standard/linear", "dropout": 0.1},
        },
        "tasks": [{"use": "standard/bce"}],
        "training": training,
        **changes,
    }
    if "stages" in spec:
        del spec["tasks"]
    return spec


def sparse_table(corpus: Path, **changes: Any) -> dict[str, Any]:
    """Label vectors of which a step moves those of drawn labels; the first step of an epoch leaves some untouched."""
    spec = spec_on(corpus, samplers=[{"use": f"{PARTS}:Few"}], **changes)
    table = {"use": "standard/label-table", "sparse": True}
    spec["model"]["label_modules"] = [table, {"use": "standard/label-query", "width": 4}]
    spec["model"]["predictor"] = {"use": "standard/label-linear"}
    return spec


def without_dropout(spec: dict[str, Any]) -> dict[str, Any]:
    """`spec` as a function of its documents alone, with an optimiser that does not blow rounding up."""
    model = {key: part if isinstance(part, list) else {**part, "dropout": 0.0} for key, part in spec["model"].items()}
    # AdamW divides by the root of the squared gradient, which a small epsilon leaves to chance where that is tiny.
    return {**spec, "model": model, "training": {**spec["training"], "epsilon": 1e-3}}


def two_stages(corpus: Path, **training: Any) -> dict[str, Any]:
    """Three steps with rows in any order, then five on a frozen encoder with a new predictor."""
    return spec_on(
        corpus,
        training={"epochs": 1, **training},
        stages=[
            {
                "name": "first",
                "tasks": [{"use": "standard/bce", "reduction": "mean", "name": "mean"}],
                "training": {"group_by_length": False, "metric": "loss"},
            },
            {
                "name": "second",
                "tasks": [{"use": "standard/bce"}],
                "freeze": ["model.encoder"],
                "reset": ["model.predictor"],
                "training": {"steps": 5, "evaluate_every": 2, "clip_norm": 0.5},
            },
        ],
    )


def weights_of(file: Path) -> Bytes:
    """Every tensor of a safetensors file: type, shape and bytes."""
    with safe_open(file, framework="np") as tensors:
        arrays = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    return {name: (str(array.dtype), array.shape, array.tobytes()) for name, array in arrays.items()}


def assert_close(file: Path, other: Path, rtol: float = 1e-5, atol: float = 1e-6) -> None:
    """The weights in the two safetensors files are equal to rounding."""
    weights, expected = load_file(file), load_file(other)
    assert weights.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(weights[name], values, rtol=rtol, atol=atol, err_msg=name)


def events_of(run: Path) -> list[dict[str, Any]]:
    """The lines of its history."""
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def validations_of(run: Path, stage: str = "main") -> list[dict[str, Any]]:
    """The validations in its history."""
    return [event for event in events_of(run) if "validation" in event and event["stage"] == stage]


def metrics_of(run: Path) -> dict[str, Any]:
    """Its metrics, without the time that it took."""
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics.pop("seconds") >= 0
    return metrics


def assert_equal_runs(run: Path, other: Path) -> None:
    """The two ended with the same weights, bit for bit, the same history, scores and predictions."""
    assert weights_of(run / "model.safetensors") == weights_of(other / "model.safetensors")
    assert (run / "history.jsonl").read_bytes() == (other / "history.jsonl").read_bytes()
    assert metrics_of(run) == metrics_of(other)
    assert (run / "decision.json").read_text() == (other / "decision.json").read_text()
    assert pq.read_table(run / "predictions.parquet").equals(pq.read_table(other / "predictions.parquet"))


class Said(Silent):
    """A reporter that remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.starts: list[tuple[str, int, int]] = []
        self.losses: list[float] = []
        self.validations: list[tuple[int, Mapping[str, float], bool]] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def start(self, stage: str, steps: int, done: int) -> None:
        self.starts.append((stage, steps, done))

    def step(self, loss: float, documents_per_second: float) -> None:
        self.losses.append(loss)

    def validated(self, step: int, scores: Mapping[str, float], better: bool) -> None:
        self.validations.append((step, scores, better))


class Killed(Exception):
    """Stands for the end of the process."""


class KilledAfter(Silent):
    """A reporter that ends training after so many of its steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, loss: float, documents_per_second: float) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed
