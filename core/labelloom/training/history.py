"""The history of a run: a line of JSON an event. It can be cut back to a checkpoint."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO, Any


class History:
    """Appends to `history.jsonl`. Only one process writes; the others pass `path=None`."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def add(self, **event: Any) -> None:
        """One line, there for others to read at once."""
        if self.path is None:
            return
        if self._file is None:
            self._file = self.path.open("ab")
        self._file.write(json.dumps(event, allow_nan=False).encode() + b"\n")
        self._file.flush()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path is not None and self.path.exists() else 0

    def sync(self) -> None:
        """See that what was added survives a power cut."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def cut(self, size: int) -> None:
        """Forget what came after `size` bytes: a resumed run writes it again."""
        if self.path is not None and self.path.exists():
            os.truncate(self.path, min(size, self.size))

    def close(self) -> None:
        """Nothing more is added."""
        if self._file is not None:
            self._file.close()
            self._file = None
