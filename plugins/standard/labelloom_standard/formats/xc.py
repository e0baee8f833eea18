"""The text form of the Extreme Classification Repository (Bhatia et al. 2016): `trn.json` and `tst.json`.

    {"uid": "0001", "title": "a title", "content": "a text", "target_ind": [3, 17], "target_rel": [1.0, 1.0]}

`target_ind` are numbers of labels, from 0: the lines of `lbl.json`, {"uid": …, "title": …} each, or of `Yf.txt`, a
name each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from labelloom.data.jsonl import jsonl_items
from labelloom.data.label_files import LabelFile, named_label_file
from labelloom.data.lines import all_lines, first_line
from labelloom.data.records import Record, Source, kind_of
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings, as_list
from labelloom_standard.formats.making import made_source

_FILES = {"train": "trn.json", "test": "tst.json"}
_FIELDS = ["title", "content"]


def xc(folder: Path, settings: DataSettings) -> Source | None:
    """The source for a folder with `trn.json`, whose text is title and content, or the one that `data.text` names.

    A label's code is its `uid` in `lbl.json`, or else its number. Raises DataError without a file that names labels.
    """
    files = {split: path for split, name in _FILES.items() if (path := _plain_or_packed(folder, name))}
    if "train" not in files or not _is_own(first_line(files["train"])):
        return None
    fields = _FIELDS if settings.text == "text" else as_list(settings.text)
    if not set(fields) <= set(_FIELDS):
        raise DataError(f"the texts are title and content; there is no {fields!r}", where="data.text")
    labels = named_label_file(settings, folder) or label_list(folder)
    if labels is None:
        raise DataError(
            "there is no lbl.json and no Yf.txt, so nothing says what the numbers of the labels mean",
            where=str(folder),
            suggestions=["the files of the release", 'label_file = "…" under [data], a label a line'],
        )
    codes = list(labels.names)
    reads = {split: {path: partial(_records, path, fields, codes)} for split, path in files.items()}
    return made_source(folder, reads, labels)


def _plain_or_packed(folder: Path, name: str) -> Path | None:
    return next((path for end in ("", ".gz") if (path := folder / f"{name}{end}").is_file()), None)


def _is_own(line: str) -> bool:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and "target_ind" in fields


def label_list(folder: Path) -> LabelFile | None:
    """The labels in `lbl.json` or `Yf.txt`, in the order of their numbers; None where neither is there."""
    path = _plain_or_packed(folder, "lbl.json")
    if path:
        names: dict[str, str] = {}
        for item in jsonl_items(path):
            if isinstance(item, Problem):
                raise DataError.from_problems([item])
            line, fields = item
            code = str(fields.get("uid", len(names)))
            if code in names:
                raise DataError(f"the label {code!r} is there twice", where=f"{path}:{line}")
            names[code] = str(fields.get("title") or "").strip() or code
        return LabelFile(str(path), names, {})
    path = _plain_or_packed(folder, "Yf.txt")
    if path is None:
        return None
    texts = [line.strip() for line in all_lines(path)]
    return LabelFile(str(path), {str(number): text or str(number) for number, text in enumerate(texts)}, {})


def _records(path: Path, fields: list[str], codes: list[str]) -> Iterator[Record | Problem]:
    for item in jsonl_items(path):
        if isinstance(item, Problem):
            yield item
            continue
        line, found = item
        where = f"{path}:{line}"
        texts = [found.get(name) or "" for name in fields]
        numbers = found.get("target_ind")
        odd = next((text for text in texts if not isinstance(text, str)), None)
        if odd is not None:
            yield Problem(where, f"title and content must be strings, not {kind_of(odd)}")
        elif not isinstance(numbers, list) or not all(type(number) is int for number in numbers):
            yield Problem(where, f"target_ind must be a list of numbers, not {kind_of(numbers)}")
        elif any(not 0 <= number < len(codes) for number in numbers):
            yield Problem(where, f"target_ind has {max(numbers, key=abs)}; the {len(codes)} labels count from 0")
        else:
            text = "\n".join(str(text).strip() for text in texts if str(text).strip())
            yield Record(line, text, [codes[number] for number in numbers], found.get("uid"))
