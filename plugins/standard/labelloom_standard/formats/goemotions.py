"""The form of GoEmotions (Demszky et al. 2020): `train.tsv`, `dev.tsv` and `test.tsv` without a header.

    the text<tab>2,14<tab>eebbqej

The second cell has the numbers of the emotions, from 0, in the order of the lines of `emotions.txt`; the third is
the comment's id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from labelloom.data.label_files import LabelFile, read_label_file
from labelloom.data.lines import first_line, read_lines
from labelloom.data.records import Record, Source
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings
from labelloom_standard.formats.making import made_source, own_labels, split_files

_NUMBERS = re.compile(r"\d+(,\d+)*")
_EMOTIONS = "emotions.txt"


def goemotions(folder: Path, settings: DataSettings) -> Source | None:
    """The source for a folder whose `train.tsv` has a text, numbers and an id a line.

    Raises DataError without `emotions.txt` or another file that names the labels.
    """
    files = split_files(folder, lambda word: [f"{word}.tsv"]) if folder.is_dir() else {}
    cells = first_line(files["train"]).rsplit("\t", 2) if "train" in files else []
    if len(cells) != 3 or not _NUMBERS.fullmatch(cells[1]):
        return None
    labels = _labels(folder, settings)
    codes = list(labels.names)
    reads = {split: {path: partial(_records, path, codes)} for split, path in files.items()}
    return made_source(folder, reads, labels)


def _labels(folder: Path, settings: DataSettings) -> LabelFile:
    labels = own_labels(folder, settings)
    if labels is None and (folder / _EMOTIONS).is_file():
        labels = read_label_file(folder / _EMOTIONS)
    if labels is None:
        raise DataError(
            f"there is no {_EMOTIONS}, so nothing says what the numbers of the labels mean",
            where=str(folder),
            suggestions=[f"the file {_EMOTIONS} of the release", 'label_file = "…" under [data], a label a line'],
        )
    return labels


def _records(path: Path, codes: list[str]) -> Iterator[Record | Problem]:
    for line in read_lines(path):
        if isinstance(line, Problem):
            yield line
            continue
        if not line.text.strip():
            continue
        where, cells = f"{path}:{line.number}", line.text.rstrip("\r\n").rsplit("\t", 2)
        if len(cells) != 3 or not _NUMBERS.fullmatch(cells[1]):
            yield Problem(
                where, f"expected a text, numbers with commas and an id between tabs, not {line.text.rstrip()[:40]!r}"
            )
            continue
        numbers = [int(number) for number in cells[1].split(",")]
        wrong = next((number for number in numbers if number >= len(codes)), None)
        if wrong is None:
            yield Record(line.number, cells[0].strip(), [codes[number] for number in numbers], cells[2].strip())
        else:
            yield Problem(where, f"there is no label {wrong}; the {len(codes)} labels have the numbers from 0")
