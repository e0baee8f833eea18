"""Which source a name means."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from labelloom.bundles import Catalogue
from labelloom.data.asked import named_source, recognised_source
from labelloom.data.cache import digest_of
from labelloom.data.folders import file_source, folder_source
from labelloom.data.label_files import named_label_file
from labelloom.data.records import Source
from labelloom.errors import DataError, UnknownNameError
from labelloom.formats import FORMS
from labelloom.sources import DataSource, address
from labelloom.spec.data import DataSettings

_SAMPLES = Path(__file__).parent / "samples"


def sample_names() -> list[str]:
    """The names of the samples that come with labelloom."""
    return sorted(path.name for path in _SAMPLES.iterdir() if path.is_dir())


def sample_source(settings: DataSettings) -> Source | None:
    """The source for the name of a bundled sample; a folder of the same name is meant by ./name."""
    if settings.source not in sample_names():
        return None
    return replace(_source_in(_SAMPLES / settings.source, settings), name=settings.source)


def addressed_source(settings: DataSettings) -> Source | None:
    """The source for `scheme:rest`, as the bundle that has the scheme reads it; None for what is none.

    Raises UnknownNameError for a scheme that no bundle has, BundleError for a broken one, and DataError when there is
    no such data or a key of `[data]` means nothing to it.
    """
    found = address(settings.source)
    if found is None:
        return None
    catalogue = Catalogue()
    try:
        record = source_record(settings.source, catalogue)
    except UnknownNameError as error:
        if Path(settings.source).exists():
            raise error.also(f"./{settings.source}, if the file or folder of this name is meant") from error
        raise
    ignored = [key for key in settings.about_sources if key not in record.settings]
    if ignored:
        raise DataError(
            f"the source {record.name} does not use {', '.join(ignored)}",
            where=", ".join(f"data.{key}" for key in ignored),
            suggestions=[f"take {'them' if len(ignored) > 1 else 'it'} out of the spec"],
        )
    read = catalogue.code(record)
    source = read(settings, found[1])
    if not isinstance(source, Source):
        raise read.wrong(f"answered {source!r}, not a Source")
    return replace(source, fingerprint=digest_of(record.name, catalogue.origin(record), source.fingerprint))


def source_record(source: str, catalogue: Catalogue) -> DataSource:
    """The record of the bundle that has the scheme of `source`, which is an address. Raises UnknownNameError."""
    found = address(source)
    assert found is not None, source
    return catalogue.called(DataSource, found[0], "data.source")


def path_source(settings: DataSettings) -> Source | None:
    """The source for a file or folder; None where there is neither."""
    path = Path(settings.source).expanduser()
    return _source_in(path, settings) if path.exists() else None


def _source_in(path: Path, settings: DataSettings) -> Source:
    """The source in a file or folder: in the format that the spec names, in one that knows it, or with named fields."""
    if settings.format and settings.format not in FORMS:
        return named_source(path, settings, Catalogue())
    if settings.format or settings.files:
        return _named_fields_source(path, settings)
    source, refused = recognised_source(path, settings, Catalogue())
    try:
        source = source or _named_fields_source(path, settings)
    except DataError as error:
        raise DataError.from_problems([*refused, *error.problems]) from error
    said = [str(replace(problem, suggestions=())) for problem in refused]
    return replace(source, notes=(*said, *source.notes), refused=tuple(refused))


def _named_fields_source(path: Path, settings: DataSettings) -> Source:
    """The source of tables or JSON in a file or folder."""
    source = folder_source(path, settings) if path.is_dir() else file_source(path, settings)
    if source is None:
        raise DataError(
            f"this kind of file is not read; expected {', '.join(f'.{form}' for form in FORMS)}",
            where=str(path),
            suggestions=['format = "csv" under [data] in the spec, if its name does not tell'],
        )
    return source


def base_folder(settings: DataSettings) -> Path:
    """The folder from which the names of files in `[data]` start: the source's own, or else the current one."""
    path = Path(settings.source).expanduser()
    if settings.source in sample_names() or address(settings.source) or not path.exists():
        return Path.cwd()
    return path.absolute() if path.is_dir() else path.absolute().parent


def find_source(settings: DataSettings) -> Source:
    """The source that `settings` mean. Raises DataError when nothing knows it."""
    for source in (sample_source, addressed_source, path_source):
        found = source(settings)
        if found is not None:
            return _with_label_file(found, settings)
    name = settings.source
    path = Path(name).expanduser()
    beside = _called_alike(path) if path.parent.is_dir() else []
    raise DataError(
        f"no file or folder {name!r}, and no such sample",
        where="data.source",
        suggestions=[
            *get_close_matches(name, sample_names(), n=1),
            *beside,
            f"a sample: {', '.join(sample_names())}",
            *([f"hf:{name} if it is a data set of the Hugging Face hub"] if _HUB_NAME.fullmatch(name) else []),
        ],
    )


_HUB_NAME = re.compile(r"(\w[\w.-]*/)?\w[\w-]*")
"""Names that a data set of the hub may have, and files and folders elsewhere hardly."""


def _called_alike(path: Path) -> list[str]:
    """What lies beside `path` under a name like it: the same but for its ending, or a like one that ends the same."""
    others = [other for other in path.parent.iterdir() if other.name != path.name]
    same = [other.name for other in others if _stem(other) == _stem(path)]
    alike = [other.name for other in others if other.suffixes == path.suffixes]
    return [str(path.with_name(name)) for name in dict.fromkeys([*same, *get_close_matches(path.name, alike, n=3)])][:3]


def _stem(path: Path) -> str:
    return path.name.removesuffix("".join(path.suffixes))


def _with_label_file(source: Source, settings: DataSettings) -> Source:
    """The source with the labels as `data.label_file` names them, whatever else would."""
    named = named_label_file(settings, base_folder(settings))
    if named is None:
        return source
    return replace(
        source,
        label_names=named.names,
        label_descriptions=named.descriptions,
        labels_place=named.place,
        fingerprint=digest_of(source.fingerprint, list(named.names.items()), named.descriptions),
    )
