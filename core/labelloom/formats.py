"""The formats of data: the core's own, and what a bundle says about one of its.

A bundle's is a frozen record that names the function which reads it by string.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from labelloom.components import API, NAME, TARGET
from labelloom.errors import BundleError

FORMS = {
    "jsonl": ((".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz"), "JSON lines: one object a line"),
    "json": ((".json", ".json.gz"), "One list of objects, or JSON lines under another name"),
    "csv": ((".csv", ".csv.gz"), "Rows with commas between the cells, below a header"),
    "tsv": ((".tsv", ".tsv.gz"), "Rows with tabs between the cells, below a header"),
    "parquet": ((".parquet",), "Columns with types"),
}
"""The formats that labelloom reads by itself, documents with named fields or columns: suffixes and a summary."""

FIELDS = ("text", "labels", "label_separator", "label_names", "label_descriptions", "id", "delimiter", "quotes")
"""The keys of `[data]` about fields and columns."""


@dataclass(frozen=True)
class DataFormat:
    """The record of one format in which data circulates.

    Args:
        name: `bundle/format`, what `data.format` says in a spec.
        target: `module:function`. It takes the path of a file or folder (pathlib) and `DataSettings`, and answers a
            `labelloom.data.records.Source`, or None where what it finds there is not its own. A DataError refuses what
            is its own and wrong; it ends the reading only if nothing else reads what is there.
        files: patterns of file names that tell the format, `"reut2-*.sgm"`. A folder must hold a file for each of
            them, alternatives stand in one: `"trn.json | trn.json.gz"`. Without any it is asked about everything.
        settings: the keys of `[data]` about fields and columns that it uses: `{"text"}`; others are refused.
        summary: one line for people.
        api: the contract it was written for.
    """

    name: str
    target: str
    files: tuple[str, ...] = ()
    settings: frozenset[str] = frozenset()
    summary: str = ""
    api: int = API

    @property
    def bundle(self) -> str:
        """The owner: the part of the name before the slash."""
        return self.name.partition("/")[0]

    def validate_names(self) -> None:
        """Check the name, the target, the patterns and the settings. Raises BundleError."""
        where = f"format {self.name or '?'}"
        if not NAME.fullmatch(self.name):
            example = '"mybundle/minutes"'
            message = f"the name {self.name!r} is not bundle/format in lower case"
        elif not TARGET.fullmatch(self.target):
            example = '"labelloom_mybundle.minutes:minutes"'
            message = f"target {self.target!r} is not module:function"
        elif isinstance(self.files, str):
            message, example = "files is a string", f'files=("{self.files}",)'
        elif isinstance(self.settings, str):
            message, example = "settings is a string", f'settings={{"{self.settings}"}}'
        elif unknown := sorted(set(self.settings) - set(FIELDS)):
            close = get_close_matches(unknown[0], FIELDS, n=1)
            message, example = f"settings has the unknown key {unknown[0]!r}", (close or [", ".join(FIELDS)])[0]
        else:
            return
        raise BundleError(message, where=where, suggestions=[example])

    def told_by(self, names: Iterable[str]) -> bool:
        """Whether files of these names are what the patterns say."""
        there = list(names)
        return all(
            any(fnmatchcase(name, pattern.strip()) for pattern in each.split("|") for name in there)
            for each in self.files
        )
