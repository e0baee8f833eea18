"""The form of RMSC (Zhao et al. 2018): albums with their music styles and short comments, in JSON.

    {"name": "…", "tags": ["Jazz", "Piano"], "all_short_comments": [{"comment": "…", …}, …], …}

Either one file an album, or a list of albums for each split: `rmsc.data.train.json`, `rmsc.data.valid.json`,
`rmsc.data.test.json`. A text is the comments of an album, a line each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from labelloom.data.jsonl import json_items
from labelloom.data.label_files import label_files_in
from labelloom.data.lines import DAMAGED, first_line, opened, read_text
from labelloom.data.records import SPLIT_NAMES, Record, Source, kind_of
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings
from labelloom_standard.formats.making import made_source, own_labels

_SPLIT = re.compile(r"(?:.*[._-])?(train|validation|valid|val|dev|test)\.json(?:\.gz)?")
_TRAIN = "rmsc.data.train.json"
_KEY = b'"all_short_comments"'
_LOOKED_AT = 1 << 18
_ASKED = 3
"""Files that are looked into: one may be an empty list."""


def rmsc(folder: Path, settings: DataSettings) -> Source | None:
    """The source for a folder of albums. Files without a split in their names are all of the training split."""
    if not folder.is_dir():
        return None
    labels = label_files_in(folder, settings)
    paths = [path for path in sorted(folder.iterdir()) if path.name.endswith((".json", ".json.gz"))]
    paths = [path for path in paths if path.resolve() not in labels]
    if not any(map(_is_own, paths[:_ASKED])):
        return None
    lists: dict[str, Path] = {}
    for path in paths:
        told = _SPLIT.fullmatch(path.name)
        if told:
            split = next(split for split, names in SPLIT_NAMES.items() if told[1] in names)
            if split in lists:
                both = f"{lists[split].name} and {path.name}"
                raise DataError(f"{both} are both the {split} split; keep one of them", where=str(folder))
            lists[split] = path
    if "train" in lists:
        reads = {split: {lists[split]: partial(_listed, lists[split])} for split in SPLIT_NAMES if split in lists}
    elif any(first_line(path).lstrip().startswith("[") for path in lists.values()):
        found = ", ".join(path.name for path in lists.values())
        remedy = f"a file {_TRAIN} in the folder"
        raise DataError(f"no training split; found {found}", where=str(folder), suggestions=[remedy])
    else:
        reads = {"train": {path: partial(_album, path) for path in paths}}
    return made_source(folder, reads, own_labels(folder, settings))


def _is_own(path: Path) -> bool:
    try:
        with opened(path) as stream:
            return _KEY in stream.read(_LOOKED_AT)
    except (OSError, *DAMAGED):
        return False


def _listed(path: Path) -> Iterator[Record | Problem]:
    for item in json_items(path):
        yield item if isinstance(item, Problem) else _record(item[1], path, item[0], None)


def _album(path: Path) -> Iterator[Record | Problem]:
    try:
        fields = json.loads(read_text(path))
    except DataError as error:
        yield from error.problems
    except (ValueError, RecursionError) as error:
        yield Problem(str(path), f"broken JSON: {error}")
    else:
        if isinstance(fields, dict):
            yield _record(fields, path, 1, path.name.removesuffix(".gz").removesuffix(".json"))
        else:
            yield Problem(str(path), f"expected one album, an object, not {kind_of(fields)}")


def _record(fields: Mapping[str, object], path: Path, line: int, name: str | None) -> Record | Problem:
    comments = fields.get("all_short_comments")
    if not isinstance(comments, list) or "tags" not in fields:
        return Problem(f"{path}:{line}", "expected an album with tags and a list all_short_comments")
    texts = [comment.get("comment") if isinstance(comment, dict) else comment for comment in comments]
    odd = next((text for text in texts if not isinstance(text, str)), "")
    if not isinstance(odd, str):
        return Problem(f"{path}:{line}", f"a comment must be a string, not {kind_of(odd)}")
    text = "\n".join(" ".join(text.split()) for text in texts if isinstance(text, str) and text.strip())
    return Record(line, text, fields["tags"], name)
