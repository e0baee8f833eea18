"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(text: str) -> Path:
    """`text` as a path, with the user's home folder for "~".

    Unlike pathlib's, this leaves the home of a user whom nobody knows as it is: there is no such file, and who looks
    for it says so.
    """
    return Path(os.path.expanduser(text))
