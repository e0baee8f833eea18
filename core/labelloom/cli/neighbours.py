"""The options of `labelloom evaluate` that show a document's neighbours by label, and what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelloom.cli.output import console, print_json, table, visible
from labelloom.wording import counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from labelloom.evaluation.neighbours import LabelNeighbours, Neighbours

_PANEL = "A document's neighbours by label, instead of scores"
_AMONG = 50
_AT_LEAST = 0.1
_SHOWN = 5
"""Neighbours that a table lists; JSON has all."""


def _option(*names: str, **said: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_PANEL, **said)


Document = Annotated[
    str | None,
    _option(
        "--neighbours",
        metavar="DOCUMENT_ID",
        help="Show the documents nearest to this one by the vector of each label, and the labels that they carry. "
        "--split says whose documents are compared with it, default train.",
    ),
]
Labels = Annotated[
    list[str] | None,
    _option(
        "--label",
        metavar="CODE",
        help="By the vector of this label; may be given several times. Default those that the document carries.",
    ),
]
Among = Annotated[
    int | None, _option("--among", metavar="N", min=1, help=f"How many of the nearest are taken; default {_AMONG}.")
]
AtLeast = Annotated[
    float | None,
    _option(
        "--at-least", metavar="P", help=f"The share of them from which a label is shown; default {_AT_LEAST}, of 1."
    ),
]
Branch = Annotated[
    str | None, _option("--branch", metavar="NAME", help="Whose vectors, where several branches have their own.")
]

_OWN = {"--label", "--among", "--at-least", "--branch"}
_COMMON = {"--neighbours", "--split", "--data", "--json", "--allow-local-code"}


def check_options(context: typer.Context, at_least: float | None) -> None:
    """Raises BadParameter for options that would be ignored, with `--neighbours` and without, and for no share."""
    given = {
        option.opts[0]
        for option in context.command.params
        if option.opts[0].startswith("--") and _is_given(context, str(option.name))
    }
    if "--neighbours" in given:
        if scoring := sorted(given - _OWN - _COMMON):
            raise typer.BadParameter(
                "it says something of scores, which --neighbours does not show.", param_hint=scoring
            )
    elif lonely := sorted(given & _OWN):
        raise typer.BadParameter("it says something only of --neighbours DOCUMENT_ID.", param_hint=lonely)
    if at_least is not None and not 0 <= at_least <= 1:
        raise typer.BadParameter(f"{at_least:g} does not lie between 0 and 1.", param_hint="--at-least")


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def show_neighbours(
    run: Path,
    document: str,
    labels: list[str] | None,
    split: str | None,
    data: str | None,
    among: int | None,
    at_least: float | None,
    branch: str | None,
    as_json: bool,
    allow_local_code: bool,
) -> None:
    """Find the neighbours of `document` with the model of `run`, and print them."""
    from labelloom.runs.classifier import load
    from labelloom.runs.folder import RunFolder
    from labelloom.runs.splits import other_corpus, own_corpus

    classifier = load(run, allow_local_code=allow_local_code)
    if data is None:
        corpus = own_corpus(RunFolder(run), classifier.data)
    else:
        corpus = other_corpus(data, classifier.labels, classifier.data)
        for note in corpus.notes:
            typer.echo(note, err=True)
    found = classifier.neighbours(
        corpus, document, labels or None, split=split or "train", count=among or _AMONG, branch=branch
    )
    if as_json:
        print_json(asdict(found))
    else:
        _print(found, _AT_LEAST if at_least is None else at_least, console())


def _print(found: Neighbours, at_least: float, out: Console) -> None:
    carried = ", ".join(found.labels) or "no label"
    out.print(visible(f"{found.document} ({found.split}): {carried}"))
    most = max(len(label.nearest) for label in found.by_label)
    if 2 * most > found.compared:
        out.print(
            f"the {most} nearest are most of the {counted(found.compared, 'document')} compared, so that their shares "
            "follow those in all: --among takes fewer"
        )
    for label in found.by_label:
        out.print()
        name = "" if label.name == label.label else f" ({label.name})"
        verb = "carries" if label.carried else "lacks"
        by = f"by {label.label}{name}, which it {verb}"
        if not label.nearest:
            out.print(visible(f"{by}: the document's vector is zero, and nothing is near it"))
            continue
        out.print(visible(f"{by}: the {counted(len(label.nearest), 'nearest document')} of {found.among}"))
        out.print(_shares(label, found.in_all, at_least))
        out.print()
        out.print(_nearest(label))


def _shares(label: LabelNeighbours, in_all: Mapping[str, float], at_least: float) -> Table:
    made = table("label", "share", "in all", numbers=["share", "in all"])
    for code, share in label.shares.items():
        if share >= at_least:
            made.add_row(visible(code), f"{100 * share:.0f} %", f"{100 * in_all[code]:.0f} %")
    return made


def _nearest(label: LabelNeighbours) -> Table:
    made = table("nearest", "similarity", "labels", numbers=["similarity"])
    shown = label.nearest[:_SHOWN]
    digits = _digits([near.similarity for near in shown])
    for near in shown:
        made.add_row(visible(near.document), f"{near.similarity:.{digits}f}", visible(", ".join(near.labels)))
    return made


def _digits(numbers: Sequence[float]) -> int:
    """How many decimals tell different numbers apart: 4 at least, and 7 at most, as vectors are float32."""
    different = len(set(numbers))
    return next((digits for digits in range(4, 7) if len({round(each, digits) for each in numbers}) == different), 7)
