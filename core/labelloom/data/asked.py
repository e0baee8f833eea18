"""What bundles read: the source or format that a spec names, or the formats that know the files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from labelloom.bundles import Catalogue
from labelloom.config import Config, written_out
from labelloom.data.cache import digest_of
from labelloom.data.folders import Files, split_files_in
from labelloom.data.options import default_options, read_options, unused_keys
from labelloom.data.records import Source
from labelloom.errors import BundleError, DataError, Problem
from labelloom.formats import DataFormat
from labelloom.readers import DataReader
from labelloom.spec.data import DataSettings


def named_source(record: DataFormat, path: Path, settings: DataSettings, catalogue: Catalogue) -> Source:
    """The source that the format `record`, which the spec names, reads in `path`.

    Raises BundleError for a broken one, and DataError when `path` is not in this format or a key of `[data]` means
    nothing to it.
    """
    source = answered(record, catalogue, read_options(record, settings, catalogue), path, settings)
    if source is None:
        files = f"; expected {' and '.join(record.files)}" if record.files else ""
        raise DataError(f"is not in the format {record.name}{files}", where=str(path), suggestions=[_found_in(path)])
    return source


def recognised_source(path: Path, settings: DataSettings, catalogue: Catalogue) -> tuple[Source | None, list[Problem]]:
    """The source of the one format that knows `path`, and what others say that were asked and do not read it.

    A format is asked if the names of the files tell it and the spec names no field or column that it would ignore; its
    options have their defaults. A format that refuses and a broken bundle are no reason not to read, since what is
    there may only resemble what they know. Raises DataError when two formats know it, or one and files that are a
    split by their names, and where a format refuses and there is nothing else to read.
    """
    names = [other.name for other in path.iterdir()] if path.is_dir() else [path.name]
    found: list[tuple[DataFormat, Source]] = []
    states = catalogue.states()
    broken = [
        Problem("", f"the bundle {name} is broken, so its formats were not asked")
        for name in dict.fromkeys(state.bundle.name for state in states if state.error)
    ]
    refused: list[Problem] = []
    for record in (record for state in states for record in state.records(DataFormat)):
        if not record.told_by(names) or unused_keys(record, settings):
            continue
        try:
            source = answered(record, catalogue, default_options(record, catalogue, str(path)), path, settings)
        except BundleError as error:
            problem = error.problems[0]
            broken.append(Problem("", f"the {problem.where} is broken: {problem.message}", problem.suggestions))
            continue
        except DataError as error:
            refused += error.problems
            continue
        if source is not None:
            found.append((record, source))
    if len(found) > 1:
        both = " and ".join(record.name for record, _ in found)
        raise DataError(
            f"may be {both}; the spec must say which",
            where=str(path),
            suggestions=[f'format = "{record.name}" under [data] in the spec' for record, _ in found],
        )
    if not found:
        if refused and not split_files_in(path, settings):
            raise DataError.from_problems([*broken, *refused])
        return None, [*broken, *refused]
    ((record, source),) = found
    left = _left(source, path, settings)
    if left:
        raise DataError(
            f"may be {record.name}, which does not use {_some(other.name for other, _ in left)}; the spec must say "
            "which",
            where=str(path),
            suggestions=[
                f'format = "{name}" under [data] in the spec'
                for name in dict.fromkeys([record.name, *(form.name for _, form in left)])
            ],
        )
    return source, [*broken, *refused]


def _left(source: Source, path: Path, settings: DataSettings) -> Files:
    """The files that are a split by their names and that the source of a format leaves."""
    read = {Path(part.place).resolve() for split in source.splits for part in split.parts}
    return [(other, form) for other, form in split_files_in(path, settings) if other.resolve() not in read]


def answered(record: DataReader, catalogue: Catalogue, options: Config, *asked: object) -> Source | None:
    """What the record's function answers; None, from a format, where it does not know what is there.

    The fingerprint then says by what it was read, in which version and with which options. Raises BundleError where it
    answers something else.
    """
    read = catalogue.code(record)
    source = read(*asked, options) if record.config else read(*asked)
    is_format = isinstance(record, DataFormat)
    if source is None and is_format:
        return None
    if not isinstance(source, Source):
        raise read.wrong(f"answered {source!r}, not a Source{' or None' if is_format else ''}")
    parts = (record.name, catalogue.origin(record), written_out(options), source.fingerprint)
    return replace(source, fingerprint=digest_of(*parts), format=record.name if is_format else source.format)


def _found_in(path: Path) -> str:
    if path.is_file():
        return f"the folder of {path.name}, if it is one of several files"
    return f"another folder; this one has {_some(sorted(other.name for other in path.iterdir()))}"


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    return (", ".join(shown[:5]) + (", …" if len(shown) > 5 else "")) or "nothing"
