"""Rows with named columns, of whatever file: the header, the cells, and labels that need a separator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from labelloom.data.fields import missing, record_from_fields, used
from labelloom.data.label_cells import likely_separator, list_in
from labelloom.data.records import Record
from labelloom.errors import Problem
from labelloom.spec.data import DataSettings, as_list

Row = tuple[int, list[Any]]
"""The line on which a row starts, from 1, and its cells."""

_LOOKED_AT = 1000
"""Cells that a likely separator is looked for in."""
_SHOWN = 50
"""Columns that a message lists."""


def wrong_header(header: list[str], settings: DataSettings, where: str, delimiter: str) -> Problem | None:
    """What is wrong with the columns: one that is missing, or a wanted one that is there twice."""
    lacking = missing(tuple(header), settings)
    if lacking:
        wanted, remedy = lacking
        found = ", ".join(map(repr, header[:_SHOWN])) or "no column at all"
        found += ", …" if len(header) > _SHOWN else ""
        remedies = [remedy.replace("<the field>", "<the column>")]
        signs = (sign for sign in (";", "\t", "|", ",") if sign != delimiter and sign in "".join(header[:1]))
        other = next(signs, None)
        if delimiter == "," and len(header) == 1 and other:
            shown = "\\t" if other == "\t" else other
            remedies = [f'delimiter = "{shown}" under [data] in the spec']
        return Problem(where, f"no column {wanted!r}; the header has {found}", tuple(remedies))
    counts = Counter(header)
    twice = [name for name in used(counts, settings) if counts[name] > 1]
    if twice:
        message = f"the header has the column {twice[0]!r} {counts[twice[0]]} times"
        return Problem(where, message, ("give each column its own name",))
    return None


def table_records(
    rows: Iterable[Row | Problem], header: list[str], settings: DataSettings, place: str
) -> Iterator[Record | Problem]:
    """The records in the rows below `header`. An empty cell is an empty text, no label, or no id."""
    texts = as_list(settings.text)
    lists = [name for name in (settings.label_names, settings.label_descriptions) if name]
    if isinstance(settings.labels, str):
        lists.insert(0, settings.labels)
    rows = iter(rows)
    for row in rows:
        if isinstance(row, Problem):
            yield row
            continue
        line, cells = row
        fields = dict(zip(header, cells, strict=True))
        for name in texts:
            if fields[name] is None:
                fields[name] = ""
        for name in lists:
            fields[name] = _listed(fields[name], settings)
            if isinstance(fields[name], str) and settings.label_separator is None:
                others = (row[1][header.index(name)] for row in rows if isinstance(row, tuple))
                yield _needs_separator(fields[name], [fields[name], *islice(others, _LOOKED_AT - 1)], name, place, line)
                return
        if fields.get(settings.id) == "":
            fields[settings.id] = None
        yield record_from_fields(fields, line, place, settings)


def _listed(cell: Any, settings: DataSettings) -> Any:
    """A cell as a list, if it is one or nothing; a string with separators stays one where a separator is set."""
    if cell is None:
        return []
    if not isinstance(cell, str) or settings.label_separator is not None:
        return cell
    if cell == "":
        return []
    found = list_in(cell.strip())
    return cell if found is None else found


def _needs_separator(cell: str, cells: list[Any], column: str, place: str, line: int) -> Problem:
    """One problem for the whole file, with the separator that its cells seem to have."""
    texts = [each for each in cells if isinstance(each, str) and each]
    likely = likely_separator(texts)
    shown = repr(cell if len(cell) <= 60 else f"{cell[:60]}…")
    if cell.startswith("["):
        message = f"{shown} in the column {column!r} is no list in JSON or Python"
        remedies = ["[\"a\", \"b\"] or ['a', 'b'], with commas"]
    else:
        message = f"the column {column!r} holds strings, {shown}, and nothing says what separates the labels in them"
        remedies = ['label_separator = ";" under [data] in the spec, if each cell is one label']
    if likely and not cell.startswith("["):
        sign = "\\t" if likely[0] == "\t" else likely[0]
        share = f"it stands in {likely[1]:,} of {len(texts):,} cells"
        remedies = [f'label_separator = "{sign}" under [data] in the spec: {share}', 'lists: ["a", "b"]']
    return Problem(f"{place}:{line}", message, tuple(remedies))
