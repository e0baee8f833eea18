from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from labelloom.data.label_sets import LabelSets

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("LABELLOOM_CACHE", str(folder))
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes records (mappings, or lines as they are) to a file below tmp_path, gzipped if its name says so."""

    def write_file(name: str, records: Iterable[Mapping[str, object] | str | bytes]) -> Path:
        lines = [_line(record) for record in records]
        content = b"".join(line + b"\n" for line in lines)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_file


def _line(record: Mapping[str, object] | str | bytes) -> bytes:
    if isinstance(record, bytes):
        return record
    return (record if isinstance(record, str) else json.dumps(record)).encode()


def document(text: str = "some text", labels: Iterable[object] = ("a",), **fields: object) -> dict[str, object]:
    return {"text": text, "labels": list(labels), **fields}


def as_lists(label_sets: LabelSets) -> list[list[int]]:
    return [label_sets[row].tolist() for row in range(len(label_sets))]
