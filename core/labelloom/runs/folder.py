"""The run folder: where each thing lies, and how files come to be whole or not at all."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelloom.data.labels import LabelSpace
from labelloom.errors import RunError
from labelloom.evaluation.decision import Decision
from labelloom.spec.baseline import BaselineSpec
from labelloom.spec.read import saved_baseline


@dataclass(frozen=True)
class RunFolder:
    """`runs/<name>/<seed>/`. Only TOML, JSON, Parquet and safetensors: nothing that runs code when it is loaded."""

    path: Path

    @property
    def spec(self) -> Path:
        """The resolved spec; never overwritten."""
        return self.path / "spec.toml"

    @property
    def labels(self) -> Path:
        """Codes and names in the order of their ids."""
        return self.path / "labels.json"

    @property
    def assets(self) -> Path:
        """What the components prepared from the corpus."""
        return self.path / "assets"

    @property
    def model(self) -> Path:
        """Every weight of the model and its tasks; there once training has ended."""
        return self.path / "model.safetensors"

    @property
    def decision(self) -> Path:
        """The fitted decision rule."""
        return self.path / "decision.json"

    @property
    def metrics(self) -> Path:
        """Scores by split; there once training has ended."""
        return self.path / "metrics.json"

    @property
    def history(self) -> Path:
        """A line a logged step and a line a validation."""
        return self.path / "history.jsonl"

    @property
    def predictions(self) -> Path:
        """The answers on the test split, or on validation where there is none."""
        return self.path / "predictions.parquet"

    @property
    def checkpoints(self) -> Path:
        """What `--resume` goes on from; emptied when training has ended."""
        return self.path / "checkpoints"

    @property
    def trackers(self) -> Path:
        """The names of the trackers that show its training, where there are any."""
        return self.path / "trackers.json"

    @property
    def finished(self) -> bool:
        """Whether training has ended: the metrics are written last."""
        return self.metrics.is_file()

    def read_baseline(self) -> BaselineSpec | None:
        """What a run of `labelloom baseline` was made from; None for a run of a model of parts. Raises SpecError."""
        self.require(self.spec)
        return saved_baseline(self.spec)

    def read_extra_metrics(self) -> list[str]:
        """The metrics of bundles that its spec names; a baseline's names none. Raises RunError when it is no run."""
        self.require(self.spec)
        return list(tomllib.loads(self.spec.read_text(encoding="utf-8")).get("metrics", []))

    def read_labels(self) -> LabelSpace:
        """The label space. Raises RunError when the folder is no run."""
        self.require(self.labels)
        return LabelSpace.from_json(self.labels.read_text(encoding="utf-8"))

    def read_decision(self) -> Decision:
        """The fitted decision rule. Raises RunError when training has not ended."""
        self.require(self.decision)
        return Decision.from_json(self.decision.read_text(encoding="utf-8"), where=str(self.decision))

    def read_metrics(self) -> dict[str, Any]:
        """Scores by split. Raises RunError when training has not ended."""
        self.require(self.metrics)
        return json.loads(self.metrics.read_text(encoding="utf-8"))

    def require(self, file: Path) -> None:
        """Raise RunError, with what to do, unless `file` of this run is there."""
        if file.is_file():
            return
        if not self.path.is_dir():
            runs = [str(file.parent) for file in sorted(self.path.parent.glob("*/spec.toml"))]
            raise RunError("there is no such folder", where=str(self.path), suggestions=runs[:3])
        if not self.spec.is_file():
            seeds = [str(file.parent) for file in sorted(self.path.glob("*/spec.toml"))]
            raise RunError(
                "this folder is no run: it has no spec.toml",
                where=str(self.path),
                suggestions=seeds[:3] or ["name the folder of one seed, such as runs/my-model/0"],
            )
        raise RunError(
            f"this run has no {file.name}: its training has not ended",
            where=str(self.path),
            suggestions=[f"labelloom train --resume {self.path}"],
        )


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and its scores by split."""

    path: Path
    metrics: dict[str, Any]

    @property
    def scores(self) -> dict[str, float]:
        """The metrics on the test split, or on validation where there is none."""
        return self.metrics.get("test") or self.metrics["validation"]


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write `path` through `write(beside)` and a rename, so that a crash leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".partial")
    write(beside)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)


def write_json(path: Path, value: Any) -> None:
    """`value` as JSON, whole or not at all. Raises ValueError for NaN and infinity."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    replace_file(path, lambda beside: beside.write_text(text, encoding="utf-8"))
