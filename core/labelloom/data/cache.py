"""The cache on disk. Entries are named by a hash of what they were made of, and appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from labelloom.errors import DataError


def cache_folder() -> Path:
    """$LABELLOOM_CACHE, or else ~/.cache/labelloom. It may be deleted at any time."""
    return Path(os.environ.get("LABELLOOM_CACHE") or "~/.cache/labelloom").expanduser()


def digest_of(*parts: object) -> str:
    """sha256, in hexadecimal, of the parts: values that JSON can write, bytes, or arrays."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            data = np.ascontiguousarray(part).tobytes()
        else:
            data = part if isinstance(part, bytes) else json.dumps(part).encode()
        digest.update(f"{type(part).__name__} {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """sha256, in hexadecimal, of a file's content. Raises DataError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from error


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """A name beside `path` to write a file or fill a folder under; at the end it is renamed to `path`.

    If another process was faster, its entry is kept: both are made of the same. Raises DataError where the cache
    cannot be written.
    """
    with temporary_beside(path) as beside:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield beside
            if not path.exists():
                _rename(beside, path)
        except OSError as error:
            if not _is_about_the_cache(error, path.parent):
                raise
            raise DataError(
                f"the cache cannot be written: {error.strerror or error}",
                where=str(path.parent),
                suggestions=["set LABELLOOM_CACHE to a folder that you may write to, on a disk with room"],
            ) from error


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A name beside `path` that no other process uses, to be renamed to it; what is there at the end is removed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
    try:
        yield beside
    finally:
        if beside.is_dir():
            shutil.rmtree(beside)
        elif beside.exists():
            beside.unlink()


def _is_about_the_cache(error: OSError, folder: Path) -> bool:
    """Whether writing below `folder` failed, and not the reading of something else meanwhile."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return True
    at = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    return at is not None and (at.is_relative_to(folder) or folder.is_relative_to(at))


def _rename(beside: Path, path: Path) -> None:
    try:
        beside.rename(path)
    except OSError:
        # A folder cannot replace one that another process renamed between our look and our rename.
        if not path.exists():
            raise


def cached_arrays(path: Path | None, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays in the .npz file `path`, computed and written there if it is missing; without a path, computed."""
    if path is None:
        return compute()
    if not path.exists():
        arrays = compute()
        with written_beside(path) as beside, beside.open("wb") as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}
