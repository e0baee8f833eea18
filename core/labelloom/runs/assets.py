"""Saving what components prepared: JSON values, arrays and files, and reading it back without corpus or hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from labelloom.errors import BundleError
from labelloom.interfaces import Assets, Files


def save_assets(assets: Mapping[str, Assets], folder: Path) -> None:
    """Write the assets of every part below `folder`: values.json, arrays.safetensors, files/<path>/<name>/.

    The folder is filled beside and renamed; one that is there is replaced. Raises BundleError for a value that none
    of these can hold.
    """
    beside = folder.with_name(folder.name + ".partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    values: dict[str, dict[str, Any]] = {}
    arrays: dict[str, np.ndarray] = {}
    for path, made in assets.items():
        values[path] = {}
        for name, value in made.items():
            if isinstance(value, np.ndarray):
                arrays[f"{path}|{name}"] = np.asarray(value, order="C")
            elif isinstance(value, Files):
                _copy(value, beside / "files" / path / name)
                values[path][name] = {"files": list(value.names)}
            else:
                values[path][name] = {"value": value}
    try:
        (beside / "values.json").write_text(json.dumps(values, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    except (TypeError, ValueError) as error:
        raise BundleError(f"a component prepared something that JSON cannot hold: {error}") from error
    try:
        save_file(arrays, str(beside / "arrays.safetensors"))
    except SafetensorError as error:
        kinds = ", ".join(sorted({str(array.dtype) for array in arrays.values()}))
        raise BundleError(f"a component prepared an array of a type that cannot be saved ({kinds})") from error
    shutil.rmtree(folder, ignore_errors=True)
    beside.replace(folder)


def load_assets(folder: Path) -> dict[str, Assets]:
    """The assets by path that `save_assets` wrote."""
    values = json.loads((folder / "values.json").read_text(encoding="utf-8"))
    assets: dict[str, dict[str, Any]] = {path: {} for path in values}
    for path, made in values.items():
        for name, entry in made.items():
            if "files" in entry:
                assets[path][name] = Files(folder / "files" / path / name, tuple(entry["files"]))
            else:
                assets[path][name] = entry["value"]
    for key, array in load_file(str(folder / "arrays.safetensors")).items():
        path, _, name = key.rpartition("|")
        assets[path][name] = array
    return dict(assets)


def _copy(files: Files, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in files.names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files.root / name, target)
