"""TOML blocks, read as the program reads them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from labelloom.bundles import Catalogue
from labelloom.compose.check import check
from labelloom.data.options import named_reader, read_options
from labelloom.errors import SpecError, UnknownNameError
from labelloom.registry import Registry
from labelloom.spec import Spec, read_spec, validate_spec
from labelloom.spec.merging import merge

from .pages import Block

_ELSEWHERE = {"project", "build-system", "tool"}
_BASE: dict[str, Any] = {
    "name": "base",
    "data": {"source": "arxiv-mini"},
    "model": {"encoder": {"use": "standard/bilstm"}, "predictor": {"use": "standard/linear"}},
    "tasks": [{"use": "standard/bce"}],
}
"""What a fragment of a spec is a fragment of."""


def check_toml(block: Block, folder: Path) -> None:
    """A whole spec is read, and checked if its bundles are installed here; of a fragment the keys are checked."""
    raw = tomllib.loads(block.text)
    if "bundles" in raw:
        Registry.model_validate(raw)
    elif block.said("refused") is not None:
        with pytest.raises(SpecError):
            _read(raw, block, folder)
    elif not _ELSEWHERE & raw.keys():
        _read(raw, block, folder)


def _read(raw: dict[str, Any], block: Block, folder: Path) -> None:
    catalogue = Catalogue()
    if not {"name", "extends"} & raw.keys():
        base = dict(_BASE)
        if "stages" in raw:
            del base["tasks"]
        if "branches" in raw.get("model", {}):
            base["model"] = {"encoder": base["model"]["encoder"]}
        _check_data(validate_spec(merge(base, raw), folder), catalogue)
        return
    spec, place = read_spec(folder / block.file if block.file else raw, (), {**catalogue.specs(), **_written(folder)})
    named = {name for name in re.findall(r'use = "([\w-]+)/', block.text) if not name.startswith(".")}
    if named <= {bundle.name for bundle in catalogue.bundles}:
        _check_data(spec, catalogue)
        check(spec, place, catalogue, allow_local_code=True)


def _check_data(spec: Spec, catalogue: Catalogue) -> None:
    """Check the options of who reads the data; what a page has written is installed elsewhere."""
    try:
        reader = named_reader(spec.data, catalogue)
    except UnknownNameError:
        return
    read_options(reader, spec.data, catalogue)


def _written(folder: Path) -> dict[str, Path]:
    """The specs of bundles that a page has written, by the names under which they run; they are installed elsewhere."""
    files = folder.glob("labelloom-*/labelloom_*/specs/*.toml")
    return {f"{file.parents[2].name.removeprefix('labelloom-')}/{file.stem}": file for file in files}
