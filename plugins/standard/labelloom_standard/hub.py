"""`hf:<name>`: data sets of the Hugging Face hub, or a local folder that `datasets` reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labelloom.data.cache import digest_of, file_digest
from labelloom.data.fields import label_fields, missing, record_from_fields, used
from labelloom.data.records import SPLIT_NAMES, Record, Source, SourcePart, SourceSplit
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings
from labelloom_standard.config import HubConfig

if TYPE_CHECKING:
    import datasets

_ROWS = 1000


def hub(settings: DataSettings, name: str, options: HubConfig) -> Source:
    """The source for `hf:<name>`; the names of a ClassLabel column are its codes, in their order.

    Raises DataError when the data set cannot be had, has no training split or two for one, or has no column of the
    wanted names.
    """
    found = _load(settings, name, options)
    splits = _splits(found, settings)
    if "train" not in splits:
        raise DataError(f"no split called train; it has {', '.join(found)}", where=settings.source)
    train = found[splits["train"]]
    lacking = missing(tuple(train.column_names), settings)
    if lacking:
        raise DataError(
            f"no column {lacking[0]!r}; it has {', '.join(train.column_names)}",
            where=settings.source,
            suggestions=[lacking[1].replace("<the field>", "<the column>")],
        )
    codes = _codes(train, settings)
    if codes is not None and settings.label_names:
        raise DataError(
            f"the classes of the column {settings.labels!r} have names of their own, so label_names means nothing",
            where="data.label_names",
            suggestions=["leave it out"],
        )
    flags = label_fields(train.column_names, settings) if isinstance(settings.labels, list) else None
    named = codes if codes is not None else flags
    unused = [name for name in found if name not in splits.values()]
    return Source(
        name.rstrip("/").rpartition("/")[2],
        tuple(
            SourceSplit(split, (_part(found[name], f"{settings.source}:{name}", codes, settings),))
            for split, name in splits.items()
        ),
        digest_of({split: _fingerprint(found[name]) for split, name in splits.items()}, codes),
        {code: code for code in named} if named is not None else None,
        f"the ClassLabel of the column {settings.labels!r}" if codes is not None else "the one-hot columns",
        (f"splits of {settings.source} that are not used: {', '.join(unused)}",) if unused else (),
    )


def _splits(found: Collection[str], settings: DataSettings) -> dict[str, str]:
    """The name of each split among those that the data set has. Raises DataError where two are one split."""
    splits: dict[str, str] = {}
    for split, names in SPLIT_NAMES.items():
        claims = [name for name in names if name in found]
        if len(claims) > 1:
            remedy = "download its files and name those of each split: a folder as data.source, and [data.files]"
            message = f"{' and '.join(claims)} are both the {split} split; one is expected"
            raise DataError(message, where=settings.source, suggestions=[remedy])
        if claims:
            splits[split] = claims[0]
    return splits


def _load(settings: DataSettings, name: str, options: HubConfig) -> datasets.DatasetDict:
    import datasets

    try:
        return datasets.load_dataset(name, name=options.hf_config, revision=options.revision)
    # A missing set, network or permission is an OSError, a wrong configuration a ValueError, a loading script a
    # RuntimeError, and what `datasets` cannot read one of its own.
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        suggestions = ["check the name: a hub name such as hf:owner/name, or hf:./folder"]
        if datasets.config.HF_HUB_OFFLINE:
            suggestions.insert(0, "HF_HUB_OFFLINE is set: unset it, or load the data set once while online")
        else:
            suggestions.append("check the network; a data set that was loaded once works with HF_HUB_OFFLINE=1")
        raise DataError(
            f"`datasets` cannot load it: {error}", where=settings.source, suggestions=suggestions
        ) from error


def _codes(split: datasets.Dataset, settings: DataSettings) -> list[str] | None:
    """The codes of a list-of-ClassLabel column, or None where the column holds the labels themselves."""
    import datasets

    if isinstance(settings.labels, list):
        return None
    feature = split.features[settings.labels]
    if isinstance(feature, datasets.Sequence | datasets.LargeList) and isinstance(feature.feature, datasets.ClassLabel):
        return list(feature.feature.names)
    return None


def _fingerprint(split: datasets.Dataset) -> list[str]:
    """The content of a split: its rows as `datasets` keeps them in files, and which of them it uses."""
    return [file_digest(Path(file["filename"])) for file in split.cache_files] + [str(len(split))]


def _part(split: datasets.Dataset, place: str, codes: list[str] | None, settings: DataSettings) -> SourcePart:
    return SourcePart(place, partial(_records, split, place, codes, settings))


def _records(
    split: datasets.Dataset, place: str, codes: list[str] | None, settings: DataSettings
) -> Iterator[Record | Problem]:
    wanted = used(split.column_names, settings)
    row = 0  # rows are counted from 0, as in split[row]
    for columns in split.select_columns(wanted).iter(batch_size=_ROWS):
        for values in zip(*(columns[column] for column in wanted), strict=True):
            record = record_from_fields(dict(zip(wanted, values, strict=True)), row, place, settings)
            if isinstance(record, Record) and codes is not None:
                record = _named(record, codes, place)
            yield record
            row += 1


def _named(record: Record, codes: list[str], place: str) -> Record | Problem:
    """The record with the codes of its ClassLabel numbers."""
    numbers = record.labels
    if not isinstance(numbers, list) or not all(isinstance(n, int) and 0 <= n < len(codes) for n in numbers):
        return Problem(f"{place}:{record.line}", f"{numbers!r} are no numbers of the {len(codes)} classes")
    return record._replace(labels=[codes[n] for n in numbers])
