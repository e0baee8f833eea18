"""From named fields, whatever file they stand in, to a record: which is the text, which the labels, and in which form.

Labels stand in one field, as a list or as a string with separators, or in fields of their own that hold yes or no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache

from labelloom.data.records import Record, kind_of
from labelloom.errors import Problem
from labelloom.spec.data import DataSettings, as_list

_FLAGS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False, "": False}

_WILD = re.compile(r"[*?\[]")


def record_from_fields(fields: Mapping[str, object], line: int, place: str, settings: DataSettings) -> Record | Problem:
    """The record in named fields, as `settings` says which is which; a `Problem` at `place:line` where it is none."""
    lacking = missing(tuple(fields), settings)
    if lacking:
        wanted, remedy = lacking
        found = ", ".join(map(repr, fields)) or "no field at all"
        return Problem(f"{place}:{line}", f"no field {wanted!r}; the record has {found}", (remedy,))
    try:
        text = _text(fields, settings)
        labels, names, descriptions = _labels(fields, settings)
    except _Wrong as error:
        return Problem(f"{place}:{line}", *error.args)
    return Record(line, text, labels, fields.get(settings.id), names, descriptions)


def missing(names: tuple[str, ...], settings: DataSettings) -> tuple[str, str] | None:
    """The first field or pattern that `settings` asks for and `names` lack, and what to write; None if all are there.

    Ids are optional under their usual name; who names another field means it.
    """
    there = set(names)
    for key, wanted in _wanted(settings):
        if wanted in there or (key == "labels" and isinstance(settings.labels, list) and _like(names, wanted)):
            continue
        close = get_close_matches(wanted, names, n=1)
        field = f'"{close[0] if close else "<the field>"}"'
        value = f"[{field}, …]" if isinstance(getattr(settings, key), list) else field
        return wanted, f"{key} = {value} under [data] in the spec"
    return None


def _wanted(settings: DataSettings) -> Iterator[tuple[str, str]]:
    for key in ("text", "labels", "label_names", "label_descriptions"):
        for name in as_list(getattr(settings, key)):
            yield key, name
    if settings.id != "id":
        yield "id", settings.id


def used(names: Iterable[str], settings: DataSettings) -> list[str]:
    """Those of `names` that hold something that `settings` asks for."""
    there = tuple(names)
    wanted = {name for key, name in _wanted(settings) if key != "labels"} | {settings.id}
    wanted.update(label_fields(there, settings))
    return [name for name in there if name in wanted]


def label_fields(names: Iterable[str], settings: DataSettings) -> tuple[str, ...]:
    """The fields of `names` that hold labels, in their order."""
    if isinstance(settings.labels, str):
        return (settings.labels,)
    return _flag_fields(tuple(names), tuple(settings.labels), (*as_list(settings.text), settings.id))


@lru_cache(maxsize=256)
def _flag_fields(names: tuple[str, ...], patterns: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    named, wild = set(patterns), [pattern for pattern in patterns if _WILD.search(pattern)]
    matched = {name for pattern in wild for name in _like(names, pattern)} - set(others)
    return tuple(name for name in names if name in named or name in matched)


@lru_cache(maxsize=256)
def _like(names: tuple[str, ...], pattern: str) -> tuple[str, ...]:
    return tuple(name for name in names if fnmatchcase(name, pattern))


class _Wrong(Exception):
    """The message and the suggestions of a problem."""


def _text(fields: Mapping[str, object], settings: DataSettings) -> object:
    if isinstance(settings.text, str):
        return fields[settings.text]
    parts = []
    for name in settings.text:
        part = fields[name]
        if not isinstance(part, str):
            remedy = 'an empty text is written as ""'
            raise _Wrong(f"the field {name!r} must be a string, not {kind_of(part)}", (remedy,))
        parts.append(part)
    return join_texts(parts)


def join_texts(parts: Iterable[str]) -> str:
    """The text of a document whose text stands in several fields: a line each, blank ones left out."""
    return "\n".join(part for part in parts if part.strip())


def _labels(fields: Mapping[str, object], settings: DataSettings) -> tuple[object, object, object]:
    """Labels, and their names and descriptions where the settings name fields for those.

    Between separators an empty label is none, and what stands beside it belongs to none.
    """
    if isinstance(settings.labels, list):
        flags = label_fields(fields, settings)
        return [name for name in flags if _flag(fields[name], name)], None, None
    labels = _separated(fields[settings.labels], settings)
    names, descriptions = (
        None if key is None else _separated(fields[key], settings)
        for key in (settings.label_names, settings.label_descriptions)
    )
    if not isinstance(labels, list) or labels is fields[settings.labels]:
        return labels, names, descriptions
    kept = [place for place, label in enumerate(labels) if label]
    return [labels[place] for place in kept], _beside(labels, names, kept), _beside(labels, descriptions, kept)


def _separated(value: object, settings: DataSettings) -> object:
    """The parts of a string with separators, without spaces around them; else `value`."""
    if settings.label_separator is None or not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(settings.label_separator)]


def _beside(labels: list[str], values: object, kept: list[int]) -> object:
    """The names or descriptions of the labels at the places `kept`, where there is one for each label."""
    if not isinstance(values, list) or len(values) != len(labels):
        return values  # checking says what is wrong
    return [values[place] for place in kept]


def _flag(value: object, name: str) -> bool:
    """Whether a one-hot field says yes. An empty one says no."""
    if value is None:
        return False
    if isinstance(value, bool | int | float) and value in (0, 1):
        return bool(value)
    flag = _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None
    if flag is None:
        remedy = "name only one-hot columns in labels under [data]"
        raise _Wrong(f"the column {name!r} holds {value!r}; expected 0, 1, true, false or nothing", (remedy,))
    return flag
