"""What the commands print on standard output."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import typer

from labelloom.components import FIELDS, Need

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_UNWRAPPED = 10_000
_IN_ORDER = ("tokens", "document", "aspects", "labels", "label_table", "scores")
assert set(_IN_ORDER) == FIELDS


def console() -> Console:
    """Standard output. Where it is no terminal lines are not wrapped, so that files and grep see them whole, and have
    no blanks at their ends."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False, markup=False, emoji=False)
    file = cast("IO[str]", _Trimmed(sys.stdout))
    return Console(file=file, highlight=False, markup=False, emoji=False, width=_UNWRAPPED)


class _Trimmed:
    """A file that drops the blanks with which tables fill up their last column."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(re.sub(r" +(?=\n)", "", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def table(*columns: str, numbers: Iterable[str] = ()) -> Table:
    """An empty table without lines; the columns in `numbers` are set flush right. Empty names for no header."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, show_header=any(columns), header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        made.add_column(name, justify="right" if name in numbers else "left")
    return made


def visible(text: str) -> str:
    """`text` with control characters as Python escapes them: they would steer a terminal, and XML has none of them."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", lambda sign: ascii(sign[0])[1:-1], text)


def print_json(value: Any) -> None:
    """`value` as one line of JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def in_order(names: Iterable[str]) -> list[str]:
    """Needs or gives in the order in which data passes; draws and bundles' own fields come last."""

    def place(name: str) -> tuple[int, str]:
        first = Need.parse(name).alternatives[0]
        return (_IN_ORDER.index(first) if first in _IN_ORDER else len(_IN_ORDER), name)

    return sorted(names, key=place)


def flow(needs: Iterable[str], gives: Iterable[str]) -> str:
    """ "tokens, labels | label_table → document"."""
    return f"{', '.join(in_order(needs))} → {', '.join(in_order(gives))}".strip()


def from_here(text: str) -> str:
    """`text` with the paths of what lies below the current folder as they are from there: "runs/a/0"."""
    here = os.getcwd().rstrip(os.sep) + os.sep
    return re.sub(rf"(?<![\w.{re.escape(os.sep)}-]){re.escape(here)}(?=\S)", "", text) if here != os.sep else text


def count(number: float) -> str:
    """ "1,234" or "22.7 M"."""
    return f"{number / 1e6:,.1f} M" if number >= 1e6 else f"{number:,.0f}"


def short(path: Path) -> Path:
    """`path` from the current folder, where it is below that."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def duration(seconds: float) -> str:
    """ "12 s", "3 min 20 s" or "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
