"""pydantic's errors, told as problems: the key, what was expected, and the nearest right key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from labelloom.errors import Problem

_MISSING = "missing: this key is required"


def problems_of(
    error: ValidationError, model: type[BaseModel], prefix: str = "", beside: Iterable[str] = ()
) -> list[Problem]:
    """One problem for each of pydantic's errors.

    `prefix` is the key below which `model` stands in the spec; `beside` are keys that may stand there too.
    """
    problems = [_problem(item, model, prefix, beside) for item in error.errors(include_url=False)]
    # A misspelt key is also a missing one: one problem, not two.
    meant = {
        f"{problem.where.rpartition('.')[0]}.{problem.suggestions[0]}".lstrip(".")
        for problem in problems
        if problem.message.startswith("unknown key") and problem.suggestions
    }
    return [problem for problem in problems if problem.where not in meant or problem.message != _MISSING]


def _problem(item: Mapping[str, Any], model: type[BaseModel], prefix: str, beside: Iterable[str]) -> Problem:
    # pydantic names a union's member by its validator, "function-before[...]"; no spec has such a key.
    location = [part for part in item["loc"] if not re.match(r"function-\w+\[", str(part))]
    where = ".".join(str(part) for part in [*([prefix] if prefix else []), *location])
    if item["type"] == "extra_forbidden":
        known = sorted({*_fields_at(model, location[:-1]), *(beside if len(location) == 1 else ())})
        close = get_close_matches(str(location[-1]), known, n=3, cutoff=0.5)
        return Problem(where, f"unknown key {location[-1]!r}", tuple(close or known))
    if item["type"] == "missing":
        return Problem(where, _MISSING)
    got = item["input"]
    if item["type"] in ("model_type", "dict_type"):
        suggestions = (f"[{where}] with single brackets",) if isinstance(got, list) else ()
        return Problem(where, f"must be a table, not {_shown(got)}", suggestions)
    if item["type"] == "list_type":
        suggestions = (f"[[{where}]] with double brackets",) if isinstance(got, dict) else ()
        return Problem(where, f"must be a list, not {_shown(got)}", suggestions)
    if item["type"] == "value_error":
        return Problem(where, item["msg"].removeprefix("Value error, "))
    message = f"{item['msg'][0].lower()}{item['msg'][1:]}"
    return Problem(where, message if item["type"] in ("too_short", "too_long") else f"{message}, not {_shown(got)}")


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    return "a list" if isinstance(value, list) else repr(value)


def _fields_at(model: type[BaseModel], location: Iterable[object]) -> set[str]:
    current: list[type[BaseModel]] = [model]
    for part in location:
        if isinstance(part, int):
            continue
        annotations = [m.model_fields[str(part)].annotation for m in current if str(part) in m.model_fields]
        current = [found for annotation in annotations for found in _models_in(annotation)] or current
    return {name for found in current for name in found.model_fields}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models_in(argument)]
