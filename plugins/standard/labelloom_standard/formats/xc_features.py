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
from itertools import islice
from pathlib import Path

from labelloom.data.label_files import LabelFile, named_label_file
from labelloom.data.lines import Line, all_lines, read_lines
from labelloom.data.records import Record, Source
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings
from labelloom.wording import counted
from labelloom_standard.formats.making import made_source
from labelloom_standard.formats.xc import label_list

_HEADER = re.compile(r"(\d+) (\d+) (\d+)\s*")
_PAIR = re.compile(r"(^|\s)\d+:\S")
_LOOKED_AT = 20
"""Lines in which a feature and its value are looked for."""
_VOCABULARY = "Xf.txt"
_MOST = 1000
"""Times that one word is repeated in a text, whatever its value."""


def xc_features(folder: Path, settings: DataSettings) -> Source | None:
    """The source for a folder with `train.txt` in the sparse form and the vocabulary `Xf.txt`.

    Raises DataError without the vocabulary, or where it or the labels do not fit the header.
    """
    files = {split: path for split in ("train", "test") if (path := _file(folder, split))}
    header = _own_header(files["train"]) if "train" in files else None
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
    words = [line.strip() for line in all_lines(vocabulary)]
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


def _own_header(path: Path) -> re.Match[str] | None:
    """The header of a file in this form. Three numbers are not enough: one of the next lines has feature:value."""
    lines = [line.text for line in islice(read_lines(path), 1 + _LOOKED_AT) if isinstance(line, Line)]
    return _HEADER.fullmatch(lines[0]) if any(map(_PAIR.search, lines[1:])) else None


def _records(path: Path, words: list[str], codes: list[str]) -> Iterator[Record | Problem]:
    header: re.Match[str] | None = None
    found, below = 0, -1
    for line in read_lines(path):
        below += 1
        if isinstance(line, Problem):
            yield line
        elif line.number == 1:
            header = _HEADER.fullmatch(line.text)
            if header is None:
                expected = "expected a header, the numbers of documents, features and labels"
                yield Problem(f"{path}:1", f"{expected}, not {line.text.rstrip()[:40]!r}")
                return
        elif line.text.strip():
            found += 1
            yield _record(line, path, words, codes)
    # A blank line may be a document without labels and words, or nothing.
    if header and not found <= int(header[1]) <= below:
        said, there = counted(int(header[1]), "document"), counted(found, "document")
        message = f"the header says {said}, and the file has {there}: it is cut off or broken"
        yield Problem(f"{path}:1", message, ("copy or download it again",))


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
