"""The form of hedwig (Adhikari et al. 2019): `train.tsv`, `dev.tsv` and `test.tsv` without a header.

    0100000001<tab>the text

The first cell has a sign for each label, in the order of the labels: 1 where the document has it. The files do not
say what the labels are called; `labels.json` beside them does, or `data.label_file`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from labelloom.data.label_files import LabelFile
from labelloom.data.lines import first_line, read_lines
from labelloom.data.records import Record, Source
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings
from labelloom_standard.formats.making import made_source, own_labels, split_files

_BITS = re.compile("[01]{2,}")


def hedwig(folder: Path, settings: DataSettings) -> Source | None:
    """The source for a folder whose `train.tsv` starts with a bit string. Labels without a name are numbers from 0.

    Raises DataError when there are more or fewer names than signs.
    """
    files = split_files(folder, lambda word: [f"{word}.tsv"]) if folder.is_dir() else {}
    bits, tab, _ = first_line(files["train"]).partition("\t") if "train" in files else ("", "", "")
    if not tab or not _BITS.fullmatch(bits):
        return None
    numbers = [str(number) for number in range(len(bits))]
    labels = own_labels(folder, settings) or LabelFile(
        str(files["train"]), dict(zip(numbers, numbers, strict=True)), {}
    )
    if len(labels.names) != len(bits):
        raise DataError(
            f"names {len(labels.names)} labels, but {files['train'].name} has {len(bits)} signs a document",
            where=labels.place,
            suggestions=["one label for each sign, in their order"],
        )
    codes = list(labels.names)
    reads = {split: {path: partial(_records, path, codes)} for split, path in files.items()}
    return made_source(folder, reads, labels)


def _records(path: Path, codes: list[str]) -> Iterator[Record | Problem]:
    for line in read_lines(path):
        if isinstance(line, Problem):
            yield line
            continue
        if not line.text.strip():
            continue
        bits, tab, text = line.text.partition("\t")
        if not tab or set(bits) - {"0", "1"}:
            yield Problem(
                f"{path}:{line.number}", f"expected a bit string, a tab and a text, not {line.text.rstrip()[:40]!r}"
            )
        elif len(bits) != len(codes):
            message = f"the bit string has {len(bits)} signs; expected {len(codes)}, one a label"
            yield Problem(f"{path}:{line.number}", message)
        else:
            labels = [code for bit, code in zip(bits, codes, strict=True) if bit == "1"]
            yield Record(line.number, text.strip(), labels)
