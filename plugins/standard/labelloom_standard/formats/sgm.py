"""The form of SGM (Yang et al. 2018), in which AAPD circulates: `text_train` and `label_train`, a document a line.

    text_train    the texts
    label_train   their labels, with spaces between them

and the same with `val` and `test`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import zip_longest
from pathlib import Path

from labelloom.data.lines import read_lines
from labelloom.data.records import Record, Source
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings
from labelloom_standard.formats.making import made_source, own_labels, split_files


def sgm(folder: Path, settings: DataSettings) -> Source | None:
    """The source for a folder with `text_train` and `label_train`. Raises DataError for one without the other."""
    if not folder.is_dir():
        return None
    texts = _files(folder, "text")
    labels = _files(folder, "label")
    if "train" not in texts or "train" not in labels:
        return None
    for split in texts.keys() ^ labels.keys():
        has, lacks = ("texts", "labels") if split in texts else ("labels", "texts")
        raise DataError(f"the {split} split has {has} and no {lacks}", where=str(folder))
    reads = {split: {path: partial(_records, path, labels[split])} for split, path in texts.items()}
    return made_source(folder, reads, own_labels(folder, settings), beside=labels.values())


def _files(folder: Path, what: str) -> dict[str, Path]:
    return split_files(folder, lambda word: [f"{what}_{word}", f"{what}_{word}.txt"])


def _records(texts: Path, labels: Path) -> Iterator[Record | Problem]:
    for text, label in zip_longest(read_lines(texts), read_lines(labels)):
        if isinstance(text, Problem) or isinstance(label, Problem):
            yield from (each for each in (text, label) if isinstance(each, Problem))
        elif text is None or label is None:
            longer, shorter, line = (texts, labels, text) if label is None else (labels, texts, label)
            if line.text.strip():
                message = f"{shorter.name} ends before this line; expected a line of labels for each line of text"
                yield Problem(f"{longer}:{line.number}", message, ("take both files from one release",))
                return
        elif text.text.strip() or label.text.strip():
            yield Record(text.number, text.text.strip(), label.text.split())
