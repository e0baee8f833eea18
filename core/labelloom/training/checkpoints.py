"""Checkpoints: everything that a stage needs to go on, in folders that are whole or not there.

The random numbers of a step follow from seed, stage and step, so a checkpoint is weights, the optimiser's state and
a little JSON; nothing of a random generator is in it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from labelloom.compose.model import Assembly
from labelloom.errors import RunError
from labelloom.runs.folder import load_weights, save_weights


@dataclass
class Progress:
    """How far a run has come: `step` steps of stage number `stage` are done.

    `best_value` is that of the best validation of this stage so far, `best_file` holds its weights;
    `waited` counts the validations since. `history` is how many bytes of the history are before this point,
    `seconds` how long the run took so far, `corpus` the digest of what it trains on. `scaler` is the state of fp16's
    loss scaler.
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


class Checkpoints:
    """The checkpoints of one run, newest kept; the weights of the best validation lie beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, progress: Progress, assembly: Assembly, optimiser: Mapping[str, torch.Tensor]) -> None:
        """Write a checkpoint beside and rename it, then drop what it makes superfluous."""
        target = self.folder / f"{progress.stage:03d}-{progress.step:09d}"
        if target.is_dir():
            # Ctrl-C came at a step that had just been saved; writing it anew would leave a moment without any.
            return
        beside = target.with_name(target.name + ".partial")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        save_weights(assembly, beside / "weights.safetensors")
        save_file({name: value.contiguous() for name, value in optimiser.items()}, beside / "optimiser.safetensors")
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

    def load(self, checkpoint: Path, assembly: Assembly) -> tuple[Progress, dict[str, torch.Tensor]]:
        """Put back the weights; how far the run had come, and the optimiser's tensors. Raises RunError."""
        load_weights(assembly, checkpoint / "weights.safetensors")
        try:
            progress = Progress(**json.loads((checkpoint / "progress.json").read_text(encoding="utf-8")))
            return progress, load_file(checkpoint / "optimiser.safetensors")
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"the checkpoint cannot be read: {error}", where=str(checkpoint)) from error

    def clear(self) -> None:
        """Drop everything: training has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _flush(folder: Path) -> None:
    # A rename may reach the disk before the files that it names; after a power cut the checkpoint would be empty.
    for file in folder.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
