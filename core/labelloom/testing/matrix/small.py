"""Small sizes for the parts of a spec, so that a model of them trains in a moment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labelloom.bundles import Catalogue
from labelloom.testing.matrix.parts import Table
from labelloom.testing.options import config_of

_LARGE, _SMALL = 64, 16
_DROPOUT = 0.1


def small(spec: Table, catalogue: Catalogue, source: Path, pretrained: Path) -> Table:
    """`spec` on the data in `source`, with the model in `pretrained` for every pretrained one and with small widths.

    A number is made small that nobody said, whose default is large and that is no limit (`max_...`);
    a dropout that nobody said is not none.
    """
    made = {key: _small(value, catalogue, pretrained) for key, value in spec.items()}
    return {**made, "data": {"source": str(source)}}


def _small(value: Any, catalogue: Catalogue, pretrained: Path) -> Any:
    if isinstance(value, list):
        return [_small(item, catalogue, pretrained) for item in value]
    if not isinstance(value, Mapping):
        return value
    table = {key: _small(item, catalogue, pretrained) for key, item in value.items()}
    if isinstance(value.get("use"), str):
        fields = config_of(catalogue.component(value["use"])).model_fields
        for name, info in fields.items():
            large = type(info.default) is int and info.default >= _LARGE
            if large and name not in table and not name.startswith("max_"):
                table[name] = _SMALL
        # Contrast refuses two passes that are equal, as those of an encoder are in which nothing drops out.
        for name, info in fields.items():
            if name.endswith("dropout") and info.default == 0 and name not in table:
                table[name] = _DROPOUT
        if "pretrained" in fields:
            table["pretrained"] = str(pretrained)
            if "max_length" in fields:
                table["max_length"] = _LARGE
    return table
