"""pydantic's errors, told as problems: the key, what was expected, and the nearest right key or value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from labelloom.errors import Problem
from labelloom.wording import counted, nearest

_MISSING = "missing: this key is required"
_TYPES = re.compile(r"function-\w+\[|(nullable|constrained-\w+|int|float|str|bool)$|(list|tuple|dict|literal)\[")
"""How pydantic names the members of a union in a location; no key of a spec is written so."""


def problems_of(
    error: ValidationError, model: type[BaseModel], prefix: str = "", beside: Iterable[str] = ()
) -> list[Problem]:
    """One problem for each key that pydantic finds wrong.

    `prefix` is the key below which `model` stands in the spec; `beside` are keys that may stand there too.
    """
    problems = _merged(_problem(item, model, prefix, beside) for item in error.errors(include_url=False))
    # A misspelt key is also a missing one: one problem, not two.
    meant = {
        f"{problem.where.rpartition('.')[0]}.{problem.suggestions[0]}".lstrip(".")
        for problem in problems
        if problem.message.startswith("unknown key") and problem.suggestions
    }
    return [problem for problem in problems if problem.where not in meant or problem.message != _MISSING]


def _merged(problems: Iterable[Problem]) -> list[Problem]:
    """One problem where each member of a union has told what it expects: "must be a number or a list, not true"."""
    told: list[Problem] = []
    for problem in problems:
        before = told[-1] if told and told[-1].where == problem.where else None
        parts = [_MUST_BE.fullmatch(each.message) for each in (before, problem) if each is not None]
        if len(parts) == 2 and parts[0] and parts[1]:
            expected = " or ".join(dict.fromkeys((parts[0]["expected"], parts[1]["expected"])))
            told[-1] = Problem(problem.where, f"must be {expected}, not {parts[1]['got']}", problem.suggestions)
        else:
            told.append(problem)
    return told


_MUST_BE = re.compile(r"must be (?P<expected>.*), not (?P<got>.*)", re.DOTALL)


def _problem(item: Mapping[str, Any], model: type[BaseModel], prefix: str, beside: Iterable[str]) -> Problem:
    # The first part is a key in any case; only below it can a member of a union be named.
    location = [part for depth, part in enumerate(item["loc"]) if not depth or not _TYPES.match(str(part))]
    where = ".".join(str(part) for part in [*([prefix] if prefix else []), *location])
    if item["type"] == "extra_forbidden":
        known = sorted({*_fields_at(model, location[:-1]), *(beside if len(location) == 1 else ())})
        close = nearest(str(location[-1]), known, cutoff=0.5)
        return Problem(where, f"unknown key {location[-1]!r}", tuple(close or known))
    if item["type"] == "missing":
        return Problem(where, _MISSING)
    got = item["input"]
    if item["type"] in ("model_type", "dict_type"):
        suggestions = (f"[{where}] with single brackets",) if isinstance(got, list) else ()
        return Problem(where, f"must be a table, not {_shown(got)}", suggestions)
    if item["type"] in ("list_type", "tuple_type"):
        suggestions = (f"[[{where}]] with double brackets",) if isinstance(got, dict) else ()
        return Problem(where, f"must be a list, not {_shown(got)}", suggestions)
    if item["type"] == "value_error":
        return Problem(where, item["msg"].removeprefix("Value error, "))
    if item["type"] == "string_too_short" and not got:
        return Problem(where, "must not be empty")
    words = _WORDS.get(item["type"])
    context = item.get("ctx", {})
    expected = words(context) if words else f"{item['msg'][0].lower()}{item['msg'][1:]}"
    return Problem(where, f"{expected}, not {_found(item)}", _close_values(item))


def _found(item: Mapping[str, Any]) -> str:
    if item["type"] in ("too_short", "too_long"):
        return str(item["ctx"]["actual_length"])
    return _shown(item["input"])


def _close_values(item: Mapping[str, Any]) -> tuple[str, ...]:
    """Of a choice among words, those that look like what was written."""
    if item["type"] != "literal_error" or not isinstance(item["input"], str):
        return ()
    allowed = re.findall(r"'([^']*)'", item["ctx"]["expected"])
    return tuple(f'"{word}"' for word in get_close_matches(item["input"].lower(), allowed, n=1))


def _pattern(context: Mapping[str, Any]) -> str:
    pattern = context["pattern"]
    return f"must be {_PATTERNS[pattern]}" if pattern in _PATTERNS else f"must match {pattern}"


_PATTERNS = {
    r"^[a-z0-9_][a-z0-9_-]*$": "lower-case letters, digits, _ and -",
    r"^[a-z][a-z0-9_-]*$": "lower-case letters, digits, _ and -, a letter first",
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$": "letters, digits, ., _ and -, a letter or digit first",
}
"""Patterns of names, in words."""


def _words(text: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda context: text


_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _words("must be a whole number")),
    **dict.fromkeys(("float_type", "float_parsing"), _words("must be a number")),
    **dict.fromkeys(("bool_type", "bool_parsing"), _words("must be true or false")),
    "string_type": _words("must be text in quotes"),
    "finite_number": _words("must be a finite number"),
    "string_too_short": lambda context: f"must have at least {counted(context['min_length'], 'character')}",
    "string_too_long": lambda context: f"must have at most {counted(context['max_length'], 'character')}",
    "string_pattern_mismatch": _pattern,
    "literal_error": lambda context: f"must be {context['expected']}",
    "greater_than": lambda context: f"must be more than {context['gt']:g}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']:g}",
    "less_than": lambda context: f"must be less than {context['lt']:g}",
    "less_than_equal": lambda context: f"must be at most {context['le']:g}",
    "too_short": lambda context: f"must have at least {counted(context['min_length'], 'item')}",
    "too_long": lambda context: f"must have at most {counted(context['max_length'], 'item')}",
}
"""What was expected, by pydantic's type of error; the rest is told in its own words."""


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    return "nothing" if value is None else repr(value)


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
