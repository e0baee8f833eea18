"""Which source a name means."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from labelloom.data.hub import hub_source
from labelloom.data.jsonl import SUFFIXES, jsonl_folder, jsonl_source
from labelloom.data.records import Source
from labelloom.errors import DataError
from labelloom.spec.data import DataSettings

_SAMPLES = Path(__file__).parent / "samples"


def sample_names() -> list[str]:
    """The names of the samples that come with labelloom."""
    return sorted(path.name for path in _SAMPLES.iterdir() if path.is_dir())


def sample_source(settings: DataSettings) -> Source | None:
    """The source for the name of a bundled sample; a folder of the same name is meant by ./name."""
    if settings.source not in sample_names():
        return None
    return jsonl_folder(_SAMPLES / settings.source, settings, name=settings.source)


SOURCES = (sample_source, hub_source, jsonl_source)
"""Asked in this order; the first that answers is read."""


def find_source(settings: DataSettings) -> Source:
    """The source that `settings.source` means. Raises DataError when none knows it."""
    for source in SOURCES:
        found = source(settings)
        if found is not None:
            return found
    name = settings.source
    path = Path(name).expanduser()
    if path.is_file():
        raise DataError(
            f"this kind of file is not read; expected {' or '.join(SUFFIXES)}",
            where=name,
            suggestions=['one JSON object a line: {"text": "…", "labels": ["…"]}'],
        )
    beside = [str(path.with_name(other.name)) for other in path.parent.glob("*")] if path.parent.is_dir() else []
    raise DataError(
        f"no file or folder {name!r}, and no such sample",
        where="data.source",
        suggestions=[
            *get_close_matches(name, [*sample_names(), *beside], n=3),
            f"a sample: {', '.join(sample_names())}",
            f"hf:{path.name} if it is a data set of the Hugging Face hub",
        ],
    )
