"""CLRL on other papers' `labels`: two steps of training through the public API, in which its own weights move."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import labelloom
from labelloom.training.loop import Job, train_stage

Table = dict[str, Any]
WORDS = {"a": "graphs", "b": "texts", "c": "cells", "d": "rare"}
SETS = ["a", "ab", "c", "bc", "b", "", "ac", "d", "cd", "abcd"]
LABEL_LINEAR: Table = {"use": "standard/label-linear"}
MODELS: dict[str, Table] = {
    "label-wise lstm": {
        "encoder": {"use": "lwpt/lw-lstm", "hidden": 6, "layers": 1, "embedding": 5, "min_count": 1},
        "predictor": {"use": "lwpt/label-wise-mlp", "hidden": 8},
    },
    "joint encoder": {
        "encoder": {"use": "laco/joint-encoder", "max_length": 24},
        "predictor": {"use": "standard/linear"},
        "label_modules": [{"use": "laco/cross-attention", "window": 3}],
    },
    "label attention over a transformer": {
        "encoder": {"use": "standard/transformer", "max_length": 16},
        "predictor": LABEL_LINEAR,
        "label_modules": [{"use": "standard/label-attention"}],
    },
    "label-mask encoder": {"encoder": {"use": "lmmtc/label-mask-encoder"}, "predictor": {"use": "lmmtc/slot-linear"}},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of documents whose words say their labels; one has none, one all."""
    folder = tmp_path_factory.mktemp("mixtures")
    draw = random.Random(3)
    for split, count in (("train", 20), ("validation", 10)):
        lines = []
        for place in range(count):
            labels = list(SETS[place % len(SETS)])
            words = [WORDS[label] for label in labels for _ in range(draw.randint(1, 2))]
            lines.append(json.dumps({"text": f"we show {' '.join(words)} .", "labels": labels}))
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        yield folder


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Tensor, Tensor]]:
    """Every weight before and after the training."""
    found: dict[str, tuple[Tensor, Tensor]] = {}

    def watched(job: Job, *arguments: Any) -> None:
        before = {name: value.detach().clone() for name, value in job.assembly.named_parameters()}
        train_stage(job, *arguments)
        found.update({name: (before[name], value.detach()) for name, value in job.assembly.named_parameters()})

    monkeypatch.setattr("labelloom.training.train.train_stage", watched)
    return found


def spec(model: Table, corpus: Path, bert: Path, task: Table, samplers: list[Table]) -> Table:
    encoder = model["encoder"] if "lstm" in model["encoder"]["use"] else {**model["encoder"], "pretrained": str(bert)}
    return {
        "name": "mixed",
        "data": {"source": str(corpus)},
        "model": {**model, "encoder": encoder},
        "samplers": samplers,
        "tasks": [{"use": "standard/bce"}, {"use": "clmil/clrl", "weight": 0.35, **task}],
        "training": {"steps": 2, "batch_size": 10, "learning_rate": 1e-2, "precision": "fp32"},
    }


@pytest.mark.parametrize("task", [{}, {"draw": "balanced", "scope": "anchor", "pairs": 3, "dropout": 0.1}])
@pytest.mark.parametrize("name", MODELS)
def test_two_steps(
    name: str, task: Table, corpus: Path, bert: Path, weights: dict[str, tuple[Tensor, Tensor]], tmp_path: Path
) -> None:
    samplers = [{"use": "lmmtc/reveal"}] if name == "label-mask encoder" else []
    run = labelloom.train(spec(MODELS[name], corpus, bert, task, samplers), output=tmp_path)
    lines = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    assert [line["tasks"].keys() for line in lines if "tasks" in line] == [{"bce", "clrl"}] * 2
    own = {name: pair for name, pair in weights.items() if name.startswith("tasks.clrl.")}
    assert len(own) == 2
    assert all(after.isfinite().all() and not torch.equal(before, after) for before, after in own.values())
    # A saved run is built without the corpus that its tasks were prepared from.
    (best, *_), _ = labelloom.load(run.path).predict(["we show graphs .", ""], top_k=4)
    assert 0 < best.score < 1
