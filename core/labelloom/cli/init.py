"""`labelloom init`: a copy of a shipped spec, to edit."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from labelloom.bundles import Catalogue
from labelloom.errors import SpecError, UnknownSpecError

_EXTENDS = re.compile(r"^(\s*extends\s*=\s*)(['\"]).*?\2", re.MULTILINE)


def copy_spec(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A shipped spec; `labelloom list specs` shows them.")],
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="Where to write it; default <name>.toml in this folder.")
    ] = None,
) -> None:
    """Copy a shipped spec, to edit.

    A file that is there already is never overwritten.
    """
    catalogue = Catalogue()
    specs = catalogue.specs()
    if name not in specs:
        close = get_close_matches(name, specs, n=3, cutoff=0.4) or ["labelloom list specs"]
        with catalogue.helping():
            raise UnknownSpecError("no installed bundle ships a spec of this name", where=name, suggestions=close)
    target = path or Path(specs[name].name)
    if target.is_dir():
        target = target / specs[name].name
    text = _with_shipped_parent(specs[name], specs)
    text = text.replace(f"# labelloom train {name}\n", f"# labelloom train {shlex.quote(os.fspath(target))}\n", 1)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise SpecError(
            "this file is there already; it is not overwritten",
            where=str(target),
            suggestions=[f"labelloom init {name} <another path>"],
        ) from None
    except OSError as error:
        raise SpecError(f"cannot be written: {error.strerror}", where=str(target)) from error
    file_name = shlex.quote(os.fspath(target))
    typer.echo(f"{target} is a copy of {name}. Edit it, then:\n")
    typer.echo(f"    labelloom check {file_name}\n    labelloom train {file_name}")


def _with_shipped_parent(file: Path, specs: dict[str, Path]) -> str:
    """The text of a shipped spec; one that extends a file beside it extends that file's shipped name in the copy."""
    text = file.read_text(encoding="utf-8")
    parent = tomllib.loads(text).get("extends")
    if parent is None or parent in specs:
        return text
    beside = (file.parent / parent).resolve()
    name = next((name for name, path in specs.items() if path.resolve() == beside), None)
    if name is None:
        raise SpecError(f"extends {parent!r}, which no bundle ships", where=str(file))
    return _EXTENDS.sub(lambda found: f'{found[1]}"{name}"', text, count=1)
