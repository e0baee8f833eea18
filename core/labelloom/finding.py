"""Find installed bundles: reads `entry_points.txt` files and imports nothing of them."""

from __future__ import annotations

import configparser
import glob
import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import entrypoints

from labelloom.hookspecs import GROUP


@dataclass(frozen=True)
class Bundle:
    """One installed entry point: which distribution brings which bundle, and the module of its hooks."""

    name: str
    module: str
    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """Distribution and version, for messages."""
        return f"{self.distribution} {self.version}".rstrip()


def find_bundles(path: list[str] | None = None) -> list[Bundle]:
    """Every entry point of the group on `path` (default `sys.path`), sorted by name; imports nothing.

    Only files that mention the group are parsed, so another project's malformed file cannot end the listing. A
    distribution that lies on the path twice counts once, as for imports.
    """
    found: list[Bundle] = []
    seen: set[str] = set()
    for file in _entry_point_files(sys.path if path is None else path):
        distribution, version = _distribution(file.parent.name)
        if distribution in seen:
            continue
        seen.add(distribution)
        try:
            content = file.read_bytes()
            if GROUP.encode() in content:
                found += _parse(file, content.decode("utf-8"), distribution, version)
        except (OSError, UnicodeDecodeError) as error:
            warnings.warn(f"{file}: unreadable ({error}); its bundles are not listed", stacklevel=2)
    return sorted(found, key=lambda bundle: (bundle.name, bundle.distribution))


def _entry_point_files(path: list[str]) -> Iterator[Path]:
    for folder in path:
        for pattern in ("*.dist-info", "*.egg-info"):
            escaped = glob.escape(folder or os.curdir)
            yield from (Path(file) for file in sorted(glob.glob(os.path.join(escaped, pattern, "entry_points.txt"))))


def _distribution(folder: str) -> tuple[str, str]:
    """Normalised name and version from the name of a .dist-info or .egg-info folder; a version may be missing."""
    stem = re.sub(r"-py[\d.]+$", "", folder.rpartition(".")[0])
    name, _, version = stem.rpartition("-") if "-" in stem else (stem, "", "")
    return re.sub(r"[-_.]+", "-", name).lower(), version


def _parse(file: Path, text: str, distribution: str, version: str) -> Iterator[Bundle]:
    # entrypoints' own walk stops at the first malformed file and expands "%": so its parser is used file by file.
    parser = entrypoints.CaseSensitiveConfigParser(delimiters=("=",), interpolation=None)
    try:
        parser.read_string(text, source=str(file))
    except configparser.Error as error:
        reason = str(error).replace("\n", " ")
        warnings.warn(f"{file}: malformed ({reason}); its bundles are not listed", stacklevel=3)
        return
    for name, value in parser[GROUP].items() if GROUP in parser else ():
        try:
            point = entrypoints.EntryPoint.from_string(value, name)
        except entrypoints.BadEntryPoint:
            point = None
        if point is None or point.object_name or point.extras:
            warnings.warn(f"{file}: bundle {name!r} is not listed: {value!r} is not the name of a module", stacklevel=3)
        else:
            yield Bundle(name, point.module_name, distribution, version)
