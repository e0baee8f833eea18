"""Which source a name means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from labelloom.bundles import Catalogue
from labelloom.data.asked import answered, named_source, recognised_source
from labelloom.data.cache import digest_of
from labelloom.data.folders import file_source, folder_source
from labelloom.data.label_files import named_label_file
from labelloom.data.options import named_reader, read_options, scheme_of
from labelloom.data.records import Source
from labelloom.errors import DataError
from labelloom.formats import FORMS, DataFormat
from labelloom.paths import expanded
from labelloom.sources import DataSource, address
from labelloom.spec.data import DataSettings

_SAMPLES = Path(__file__).parent / "samples"


def sample_names() -> list[str]:
    """The names of the samples that come with labelloom."""
    return sorted(path.name for path in _SAMPLES.iterdir() if path.is_dir())


def sample_source(settings: DataSettings, catalogue: Catalogue) -> Source | None:
    """The source for the name of a bundled sample; a folder of the same name is meant by ./name."""
    if settings.source not in sample_names():
        return None
    return replace(_source_in(_SAMPLES / settings.source, settings, catalogue), name=settings.source)


def addressed_source(settings: DataSettings, catalogue: Catalogue) -> Source | None:
    """The source for `scheme:rest`, as the bundle that has the scheme reads it; None for what is none.

    Raises UnknownNameError for a scheme that no bundle has, BundleError for a broken one, and DataError when there is
    no such data or a key of `[data]` means nothing to it.
    """
    found = address(settings.source)
    if found is None:
        return None
    record = named_reader(settings, catalogue)
    assert record is not None, settings.source
    return answered(record, catalogue, read_options(record, settings, catalogue), settings, found[1])


def path_source(settings: DataSettings, catalogue: Catalogue) -> Source | None:
    """The source for a file or folder; None where there is neither."""
    path = expanded(settings.source)
    return _source_in(path, settings, catalogue) if path.exists() else None


def _source_in(path: Path, settings: DataSettings, catalogue: Catalogue) -> Source:
    """The source in a file or folder: in the format that the spec names, in one that knows it, or with named fields."""
    named = named_reader(settings, catalogue)
    if isinstance(named, DataFormat):
        return named_source(named, path, settings, catalogue)
    read_options(None, settings, catalogue)
    if settings.format or settings.files:
        return _named_fields_source(path, settings)
    source, refused = recognised_source(path, settings, catalogue)
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
    path = expanded(settings.source)
    if settings.source in sample_names() or address(settings.source) or not path.exists():
        return Path.cwd()
    return path.absolute() if path.is_dir() else path.absolute().parent


def find_source(settings: DataSettings) -> Source:
    """The source that `settings` mean. Raises DataError when nothing knows it."""
    catalogue = Catalogue()
    for source in (sample_source, addressed_source, path_source):
        found = source(settings, catalogue)
        if found is not None:
            return _with_label_file(found, settings)
    name = settings.source
    if named := catalogue.sources_called(name):
        raise DataError(
            f"{name!r} is a source: what it reads stands behind a colon",
            where="data.source",
            suggestions=[f"{scheme_of(record, catalogue)}:…" for record in named],
        )
    path = expanded(name)
    beside = _called_alike(path) if path.parent.is_dir() else []
    raise DataError(
        f"no file or folder {name!r}, and no such sample",
        where="data.source",
        suggestions=[
            *get_close_matches(name, sample_names(), n=1),
            *beside,
            f"a sample: {', '.join(sample_names())}",
            *_elsewhere(name, catalogue),
        ],
    )


def _elsewhere(name: str, catalogue: Catalogue) -> Iterator[str]:
    """Where bundles may have what is called `name`: "hf:owner/name if it is a data set of the Hugging Face hub"."""
    for record in catalogue.records(DataSource):
        if what := record.what_is(name):
            yield f"{scheme_of(record, catalogue)}:{name} if it is {what}"


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
