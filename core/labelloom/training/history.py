"""The history of a run: a line of JSON an event. It can be cut back to a checkpoint."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class History:
    """Appends to `history.jsonl`. Only one process writes; the others pass `path=None`."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def add(self, **event: Any) -> None:
        """One line."""
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(event, allow_nan=False) + "\n")

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path is not None and self.path.exists() else 0

    def flush(self) -> None:
        """See that what was added survives a power cut."""
        if self.path is not None and self.path.exists():
            with self.path.open("rb") as file:
                os.fsync(file.fileno())

    def cut(self, size: int) -> None:
        """Forget what came after `size` bytes: a resumed run writes it again."""
        if self.path is not None and self.path.exists():
            os.truncate(self.path, min(size, self.size))
