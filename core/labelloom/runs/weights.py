"""The weights of a network as safetensors."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_model, save_model

from labelloom.compose.model import Assembly
from labelloom.errors import RunError
from labelloom.runs.folder import replace_file


def save_weights(assembly: Assembly, path: Path) -> None:
    """Every weight as safetensors; tied ones once."""
    replace_file(path, lambda beside: save_model(assembly, str(beside)))


def load_weights(assembly: Assembly, path: Path) -> None:
    """Every weight of `assembly` from `path`. Raises RunError when the file does not fit."""
    try:
        load_model(assembly, str(path), device=str(next(assembly.parameters()).device))
    except (RuntimeError, SafetensorError, OSError) as error:
        raise RunError(
            f"the weights do not fit the run's spec: {error}",
            where=str(path),
            suggestions=["use the versions of labelloom and its bundles that saved the run"],
        ) from error
