"""The conformance kit: whether the components of a bundle keep what the contract promises.

from labelloom.testing import check_bundle

check_bundle("mybundle")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelloom.testing.bert import tiny_bert
    from labelloom.testing.closeness import agree
    from labelloom.testing.corpus import small_corpus
    from labelloom.testing.making import every_row, installed, label_space, read_texts, targets_of
    from labelloom.testing.outcome import Case, ConformanceError, Failure, Report, Skipped
    from labelloom.testing.running import cases, cases_of, check_bundle

# Imported when they are used: pytest loads the plugin of this package in every run, whatever that is about.
_NAMES = {
    "tiny_bert": "bert",
    **dict.fromkeys(("cases", "cases_of", "check_bundle"), "running"),
    "agree": "closeness",
    "small_corpus": "corpus",
    **dict.fromkeys(("every_row", "installed", "label_space", "read_texts", "targets_of"), "making"),
    **dict.fromkeys(("Case", "ConformanceError", "Failure", "Report", "Skipped"), "outcome"),
}

__all__ = [
    "Case",
    "ConformanceError",
    "Failure",
    "Report",
    "Skipped",
    "agree",
    "cases",
    "cases_of",
    "check_bundle",
    "every_row",
    "installed",
    "label_space",
    "read_texts",
    "small_corpus",
    "targets_of",
    "tiny_bert",
]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'labelloom.testing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"labelloom.testing.{_NAMES[name]}"), name)
