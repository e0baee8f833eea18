"""`labelloom new`: a bundle to begin with, from the files in `labelloom/templates`."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from labelloom import __version__
from labelloom.bundles import Catalogue
from labelloom.cli.output import short
from labelloom.components import KINDS, Kind
from labelloom.errors import BundleError
from labelloom.wording import with_article

_TEMPLATES = Path(__file__).parents[1] / "templates"
_SUFFIX = ".template"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST = 40
"""Letters of a bundle's name: it stands in every line that imports or names something of it."""


def new_bundle(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The bundle's name, with which its components' names begin: my-paper.")
    ],
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Where to write it; default labelloom-NAME in this folder.")
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help=f"Its first component: {', '.join(KINDS)}.")
    ] = "label_module",
) -> None:
    """Write a bundle to begin with.

    One small component, its options, a spec that runs it, tests, and what pip needs. It installs, passes its tests,
    trains and builds a wheel as it is. A folder that is there already is never written to.
    """
    chosen = _kind(kind)
    _refuse_bad_names(name)
    _refuse_taken_names(name)
    target = folder or Path(f"labelloom-{name}")
    component = write_bundle(name, chosen, target)
    here, with_pytest = shlex.quote(os.fspath(target)), shlex.quote(f"{os.fspath(target)}[dev]")
    typer.echo(f"{short(target)} is the bundle {name} with {with_article(chosen)}, {component}. Next:\n")
    typer.echo(f"    pip install --editable {with_pytest}\n    pytest {here}\n    labelloom train {component}")


def write_bundle(name: str, kind: Kind, target: Path) -> str:
    """Write the bundle `name` as the folder `target`; gives the full name of its component.

    Raises:
        BundleError: the folder is there or cannot be written; then nothing is left of it.
    """
    _write(target, dict(_files(name, kind, target.name)))
    return f"{name}/{_spec(kind)}"


def _kind(text: str) -> Kind:
    """The kind that `text` means: "label-module" is understood. Raises BadParameter."""
    plain = text.lower().replace("-", "_")
    for kind in KINDS:
        if plain == kind:
            return kind
    raise typer.BadParameter(f"{text!r} is not one of {', '.join(KINDS)}.", param_hint="--kind")


def _refuse_bad_names(name: str) -> None:
    """Raises BundleError for a name that a bundle, a distribution and a package cannot share."""
    plain = "-".join(re.findall(r"[a-z0-9]+", name.lower()))
    if not _NAME.fullmatch(name):
        message = "a bundle's name has lower-case letters and digits, with one hyphen between words"
    elif name.partition("-")[0] == "labelloom":
        message = "the distribution is called labelloom-NAME by itself; the bundle's name is the rest"
    elif len(name) > _LONGEST:
        message = f"a bundle's name has at most {_LONGEST} letters, and this one has {len(name)}"
    else:
        return
    better = plain.removeprefix("labelloom").lstrip("-")[:_LONGEST].strip("-")
    raise BundleError(message, where=name or "NAME", suggestions=[f"labelloom new {better or 'my-paper'}"])


def _refuse_taken_names(name: str) -> None:
    """Raises BundleError for the name of a bundle that is installed or known."""
    # pydantic takes longer to import than the rest of the commands.
    from labelloom.registry import known_bundles

    taken = {known: bundle.distribution for known, bundle in known_bundles().bundles.items()}
    taken.update((bundle.name, bundle.origin) for bundle in Catalogue().bundles)
    if name in taken:
        raise BundleError(
            f"this name is taken by {taken[name]}; one environment cannot have two bundles of one name",
            where=name,
            suggestions=[f"labelloom new my-{name}"],
        )


def _spec(kind: Kind) -> str:
    """The name of the spec of a kind's template, and of its component after the slash."""
    (file,) = (_TEMPLATES / kind / "package" / "specs").glob(f"*.toml{_SUFFIX}")
    return file.name.removesuffix(f".toml{_SUFFIX}")


def _files(name: str, kind: Kind, folder: str) -> Iterator[tuple[Path, str]]:
    """Every file of the bundle: its path within the folder and its text."""
    spec = _spec(kind)
    package = f"labelloom_{name.replace('-', '_')}"
    major, minor = (int(number) for number in __version__.split(".")[:2])
    words = {
        "name": name,
        "distribution": f"labelloom-{name}",
        "package": package,
        "folder": folder,
        "title": name.replace("-", " ").capitalize(),
        "kind": kind.replace("_", " "),
        "component": f"{name}/{spec}",
        "spec": spec,
        "module": spec.replace("-", "_"),
        "range": f">={major}.{minor},<{major}.{minor + 1}",
    }
    for root in (_TEMPLATES / "bundle", _TEMPLATES / kind):
        for file in sorted(root.rglob(f"*{_SUFFIX}")):
            first, *rest = file.relative_to(root).parts
            path = Path(package if first == "package" else first, *rest)
            text = Template(file.read_text(encoding="utf-8")).substitute(words)
            yield path.with_name(path.name.removesuffix(_SUFFIX)), text


def _write(target: Path, files: dict[Path, str]) -> None:
    """The files under `target`, all of them or none. Raises BundleError if it is there or cannot be written."""
    if target.exists() or target.is_symlink():
        raise BundleError(
            "this is there already; nothing was written",
            where=str(target),
            suggestions=["another folder: labelloom new NAME FOLDER"],
        )
    try:
        # Beside it, so that the renaming at the end moves nothing from one disk to another.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as beside:
            whole = Path(beside) / "bundle"
            for path, text in files.items():
                (whole / path).parent.mkdir(parents=True, exist_ok=True)
                (whole / path).write_text(text, encoding="utf-8")
            whole.rename(target)
    except OSError as error:
        raise BundleError(f"cannot be written: {error.strerror}", where=str(target)) from error
