"""The options that a bundle's source or format adds to `[data]`: found, checked, and refused where nobody has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from labelloom.bundles import Catalogue, load_target
from labelloom.config import Config
from labelloom.errors import BundleError, DataError, Problem, UnknownNameError
from labelloom.formats import FORMS
from labelloom.readers import FIELDS, DataReader
from labelloom.sources import DataSource, address
from labelloom.spec.data import DataSettings
from labelloom.spec.problems import problems_of


def named_reader(settings: DataSettings, catalogue: Catalogue) -> DataReader | None:
    """The bundle's source or format that `settings` name; None for samples, tables, JSON and what names of files tell.

    Raises UnknownNameError for a scheme or a format that no bundle has, and BundleError for a broken one.
    """
    if found := address(settings.source):
        try:
            return catalogue.called(DataSource, found[0], "data.source")
        except BundleError as error:
            told = _with_addresses(error, found[1], catalogue)
            if isinstance(error, UnknownNameError) and Path(settings.source).exists():
                told = told.also(f"./{settings.source}, if the file or folder of this name is meant")
            raise told from error
    return catalogue.format(settings.format) if settings.format and settings.format not in FORMS else None


def scheme_of(record: DataSource, catalogue: Catalogue) -> str:
    """What a spec writes before the colon: the scheme alone, and its bundle where another one has the same."""
    alone = [other.scheme for other in catalogue.records(DataSource)].count(record.scheme) == 1
    return record.scheme if alone else record.name


def _with_addresses(error: BundleError, rest: str, catalogue: Catalogue) -> BundleError:
    """The same error, in whose hints the names of sources have become what a spec may say: "tickets:2024"."""
    schemes = {record.name: scheme_of(record, catalogue) for record in catalogue.records(DataSource)}
    first, *others = error.problems
    hints = tuple(f"{schemes[hint]}:{rest}" if hint in schemes else hint for hint in first.suggestions)
    return error.from_problems([replace(first, suggestions=hints), *others])


def read_options(reader: DataReader | None, settings: DataSettings, catalogue: Catalogue) -> Config:
    """The options of `reader`, which reads what `settings` name, as its own config has checked them.

    Raises DataError with every key that means nothing to it or has a wrong value, BundleError for a broken config.
    """
    config = Config if reader is None else config_of(reader, catalogue)
    problems = [] if reader is None else list(_unused(reader, settings))
    try:
        # Paths with ./ or ../ are absolute by now, from the folder of the spec.
        options = config.model_validate(settings.options, context={"folder": Path.cwd()})
    except ValidationError as error:
        found = problems_of(error, config, "data", _core_keys(reader))
        problems += [_with_owner(problem, settings, catalogue) for problem in found]
    if problems:
        raise DataError.from_problems(problems)
    return options


def default_options(reader: DataReader, catalogue: Catalogue, place: str) -> Config:
    """The options of a format that the files in `place` tell and the spec does not name.

    Raises DataError where it cannot do without being told some, BundleError for a broken config.
    """
    config = config_of(reader, catalogue)
    required = [name for name, option in config.model_fields.items() if option.is_required()]
    if required:
        raise DataError(
            f"may be {reader.name}, which must be told {', '.join(required)}",
            where=place,
            suggestions=[f"{_naming(reader)}, and {required[0]}"],
        )
    return config()


def config_of(reader: DataReader, catalogue: Catalogue) -> type[Config]:
    """The config of a reader, `Config` itself for one without options.

    Raises BundleError where it cannot be imported, is no `Config`, or has an option that is called like a key of
    `[data]`, which would never reach it.
    """
    if not reader.config:
        return Config
    where = f"{reader.what} {reader.name} ({catalogue.origin(reader)})"
    config = load_target(reader.config, where)
    if not isinstance(config, type) or not issubclass(config, Config):
        raise BundleError(f"{reader.config} is no labelloom.config.Config", where=where)
    if taken := [name for name in config.model_fields if name in DataSettings.model_fields]:
        raise BundleError(
            f"{reader.config} has the option {taken[0]!r}, which is a key of [data] itself",
            where=where,
            suggestions=[f"another name: {reader.name.partition('/')[2].replace('-', '_')}_{taken[0]}"],
        )
    return config


def unused_keys(reader: DataReader, settings: DataSettings) -> list[str]:
    """The keys about fields and columns that `settings` have and `reader` would ignore."""
    return [key for key in settings.about_fields if key in reader.keys and key not in reader.settings]


def _unused(reader: DataReader, settings: DataSettings) -> Iterator[Problem]:
    if keys := unused_keys(reader, settings):
        yield Problem(
            ", ".join(f"data.{key}" for key in keys),
            f"the {reader.what} {reader.name} does not use {', '.join(keys)}",
            (f"leave {'them' if len(keys) > 1 else 'it'} out",),
        )


def _core_keys(reader: DataReader | None) -> list[str]:
    """The core's keys that may stand beside the options."""
    return [name for name in DataSettings.model_fields if reader is None or name not in {*FIELDS} - reader.settings]


def _with_owner(problem: Problem, settings: DataSettings, catalogue: Catalogue) -> Problem:
    """`problem`; of a key that is nobody's here and an option elsewhere it says whose."""
    key = problem.where.removeprefix("data.")
    if key not in settings.options or not problem.message.startswith("unknown key"):
        return problem
    owners = [reader for reader in catalogue.readers() if key in _options(reader, catalogue)]
    if not owners:
        return problem
    named = " and ".join(f"the {owner.what} {owner.name}" for owner in owners)
    return Problem(
        problem.where,
        f"{key} is an option of {named}, which {'is' if len(owners) == 1 else 'are'} not named here",
        tuple(_naming(owner) for owner in owners),
    )


def _options(reader: DataReader, catalogue: Catalogue) -> frozenset[str]:
    try:
        return frozenset(config_of(reader, catalogue).model_fields)
    except BundleError:  # what is broken there is told to who names it
        return frozenset()


def _naming(reader: DataReader) -> str:
    if isinstance(reader, DataSource):
        return f'source = "{reader.scheme}:…" under [data] in the spec'
    return f'format = "{reader.name}" under [data] in the spec'
