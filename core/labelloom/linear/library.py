"""scikit-learn, imported where it is used: it is an extra."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from labelloom.errors import RunError


def sklearn(module: str) -> Any:
    """The module `sklearn.<module>`. Raises RunError, with the install that brings it, where it is missing."""
    try:
        return import_module(f"sklearn.{module}")
    except ModuleNotFoundError as error:
        raise RunError(
            "linear baselines need scikit-learn, which is not installed",
            suggestions=['pip install "labelloom[baseline]"'],
        ) from error
