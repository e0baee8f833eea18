"""The forms of files that labelloom reads by itself, and the source that such files make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from labelloom.data.cache import digest_of, file_digest
from labelloom.data.delimited import csv_columns, read_csv, read_tsv, tsv_columns
from labelloom.data.fields import label_fields
from labelloom.data.jsonl import json_fields, json_items, jsonl_items, read_json, read_jsonl
from labelloom.data.label_files import LABELS_FILE, read_label_file
from labelloom.data.lines import unpacked_name
from labelloom.data.parquet import parquet_columns, read_parquet
from labelloom.data.records import Record, Source, SourcePart, SourceSplit
from labelloom.errors import DataError, Problem
from labelloom.formats import FORMS
from labelloom.spec.data import DataSettings


class Form(NamedTuple):
    """A form of files: the suffixes that tell it, what reads the records, and what reads the names of the fields."""

    name: str
    read: Callable[[Path, DataSettings], Iterator[Record | Problem]]
    columns: Callable[[Path, DataSettings], list[str]]

    @property
    def suffixes(self) -> tuple[str, ...]:
        return FORMS[self.name][0]


_FORMS = (
    Form("jsonl", read_jsonl, lambda path, _: json_fields(jsonl_items(path))),
    Form("json", read_json, lambda path, _: json_fields(json_items(path))),
    Form("csv", read_csv, csv_columns),
    Form("tsv", read_tsv, tsv_columns),
    Form("parquet", read_parquet, parquet_columns),
)


def form_of(path: Path, named: str | None) -> Form | None:
    """The form that `named` names, or else the one that the file's suffix tells; None where neither does."""
    for form in _FORMS:
        if form.name == named or (named is None and path.name.lower().endswith(form.suffixes)):
            return form
    return None


def stem_of(path: Path) -> str:
    """The file's name without what tells its form."""
    return unpacked_name(path).rpartition(".")[0] or path.name


def form_source(
    name: str,
    splits: Mapping[str, list[tuple[Path, Form]]],
    settings: DataSettings,
    folder: Path | None,
    notes: Iterable[str] = (),
) -> Source:
    """The source that these files make, with the labels that `labels.json` in `folder` or one-hot columns name.

    Raises DataError when a file cannot be read, one-hot columns differ between files, or a key means nothing to any.
    """
    _refuse_what_is_ignored(splits, settings)
    contents = {split: [(form.name, file_digest(path)) for path, form in files] for split, files in splits.items()}
    labels = folder / LABELS_FILE if folder else None
    names: dict[str, str] | None = None
    descriptions: dict[str, str] = {}
    place = ""
    if isinstance(settings.labels, list):
        names, place = _one_hot(splits, settings)
    elif labels and labels.is_file() and not (settings.label_names or settings.label_descriptions):
        named = read_label_file(labels)
        names, descriptions, place = named.names, named.descriptions, named.place
    return Source(
        name,
        tuple(
            SourceSplit(split, tuple(SourcePart(str(path), partial(form.read, path, settings)) for path, form in files))
            for split, files in splits.items()
        ),
        digest_of(contents, None if names is None else list(names.items()), descriptions),
        names,
        place,
        tuple(notes),
        descriptions,
        ", ".join(dict.fromkeys(form.name for files in splits.values() for _, form in files)),
    )


def _refuse_what_is_ignored(splits: Mapping[str, list[tuple[Path, Form]]], settings: DataSettings) -> None:
    """Raises DataError for keys about the cells of text files where no file is one."""
    files = {path.name: form.name for files in splits.values() for path, form in files}
    for key, meant, forms in (
        ("delimiter", settings.delimiter is not None, ["csv"]),
        ("quotes", not settings.quotes, ["csv", "tsv"]),
    ):
        if meant and not set(forms) & set(files.values()):
            expected = " or ".join(form.upper() for form in forms)
            raise DataError(
                f"no file here is {expected}, so {key} means nothing: {', '.join([*files][:5])}",
                where=f"data.{key}",
                suggestions=["leave it out"],
            )


def _one_hot(
    splits: Mapping[str, list[tuple[Path, Form]]], settings: DataSettings
) -> tuple[dict[str, str] | None, str]:
    """The one-hot columns, which are the labels, and the file that has them: every file must have the same."""
    found: dict[Path, tuple[str, ...]] = {}
    for path, form in (each for files in splits.values() for each in files):
        columns = label_fields(form.columns(path, settings), settings)
        if columns:
            found[path] = columns
    if not found:
        return None, ""  # reading says what is wrong
    first, *others = found
    for other in others:
        odd = sorted(set(found[first]) ^ set(found[other]))
        if odd:
            has, lacks = (first, other) if odd[0] in found[first] else (other, first)
            raise DataError(
                f"{lacks.name} lacks the one-hot column {odd[0]!r} that {has.name} has",
                where=str(lacks),
                suggestions=["the same columns in every file", "labels with fewer columns under [data] in the spec"],
            )
    return {column: column for column in found[first]}, f"the columns of {first}"
