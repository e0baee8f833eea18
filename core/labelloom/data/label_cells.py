"""Labels in the cell of a table: a list that was written as text, or a string that needs a separator."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence

_STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_LISTED = re.compile(rf"\[\s*(?:(?:{_STRING}|-?\d+)\s*(?:,\s*(?:{_STRING}|-?\d+)\s*)*,?\s*)?\]", re.DOTALL)
_SURE = (";", "|", "\t", ",")
"""Signs that hardly stand inside a label, the surest first."""
_UNSURE = ("/", " ")


def list_in(cell: str) -> list[object] | None:
    """The list that a cell writes in JSON or Python, `["a", "b"]` or `['a', 'b']`; None for any other text.

    Numbers and strings alone, separated by commas: what numpy prints, `['a' 'b']`, is no list.
    """
    if not cell.startswith("[") or not cell.endswith("]"):
        return None
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):  # thousands of brackets
        if not _LISTED.fullmatch(cell):
            return None
        try:
            found = ast.literal_eval(cell)
        except (ValueError, SyntaxError):
            return None
    return found if isinstance(found, list) else None


def likely_separator(cells: Sequence[str]) -> tuple[str, int] | None:
    """What seems to separate the labels in `cells`, and in how many of them it stands; None where nothing does.

    A slash or a space separates only if it makes few different labels of many different cells.
    """
    for sign in (*_SURE, *_UNSURE):
        holding = [cell for cell in cells if sign in cell.strip()]
        if not holding:
            continue
        parts = {part.strip() for cell in cells for part in cell.split(sign) if part.strip()}
        if sign in _SURE or len(parts) < len(set(cells)):
            return sign, len(holding)
    return None
