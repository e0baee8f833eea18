"""The sparse form of the Extreme Classification Repository (Bhatia et al. 2016): labels and counts of words.

    3 5000 54             documents, features, labels
    0,7 12:1 44:2         labels, then feature:value
     3:0.5                a document without labels

There are no texts in it. With the vocabulary `Xf.txt`, a word a line, a text is made of the words of a document:
whole numbers are counts and repeat a word, other values do not. The order of the words is that of the vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from labelloom.data.label_files import LabelFile, named_label_file
from labelloom.data.lines import Line, first_line, read_lines
from labelloom.data.records import Record, Source
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings
from labelloom_standard.formats.making import made_source
from labelloom_standard.formats.xc import label_list

_HEADER = re.compile(r"(\d+) (\d+) (\d+)\s*")
_VOCABULARY = "Xf.txt"
_MOST = 1000
"""Times that one word is repeated in a text, whatever its value."""


def xc_features(folder: Path, settings: DataSettings) -> Source | None:
    """The source for a folder with `train.txt` in the sparse form and the vocabulary `Xf.txt`.

    Raises DataError without the vocabulary, or where it or the labels do not fit the header.
    """
    files = {split: path for split in ("train", "test") if (path := _file(folder, split))}
    header = _HEADER.fullmatch(first_line(files["train"])) if "train" in files else None
    if header is None:
        return None
    features, count = int(header[2]), int(header[3])
    vocabulary = folder / _VOCABULARY
    if not vocabulary.is_file():
        raise DataError(
            f"{files['train'].name} holds numbers of words and no texts, and there is no {_VOCABULARY} that says "
            "which words they are",
            where=str(folder),
            suggestions=["the text form of the data set: trn.json.gz, tst.json.gz, lbl.json.gz", f"the {_VOCABULARY}"],
        )
    words = [line.text.strip() for line in read_lines(vocabulary) if isinstance(line, Line)]
    labels = named_label_file(settings, folder) or label_list(folder)
    if labels is None:
        numbers = [str(number) for number in range(count)]
        labels = LabelFile(str(files["train"]), dict(zip(numbers, numbers, strict=True)), {})
    for what, found, wanted, place in (
        ("words", len(words), features, str(vocabulary)),
        ("labels", len(labels.names), count, labels.place),
    ):
        if found != wanted:
            raise DataError(f"has {found} {what}; the header of {files['train'].name} says {wanted}", where=place)
    codes = list(labels.names)
    reads = {split: {path: partial(_records, path, words, codes)} for split, path in files.items()}
    notes = [
        "texts are made of words and their counts, in the order of the vocabulary: what hangs on word order is lost"
    ]
    return made_source(folder, reads, labels, [vocabulary], notes)


def _file(folder: Path, split: str) -> Path | None:
    names = [f"{split}.txt", f"{split}.txt.gz", *(path.name for path in sorted(folder.glob(f"*_{split}.txt")))]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _records(path: Path, words: list[str], codes: list[str]) -> Iterator[Record | Problem]:
    for line in read_lines(path):
        if isinstance(line, Problem):
            yield line
        elif line.number > 1 and line.text.strip():
            yield _record(line, path, words, codes)


def _record(line: Line, path: Path, words: list[str], codes: list[str]) -> Record | Problem:
    first, _, rest = line.text.rstrip().partition(" ")
    if ":" in first:  # a document without labels need not start with a space
        first, rest = "", line.text
    try:
        labels = [codes[_place(number, len(codes))] for number in first.split(",") if number]
        pairs = [pair.partition(":") for pair in rest.split()]
        found = sorted((_place(number, len(words)), float(value)) for number, _, value in pairs)
    except ValueError as error:
        expected = "expected labels with commas, then feature:value pairs"
        return Problem(f"{path}:{line.number}", f"{expected}: {error}")
    return Record(line.number, " ".join(word for each in found for word in _repeated(words[each[0]], each[1])), labels)


def _place(text: str, count: int) -> int:
    number = int(text)
    if not 0 <= number < count:
        raise ValueError(f"{number} is not in [0, {count})")
    return number


def _repeated(word: str, value: float) -> list[str]:
    if value == 0:
        return []
    return [word] * (min(int(value), _MOST) if value > 0 and value.is_integer() else 1)
