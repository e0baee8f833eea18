"""Which files of a folder make which split: by their names, or as `[data.files]` says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from glob import glob
from pathlib import Path

from labelloom.data.forms import Form, form_of, form_source, stem_of
from labelloom.data.label_files import label_files_in
from labelloom.data.records import SPLIT_NAMES, Source
from labelloom.errors import DataError
from labelloom.formats import FORMS
from labelloom.paths import expanded
from labelloom.spec.data import DataSettings

_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d+)-of-(?P<count>\d+)", re.IGNORECASE)
_NAME_FILES = '[data.files] train = ["…"], to name the files'
Files = list[tuple[Path, Form]]


def file_source(path: Path, settings: DataSettings) -> Source | None:
    """The source for one file, the training split; None where nothing tells its form. Raises DataError with files."""
    if settings.files:
        raise DataError(
            "the source is one file; files names those of a folder",
            where="data.files",
            suggestions=[f'source = "{path.parent}" under [data] in the spec'],
        )
    form = form_of(path, settings.format)
    if form is None:
        return None
    return form_source(stem_of(path), {"train": [(path, form)]}, settings, None)


def folder_source(folder: Path, settings: DataSettings) -> Source:
    """The source for a folder with a file, numbered files or a folder of files for each split.

    Raises DataError when there is no training split, or several things are one split.
    """
    name = folder.resolve().name
    if settings.files:
        named = _named_files(folder, settings)
        return form_source(name, named, settings, folder, _left_out(folder, named, settings))
    claims: dict[str, dict[str, Files]] = {}
    unused = []
    labels = label_files_in(folder, settings)
    for path in sorted(folder.iterdir()):
        if path.resolve() in labels:
            continue
        form = form_of(path, settings.format) if path.is_file() and _told(path, settings) else None
        stem = path.name if path.is_dir() else stem_of(path)
        shard = _SHARD.fullmatch(stem) if form else None
        split = _split_called(shard["stem"] if shard else stem)
        if split and path.is_dir():
            claims.setdefault(split, {})[f"{path.name}/"] = _files_in(path, settings)
        elif split and form:
            claim = f"{shard['stem']}-*-of-{shard['count']}{path.name[len(stem) :]}" if shard else path.name
            claims.setdefault(split, {}).setdefault(claim, []).append((path, form))
        elif form:
            unused.append(path.name)
    splits = {split: _only(claims[split], split, folder) for split in SPLIT_NAMES if split in claims}
    if "train" not in splits:
        raise _no_training_split(folder, {split: list(found) for split, found in claims.items()}, unused, settings)
    notes = [f"files in {folder.name} that are no split and are not used: {_listed(unused)}"] if unused else []
    return form_source(name, splits, settings, folder, notes)


def _left_out(folder: Path, named: dict[str, Files], settings: DataSettings) -> list[str]:
    """A note on files that are called like splits and that `[data.files]` does not name."""
    taken = {path.resolve() for files in named.values() for path, _ in files}
    left = [path.name for path, _ in split_files_in(folder, settings) if path.resolve() not in taken]
    return (
        [f"files in {folder.name} that data.files does not name and that are not used: {_listed(left)}"] if left else []
    )


def split_files_in(source: Path, settings: DataSettings) -> Files:
    """The files that are read of a folder by the names of splits, theirs or their folders'; a file is read itself."""
    paths = [source]
    if source.is_dir():
        named = [path for path in sorted(source.iterdir()) if _split_called(_SHARD.sub(r"\g<stem>", stem_of(path)))]
        paths = [path for each in named for path in (sorted(each.iterdir()) if each.is_dir() else [each])]
    return [(path, form) for path in paths if path.is_file() and (form := form_of(path, settings.format))]


def _told(path: Path, settings: DataSettings) -> bool:
    """Whether a file's suffix tells its form, and the one that the settings ask for if they do."""
    form = form_of(path, None)
    return form is not None and settings.format in (None, form.name)


def _split_called(name: str) -> str | None:
    return next((split for split, names in SPLIT_NAMES.items() if name.lower() in names), None)


def _files_in(folder: Path, settings: DataSettings) -> Files:
    """The files of a folder that is one split. Raises DataError where they are of several forms, or there are none."""
    paths = [path for path in sorted(folder.iterdir()) if path.is_file() and _told(path, settings)]
    files = [(path, form) for path in paths if (form := form_of(path, settings.format))]
    forms = sorted({form.name for _, form in files})
    if len(forms) > 1:
        raise DataError(
            f"has files of {len(forms)} forms: {', '.join(forms)}; a split has one",
            where=str(folder),
            suggestions=[f'format = "{form}" under [data] in the spec' for form in forms],
        )
    if not files:
        suffixes = FORMS[settings.format][0] if settings.format else None
        raise DataError(
            f"has no file that is read; expected {' or '.join(suffixes or _first_suffixes())}",
            where=str(folder),
            suggestions=["another name for the folder, if it is no split", _NAME_FILES],
        )
    return files


def _only(claims: dict[str, Files], split: str, folder: Path) -> Files:
    """The files of the one thing that is a split. Raises DataError for several, or where a numbered file is missing."""
    if len(claims) > 1:
        forms = sorted({form.name for files in claims.values() for _, form in files})
        remedies = [f'format = "{form}" under [data] in the spec' for form in forms] if len(forms) > 1 else []
        first = next(iter(claims))
        raise DataError(
            f"{' and '.join(claims)} are both the {split} split; keep one of them",
            where=str(folder),
            suggestions=[
                *remedies,
                f'[data.files] {split} = "{first}{"*" * first.endswith("/")}", and the other splits',
            ],
        )
    ((_, files),) = claims.items()
    shards = [shard for path, _ in files if (shard := _SHARD.fullmatch(stem_of(path)))]
    if shards:
        there, count = {int(shard["number"]) for shard in shards}, int(shards[0]["count"])
        first_number = int(count in there and 0 not in there)
        missing = sorted(set(range(first_number, first_number + count)) - there)
        if missing:
            first = f"{shards[0]['stem']}-{missing[0]:0{len(shards[0]['number'])}}-of-{shards[0]['count']}"
            raise DataError(
                f"{len(missing)} of the {count} files of the {split} split are missing; the first is {first}",
                where=str(folder),
                suggestions=["copy or download them"],
            )
    return files


def _named_files(folder: Path, settings: DataSettings) -> dict[str, Files]:
    """What `[data.files]` names, patterns in the order of the names. Raises DataError."""
    assert settings.files is not None
    splits: dict[str, Files] = {}
    taken: dict[Path, str] = {}
    for split, patterns in settings.files.splits.items():
        key = f"data.files.{split}"
        files: Files = []
        for pattern in patterns:
            there = folder / expanded(pattern)
            paths = [path for path in ([there] if there.is_file() else _matching(there)) if path.is_file()]
            if not paths:
                found = [path.name for path in sorted(folder.iterdir()) if path.is_file()][:5]
                raise DataError(f"no file {pattern!r} in {folder}", where=key, suggestions=found)
            for path in paths:
                if taken.setdefault(path.resolve(), split) != split:
                    raise DataError(
                        f"{path.name} is also in data.files.{taken[path.resolve()]}: a file belongs to one split",
                        where=key,
                    )
                form = form_of(path, settings.format)
                if form is None:
                    raise DataError(
                        f"nothing tells how {path.name} is written",
                        where=key,
                        suggestions=['format = "csv" under [data] in the spec'],
                    )
                if (path, form) not in files:
                    files.append((path, form))
        splits[split] = files
    return splits


def _matching(pattern: Path) -> list[Path]:
    """What a pattern means below the last of its folders that is there: the name of a folder is no pattern."""
    root = next(parent for parent in pattern.parents if parent.is_dir())
    return sorted(root / found for found in glob(str(pattern.relative_to(root)), root_dir=root, recursive=True))


def _no_training_split(
    folder: Path, others: dict[str, list[str]], unused: list[str], settings: DataSettings
) -> DataError:
    suffix = FORMS[settings.format or "csv"][0][0]
    found = [name for names in others.values() for name in names] + unused
    # A set that is shared without its training split can still be learnt from.
    instead = {"train": others["validation"][0]} if "validation" in others else {}
    instead |= {split: names[0] for split, names in others.items() if instead and split != "validation"}
    named = ", ".join(f'{split} = "{name}"' for split, name in instead.items())
    return DataError(
        f"no training split; found {_listed(found) or 'no file that is read: ' + ', '.join(_first_suffixes())}",
        where=str(folder),
        suggestions=[
            *([f"--set 'data.files = {{{named}}}', to train on validation"] if instead else []),
            f"a file train{suffix} in the folder, or another form of it",
            "the path of one file as data.source",
            _NAME_FILES,
        ],
    )


def _first_suffixes() -> list[str]:
    return [f".{form}" for form in FORMS]


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:10]) + (", …" if len(shown) > 10 else "")
