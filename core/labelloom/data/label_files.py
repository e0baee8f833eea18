"""Files that name labels: `labels.json` beside the data, or the one that `data.label_file` names."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from labelloom.data.lines import all_lines, read_text, unpacked_name
from labelloom.data.records import kind_of
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings
from labelloom.wording import counted

LABELS_FILE = "labels.json"
_EXPECTED = 'expected one object of codes and names, {"cs.CL": "Computation and Language", …}'
_COLUMNS = ("code", "name", "description")


@dataclass(frozen=True)
class LabelFile:
    """What a file says of the labels: names by code in the label order, and descriptions of those that have one."""

    place: str
    names: dict[str, str]
    descriptions: dict[str, str]


def label_path(settings: DataSettings, folder: Path) -> Path | None:
    """Where `data.label_file` is: in the folder of the source, unless it starts with ./, ../ or ~/ or is absolute."""
    name = settings.label_file
    if name is None:
        return None
    return Path(name).expanduser() if name.startswith(("./", "../", "~/")) else folder / name


def label_files_in(folder: Path, settings: DataSettings) -> set[Path]:
    """The files that name labels, `labels.json` in the folder and `data.label_file`, as absolute paths."""
    named = label_path(settings, folder)
    return {(folder / LABELS_FILE).resolve(), *([named.resolve()] if named else [])}


def named_label_file(settings: DataSettings, folder: Path) -> LabelFile | None:
    """What the file that `data.label_file` names says; None if it names none. Raises DataError."""
    path = label_path(settings, folder)
    if path is None:
        return None
    if not path.is_file():
        close = [str(other.name) for other in sorted(folder.glob("*")) if "label" in other.name.lower()][:3]
        raise DataError(f"there is no file {path}", where="data.label_file", suggestions=close)
    return read_label_file(path)


def read_label_file(path: Path) -> LabelFile:
    """What a file says of the labels, in their order: JSON, CSV or TSV with a header, or a label a line.

    Raises DataError with every problem.
    """
    readers = {".json": _json_entries, ".csv": _csv_entries, ".tsv": _tsv_entries}
    suffix = Path(unpacked_name(path)).suffix.lower()
    entries = readers.get(suffix, _line_entries)
    names: dict[str, str] = {}
    descriptions: dict[str, str] = {}
    problems: list[Problem] = []
    for entry in entries(path):
        if isinstance(entry, Problem):
            problems.append(entry)
            continue
        where, code, name, description = entry
        if code in names:
            problems.append(Problem(where, f"the label {code!r} is named twice; keep one of the names"))
        elif not code or not isinstance(name, str) or not name.strip():
            problems.append(Problem(where, f"the label {code!r} needs a name that is a string, not {name!r}"))
        elif not isinstance(description, str):
            problems.append(Problem(where, f"the description of {code!r} must be a string, not {kind_of(description)}"))
        elif description.strip():
            descriptions[code] = description.strip()
        names[code] = str(name)
    if not names and not problems:
        expected = f"{_EXPECTED}, or remove the file" if suffix == ".json" else "expected a label a line"
        problems.append(Problem(str(path), f"names no label; {expected}"))
    if problems:
        raise DataError.from_problems(problems)
    return LabelFile(str(path), names, descriptions)


Entry = tuple[str, str, object, object]
"""Where it stands, the code, the name and the description, not yet checked."""


def _json_entries(path: Path) -> Iterator[Entry | Problem]:
    try:
        pairs = json.loads(read_text(path), object_pairs_hook=tuple)
    except json.JSONDecodeError as error:
        yield Problem(f"{path}:{error.lineno}", f"broken JSON: {error.msg}; {_EXPECTED}")
        return
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        yield Problem(str(path), f"broken JSON: {error}; {_EXPECTED}")
        return
    # With this hook an object is a tuple of pairs and a list stays a list.
    if not isinstance(pairs, tuple):
        yield Problem(str(path), f"{_EXPECTED}, not {kind_of(pairs)}")
        return
    for code, said in pairs:
        if not isinstance(said, tuple):
            yield str(path), code, said, ""
            continue
        about = dict(said)
        unknown = [key for key in about if key not in ("name", "description")]
        if unknown:
            expected = '{"name": "…", "description": "…"}'
            yield Problem(str(path), f"the label {code!r} has the unknown key {unknown[0]!r}; expected {expected}")
        else:
            yield str(path), code, about.get("name", code), about.get("description", "")


def _csv_entries(path: Path) -> Iterator[Entry | Problem]:
    return _table_entries(path, ",")


def _tsv_entries(path: Path) -> Iterator[Entry | Problem]:
    return _table_entries(path, "\t")


def _table_entries(path: Path, delimiter: str) -> Iterator[Entry | Problem]:
    csv.field_size_limit(2**31 - 1)
    rows = csv.reader(all_lines(path), delimiter=delimiter, strict=True)
    header: list[str] = []
    before = 0
    try:
        for row in rows:
            where = f"{path}:{before + 1}"
            before = rows.line_num
            if not row:
                continue
            if not header:
                header = [name.strip() for name in row]
                if "code" not in header or not set(header) <= set(_COLUMNS) or len(set(header)) < len(header):
                    expected = f"expected {delimiter.join(_COLUMNS)!r}, of which only code is required"
                    yield Problem(where, f"the header has {', '.join(map(repr, header))}; {expected}")
                    return
            elif len(row) != len(header):
                yield Problem(where, f"the row has {_cells(row)}, the header {len(header)}")
            else:
                cells = dict(zip(header, row, strict=True))
                yield where, cells["code"], cells.get("name") or cells["code"], cells.get("description", "")
    except csv.Error as error:
        yield Problem(f"{path}:{before + 1}", f"broken table: {error}")


def _cells(row: Iterable[str]) -> str:
    count = len(list(row))
    return counted(count, "cell")


def _line_entries(path: Path) -> Iterator[Entry | Problem]:
    for number, line in enumerate(all_lines(path), start=1):
        label = line.strip()
        if label:
            yield f"{path}:{number}", label, label, ""
