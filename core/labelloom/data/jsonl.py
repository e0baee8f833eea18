"""JSON lines, plain or gzipped: one file, or a folder with a file a split and the names of the labels."""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from labelloom.data.cache import digest_of, file_digest
from labelloom.data.records import SPLIT_NAMES, Record, Source, SourceSplit, kind_of, record_from_fields
from labelloom.errors import DataError, Problem
from labelloom.spec.data import DataSettings

SUFFIXES = (".jsonl", ".jsonl.gz")
LABELS_FILE = "labels.json"
_EXAMPLE = '{"text": "…", "labels": ["…"]}'
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def jsonl_source(settings: DataSettings) -> Source | None:
    """The source for a path to a .jsonl or .jsonl.gz file, or to a folder of such files."""
    path = Path(settings.source).expanduser()
    if path.is_dir():
        return jsonl_folder(path, settings)
    if path.is_file() and path.name.endswith(SUFFIXES):
        return Source(_stem(path), (_split("train", path, settings),), digest_of(file_digest(path)))
    return None


def jsonl_folder(folder: Path, settings: DataSettings, name: str = "") -> Source:
    """The source for a folder: `train`, `validation` (valid, val, dev), `test`, and optionally `labels.json`.

    Raises DataError when there is no training split, two files for one split, or a broken labels.json.
    """
    files = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIXES))
    found: dict[str, Path] = {}
    for split, names in SPLIT_NAMES.items():
        claims = [path for path in files if _stem(path) in names]
        if len(claims) > 1:
            both = " and ".join(path.name for path in claims)
            raise DataError(f"{both} are both the {split} split; keep one of them", where=str(folder))
        if claims:
            found[split] = claims[0]
    if "train" not in found:
        there = ", ".join(path.name for path in files) or "no .jsonl or .jsonl.gz file"
        raise DataError(
            f"no training split; found {there}",
            where=str(folder),
            suggestions=["a file train.jsonl or train.jsonl.gz in the folder", "the path of one file as data.source"],
        )
    labels = folder / LABELS_FILE
    label_names = read_label_names(labels) if labels.is_file() else None
    contents = {split: file_digest(path) for split, path in found.items()}
    unused = [path.name for path in files if path not in found.values()]
    return Source(
        name or folder.resolve().name,
        tuple(_split(split, path, settings) for split, path in found.items()),
        digest_of(contents, None if label_names is None else list(label_names.items())),
        label_names,
        str(labels),
        (f"files in {folder.name} that are no split and are not used: {', '.join(unused)}",) if unused else (),
    )


def read_label_names(path: Path) -> dict[str, str]:
    """`labels.json`: codes to natural-language names, in the label order. Raises DataError with every problem."""
    expected = 'expected one object of codes and names, {"cs.CL": "Computation and Language", …}'
    try:
        pairs = json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=tuple)
    except json.JSONDecodeError as error:
        raise DataError(f"broken JSON: {error.msg}; {expected}", where=f"{path}:{error.lineno}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 at byte {error.start}", where=str(path), suggestions=[_convert(path)]) from error
    # With this hook an object is a tuple of pairs and a list stays a list.
    if not isinstance(pairs, tuple):
        raise DataError(f"{expected}, not {kind_of(pairs)}", where=str(path))
    problems, names = [], {}
    for code, name in pairs:
        if code in names:
            problems.append(Problem(str(path), f"the label {code!r} is named twice; keep one of the names"))
        elif not code or not isinstance(name, str) or not name.strip():
            problems.append(Problem(str(path), f"the label {code!r} needs a name that is a string, not {name!r}"))
        names[code] = name
    if not names:
        problems.append(Problem(str(path), f"names no label; {expected}, or remove the file"))
    if problems:
        raise DataError.from_problems(problems)
    return names


def read_jsonl(path: Path, settings: DataSettings) -> Iterator[Record | Problem]:
    """The records of one file in their order; blank lines are skipped, a byte-order mark is accepted."""
    position = 0
    try:
        with _opened(path) as stream:
            for line, raw in enumerate(stream, start=1):
                if line == 1 and raw.startswith(_UTF_16):
                    yield Problem(str(path), "is UTF-16; expected UTF-8", (_convert(path, "UTF-16"),))
                    return
                if line == 1 and raw.startswith(codecs.BOM_UTF8):
                    raw, position = raw[len(codecs.BOM_UTF8) :], len(codecs.BOM_UTF8)
                if raw.strip():
                    yield _record(raw, line, position, path, settings)
                position += len(raw)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield Problem(str(path), f"is not a whole gzip file: {error}", ("copy or download it again",))
    except OSError as error:
        yield Problem(str(path), f"cannot be read: {error.strerror or error}")


def _record(raw: bytes, line: int, position: int, path: Path, settings: DataSettings) -> Record | Problem:
    where = f"{path}:{line}"
    try:
        text = raw.decode("utf-8").rstrip()  # without its end, or an object that stops early is wrong in column 1
        fields = json.loads(text)
    except UnicodeDecodeError as error:
        return Problem(
            where,
            f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {position + error.start} of the file",
            (_convert(path),),
        )
    except json.JSONDecodeError as error:
        if line == 1 and text.lstrip().startswith("["):
            return Problem(where, "is a JSON list; expected one object a line", (f"jq -c '.[]' {path} > new.jsonl",))
        return Problem(where, f"broken JSON at column {error.colno}: {error.msg}", (f"one object a line: {_EXAMPLE}",))
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        return Problem(where, f"broken JSON: {error}", (f"one object a line: {_EXAMPLE}",))
    if not isinstance(fields, Mapping):
        return Problem(where, f"expected one object a line, found {kind_of(fields)}", (f"write {_EXAMPLE}",))
    return record_from_fields(fields, line, str(path), settings)


def _split(name: str, path: Path, settings: DataSettings) -> SourceSplit:
    return SourceSplit(name, str(path), partial(read_jsonl, path, settings))


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.name.endswith(".gz") else path.open("rb")


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".jsonl")


def _convert(path: Path, encoding: str = "<its encoding>") -> str:
    return f"convert it: iconv -f {encoding} -t UTF-8 {path.name.removesuffix('.gz')} > new.jsonl"
