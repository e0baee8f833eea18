"""What the formats share: finding the files of the splits, naming labels, and making the source of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from labelloom.data.cache import digest_of, file_digest
from labelloom.data.label_files import LABELS_FILE, LabelFile, named_label_file, read_label_file
from labelloom.data.records import SPLIT_NAMES, Record, Source, SourcePart, SourceSplit
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings

Read = Callable[[], Iterator[Record | Problem]]


def split_files(folder: Path, names: Callable[[str], Iterable[str]]) -> dict[str, Path]:
    """The file of each split, plain or gzipped; `names` makes those it may have of `train`, `val`, `dev` ….

    Raises DataError when two files are one split.
    """
    found: dict[str, Path] = {}
    for split, words in SPLIT_NAMES.items():
        plain = [name for word in words for name in names(word)]
        paths = [path for name in plain for end in ("", ".gz") if (path := folder / f"{name}{end}").is_file()]
        if len(paths) > 1:
            both = " and ".join(path.name for path in paths)
            raise DataError(f"{both} are both the {split} split; keep one of them", where=str(folder))
        if paths:
            found[split] = paths[0]
    return found


def own_labels(folder: Path, settings: DataSettings) -> LabelFile | None:
    """The labels as the file that the spec names has them, or `labels.json` in the folder; None without either."""
    named = named_label_file(settings, folder)
    if named is None and (folder / LABELS_FILE).is_file():
        named = read_label_file(folder / LABELS_FILE)
    return named


def made_source(
    folder: Path,
    reads: Mapping[str, Mapping[Path, Read]],
    labels: LabelFile | None,
    beside: Iterable[Path] = (),
    notes: Iterable[str] = (),
) -> Source:
    """The source of what `reads` says: by split, then by file, what reads its records.

    `beside` are files that also decide what is read.
    """
    digests = {split: [file_digest(path) for path in files] for split, files in reads.items()}
    named = [] if labels is None else [list(labels.names.items()), labels.descriptions]
    return Source(
        folder.resolve().name,
        tuple(
            SourceSplit(split, tuple(SourcePart(str(path), read) for path, read in files.items()))
            for split, files in reads.items()
        ),
        digest_of(digests, [file_digest(path) for path in beside], named),
        None if labels is None else labels.names,
        "" if labels is None else labels.place,
        tuple(notes),
        {} if labels is None else labels.descriptions,
    )
