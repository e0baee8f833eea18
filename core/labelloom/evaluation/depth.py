"""How many labels of each document a ranking keeps."""

from __future__ import annotations

_ENTRIES = 50_000_000
_LEAST = 100


def depth_for(documents: int, labels: int) -> int:
    """How many labels of each document are kept: all where that is 50 million entries or fewer, never under 100."""
    return min(labels, max(_LEAST, _ENTRIES // max(1, documents)))
