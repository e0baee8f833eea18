"""Checkpoints: everything that a stage needs to go on, in folders that are whole or not there.

The random numbers of a step follow from seed, stage and step, so a checkpoint is weights, the optimiser's state and
a little JSON; nothing of a random generator is in it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from labelloom.compose.model import Assembly
from labelloom.errors import RunError
from labelloom.runs.weights import load_weights, save_weights
from labelloom.training.budget import Clock


@dataclass
class Progress:
    """How far a run has come: `step` steps of stage number `stage` are done.

    `best_value` is that of the best validation of this stage so far, `best_file` holds its weights;
    `waited` counts the validations since. `history` is how many bytes of the history are before this point,
    `seconds` how long the run took so far, `corpus` the digest of what it trains on. `scaler` is the state of fp16's
    loss scaler. `taken` is how many steps each stage before this one took, `averaged` how many steps this stage's
    average of the weights has seen, `clock` what the time budget remembers of the stage.
    """

    stage: int = 0
    step: int = 0
    best_value: float | None = None
    best_file: str | None = None
    waited: int = 0
    history: int = 0
    seconds: float = 0.0
    corpus: str = ""
    scaler: dict[str, float] | None = None
    taken: dict[str, int] = field(default_factory=dict)
    averaged: int = 0
    clock: Clock = field(default_factory=Clock)

    @property
    def total(self) -> int:
        """Steps of all stages so far."""
        return sum(self.taken.values()) + self.step


@dataclass(frozen=True)
class Saved:
    """What a stage goes on from besides the weights: the optimiser's tensors, and the weights' average."""

    optimiser: Mapping[str, Tensor] = field(default_factory=dict)
    average: Mapping[str, Tensor] = field(default_factory=dict)


class Checkpoints:
    """The checkpoints of one run, newest kept; the weights of the best validation lie beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, progress: Progress, assembly: Assembly, tensors: Saved) -> None:
        """Write a checkpoint beside and rename it, then drop what it makes superfluous."""
        target = self.folder / f"{progress.stage:03d}-{progress.step:09d}"
        if target.is_dir():
            # Ctrl-C came at a step that had just been saved; writing it anew would leave a moment without any.
            return
        beside = target.with_name(target.name + ".partial")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        save_weights(assembly, beside / "weights.safetensors")
        for name, values in (("optimiser", tensors.optimiser), ("average", tensors.average)):
            if values or name == "optimiser":
                save_file({key: value.contiguous() for key, value in values.items()}, beside / f"{name}.safetensors")
        (beside / "progress.json").write_text(json.dumps(asdict(progress), allow_nan=False), encoding="utf-8")
        _flush(beside)
        beside.replace(target)
        for entry in self.folder.iterdir():
            if entry.is_dir() and entry != target:
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.is_file() and entry.name != progress.best_file:
                entry.unlink()

    def save_best(self, progress: Progress, assembly: Assembly, write: bool = True) -> None:
        """Keep these weights as the best of the stage; the next checkpoint refers to them.

        Of several processes one writes, and all of them know the file.
        """
        progress.best_file = f"best-{progress.stage:03d}-{progress.step:09d}.safetensors"
        if write:
            save_weights(assembly, self.folder / progress.best_file)

    def load_best(self, progress: Progress, assembly: Assembly) -> None:
        """Put back the weights of the stage's best validation."""
        if progress.best_file is not None:
            load_weights(assembly, self.folder / progress.best_file)

    def latest(self) -> Path | None:
        """The newest whole checkpoint, or None."""
        if not self.folder.is_dir():
            return None
        whole = [entry for entry in self.folder.iterdir() if entry.is_dir() and entry.suffix != ".partial"]
        return max(whole, key=lambda entry: entry.name, default=None)

    def load(self, checkpoint: Path, assembly: Assembly) -> tuple[Progress, Saved]:
        """Put back the weights; how far the run had come, and what else was saved. Raises RunError."""
        load_weights(assembly, checkpoint / "weights.safetensors")
        try:
            read = json.loads((checkpoint / "progress.json").read_text(encoding="utf-8"))
            progress = Progress(**{**read, "clock": Clock(**read["clock"])})
            average = checkpoint / "average.safetensors"
            averages = load_file(average) if average.is_file() else {}
            return progress, Saved(load_file(checkpoint / "optimiser.safetensors"), averages)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError(f"the checkpoint cannot be read: {error}", where=str(checkpoint)) from error

    def clear(self) -> None:
        """Drop everything: training has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _flush(folder: Path) -> None:
    # A rename may reach the disk before the files that it names; after a power cut the checkpoint would be empty.
    for file in folder.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
