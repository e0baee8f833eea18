"""A run that took no step leaves nothing: no folder that blocks its name, and nothing that could be resumed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def no_leftovers(folder: Path, begun: Callable[[], bool]) -> Iterator[None]:
    """Removes what the context made in `folder`, and folders that it made for it, if an error ends it before `begun`.

    What was there before stays.
    """
    before = set(folder.iterdir()) if folder.is_dir() else set()
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        if not begun():
            for entry in folder.iterdir() if folder.is_dir() else ():
                if entry not in before:
                    _remove(entry)
            for path in made:
                # Another process may have put its own run there meanwhile.
                if path.is_dir() and not any(path.iterdir()):
                    path.rmdir()
        raise


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()
