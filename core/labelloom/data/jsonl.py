"""JSON lines and lists: documents as objects with named fields."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from json.decoder import WHITESPACE  # type: ignore[attr-defined]
from pathlib import Path

from labelloom.data.fields import record_from_fields
from labelloom.data.lines import read_lines, unpacked_name
from labelloom.data.records import Record, kind_of
from labelloom.errors import Problem
from labelloom.spec.data import DataSettings

_LIST = "is a JSON list; expected one object a line"
_EXAMPLE = '{"text": "…", "labels": ["…"]}'
Item = tuple[int, Mapping[str, object]]
"""An object after the line that it stands on, or its place in a list, from 1."""


def read_jsonl(path: Path, settings: DataSettings) -> Iterator[Record | Problem]:
    """The records of a file with one object a line; blank lines are skipped."""
    yield from _records(jsonl_items(path), path, settings)


def read_json(path: Path, settings: DataSettings) -> Iterator[Record | Problem]:
    """The records of a file that is one list of objects, or, as many are, JSON lines under another name."""
    yield from _records(json_items(path), path, settings)


def json_fields(items: Iterator[Item | Problem]) -> list[str]:
    """The fields of the first object; none where there is no object."""
    first = next(items, None)
    return [] if first is None or isinstance(first, Problem) else list(first[1])


def _records(items: Iterator[Item | Problem], path: Path, settings: DataSettings) -> Iterator[Record | Problem]:
    place = str(path)
    for item in items:
        yield item if isinstance(item, Problem) else record_from_fields(item[1], item[0], place, settings)


def jsonl_items(path: Path) -> Iterator[Item | Problem]:
    """The objects of a file with one a line, each with its line."""
    for line in read_lines(path):
        if isinstance(line, Problem):
            yield line
        elif line.text.strip():
            item = _item(line.text.rstrip(), line.number, path)
            yield item
            if isinstance(item, Problem) and item.message == _LIST:
                return  # what its other lines lack says nothing more


def _item(text: str, line: int, path: Path) -> Item | Problem:
    where = f"{path}:{line}"
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        if line == 1 and text.lstrip().startswith("["):
            name = unpacked_name(path).rpartition(".")[0] or "new"
            remedies = (f"jq -c '.[]' {path} > new.jsonl", f"call it {name}.json, if it is one list of objects")
            return Problem(where, _LIST, remedies)
        return Problem(where, f"broken JSON at column {error.colno}: {error.msg}", (f"one object a line: {_EXAMPLE}",))
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        return Problem(where, f"broken JSON: {error}", (f"one object a line: {_EXAMPLE}",))
    if not isinstance(fields, Mapping):
        return Problem(where, f"expected one object a line, found {kind_of(fields)}", (f"write {_EXAMPLE}",))
    return line, fields


def json_items(path: Path) -> Iterator[Item | Problem]:
    """The objects of a file that is one list, each with its place in it, from 1; or those of JSON lines."""
    parts: list[str] = []
    for line in read_lines(path):
        if isinstance(line, Problem):
            yield line
            return
        if not parts and line.text.strip() and not line.text.lstrip().startswith("["):
            yield from jsonl_items(path)
            return
        if parts or line.text.strip():
            parts.append(line.text)
    if parts:
        yield from _listed("".join(parts), path)


def _listed(text: str, path: Path) -> Iterator[Item | Problem]:
    """The objects of a list, decoded one after the other, so that only the text and one object are in memory.

    They are counted, not their lines: many such files are one line.
    """
    decoder, number = json.JSONDecoder(), 0
    at = _after_spaces(text, text.index("[") + 1)
    while text[at : at + 1] != "]":
        number += 1
        try:
            fields, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            yield _broken(f"{path}:{number}", f"line {error.lineno}, column {error.colno}: {error.msg}")
            return
        except (ValueError, RecursionError) as error:
            yield _broken(f"{path}:{number}", str(error))
            return
        if isinstance(fields, Mapping):
            yield number, fields
        else:
            message = f"expected a list of objects, found {kind_of(fields)} in it"
            yield Problem(f"{path}:{number}", message, (f"write {_EXAMPLE}",))
        at = _after_spaces(text, at)
        if text[at : at + 1] == ",":
            at = _after_spaces(text, at + 1)
        elif text[at : at + 1] != "]":
            ended = "the list does not end" if at == len(text) else "a comma is missing after this object"
            yield _broken(f"{path}:{number}", ended)
            return
    after = _after_spaces(text, at + 1)
    if after < len(text):
        line = text.count("\n", 0, after) + 1
        yield _broken(f"{path}:{line}", f"{text[after : after + 40]!r} follows the end of the list")


def _broken(where: str, message: str) -> Problem:
    return Problem(where, f"broken JSON: {message}; expected one list of objects", (f"[{_EXAMPLE}, …]",))


def _after_spaces(text: str, at: int) -> int:
    return int(WHITESPACE.match(text, at).end())
