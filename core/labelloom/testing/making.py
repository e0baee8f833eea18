"""Small things that tests of components make again and again: label spaces, batches, targets, what is installed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch

from labelloom.bundles import Catalogue
from labelloom.data.label_sets import LabelSets
from labelloom.data.labels import LabelSpace
from labelloom.interfaces import Batch, Encoder, States, Targets


def label_space(count: int) -> LabelSpace:
    """`count` labels whose names are their codes."""
    codes = tuple(f"label {place}" for place in range(count))
    return LabelSpace(codes, codes)


def every_row(
    count: int, labels: int, inputs: Mapping[str, Any] | None = None, ids: Any = None, **fields: Any
) -> Batch:
    """A batch of the first `count` rows of a split over `labels` labels, each an anchor.

    All labels are under consideration, or those of `ids` (1 or count, C). `fields` are others of `Batch`, or in place
    of its own.
    """
    label_ids = torch.arange(labels)[None] if ids is None else torch.as_tensor(ids)
    made = {
        "inputs": inputs or {},
        "rows": torch.arange(count),
        "copies": torch.zeros(count, dtype=torch.int64),
        "label_ids": label_ids,
        "label_count": labels,
        "label_mask": torch.ones_like(label_ids, dtype=torch.bool),
        "is_anchor": torch.ones(count, dtype=torch.bool),
        "every_label": ids is None,
    }
    return Batch(**{**made, **fields})


def targets_of(carried: Sequence[Sequence[int]], labels: int) -> Targets:
    """The targets of documents that carry these labels."""
    sets = LabelSets.from_lists(carried, labels)
    return Targets(torch.from_numpy(sets.offsets), torch.from_numpy(sets.values), labels)


def read_texts(encoder: Encoder, texts: Sequence[str], labels: int, **fields: Any) -> States:
    """What an encoder makes of texts, in one batch of `every_row`."""
    columns = encoder.reader.tokenize(texts)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(len(texts))]
    return cast(States, encoder(States(), every_row(len(texts), labels, encoder.reader.collate(rows), **fields)))


def installed(site: Path, *projects: Path) -> Catalogue:
    """The catalogue of a path `site` on which the bundles of these projects are installed, and no others.

    A project is a folder with a pyproject.toml, whose entry points are read; its package must be one that can be
    imported.
    """
    for folder in projects:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir(parents=True)
        points = project["entry-points"]["labelloom.bundles"]
        lines = ["[labelloom.bundles]", *(f"{name} = {value}" for name, value in points.items())]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    return Catalogue([str(site)])
