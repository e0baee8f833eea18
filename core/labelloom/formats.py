"""The formats of data: the core's own, and what a bundle says about one of its.

A bundle's is a frozen record that names the function which reads it by string.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar

from labelloom.readers import DataReader

FORMS = {
    "jsonl": ((".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"), "JSON lines: one object a line"),
    "json": ((".json", ".json.gz"), "One list of objects, or JSON lines under another name"),
    "csv": ((".csv", ".csv.gz"), "Rows with commas between the cells, below a header"),
    "tsv": ((".tsv", ".tsv.gz"), "Rows with tabs between the cells, below a header"),
    "parquet": ((".parquet",), "Columns with types"),
}
"""The formats that labelloom reads by itself, documents with named fields or columns: suffixes and a summary."""


@dataclass(frozen=True, kw_only=True)
class DataFormat(DataReader):
    """The record of one format in which data circulates.

    Args:
        name: `bundle/format`, what `data.format` says in a spec.
        target: `module:function`. It takes the path of a file or folder (pathlib), `DataSettings` and, with a `config`,
            its options, and answers a `labelloom.data.records.Source`, or None where what it finds there is not its
            own. A DataError refuses what is its own and wrong; it ends the reading only if nothing else reads what is
            there.
        files: patterns of file names that tell the format, `"reut2-*.sgm"`. A folder must hold a file for each of
            them, alternatives stand in one: `"trn.json | trn.json.gz"`. Without any it is asked about everything.
        settings: the keys of `[data]` about fields and columns that it uses: `{"text"}`; others are refused.
        config: `module:Class` of its own options, which a spec writes into `[data]` where it names the format. Where
            the files tell it they have their defaults; a format with an option that is required must be named.
        summary: one line for people.
        api: the contract it was written for.
    """

    what: ClassVar[str] = "format"
    example: ClassVar[str] = "labelloom_mybundle.minutes:minutes"

    files: tuple[str, ...] = ()

    def validate_names(self) -> None:
        """Check what every reader must have, and the patterns. Raises BundleError."""
        super().validate_names()
        if isinstance(self.files, str):
            raise self.wrong("files is a string", f'files=("{self.files}",)')
        if not isinstance(self.files, tuple | list) or not all(isinstance(pattern, str) for pattern in self.files):
            raise self.wrong(f"files is {self.files!r}, not a tuple of patterns", 'files=("*.minutes",)')

    def told_by(self, names: Iterable[str]) -> bool:
        """Whether files of these names are what the patterns say."""
        there = list(names)
        return all(
            any(fnmatchcase(name, pattern.strip()) for pattern in each.split("|") for name in there)
            for each in self.files
        )
