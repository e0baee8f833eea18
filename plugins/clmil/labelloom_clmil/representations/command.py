"""`labelloom clmil/representations`: how documents lie in the vectors that runs make of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelloom.cli import group_options as groups
from labelloom.cli.options import AllowLocalCode, Json
from labelloom.cli.output import console, print_json, table, visible
from labelloom.cli.scores import groups_explained

if TYPE_CHECKING:
    from labelloom_clmil.representations.result import Representations


def show_representations(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Folders of one seed each: runs/<name>/<seed>.")],
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="SPLIT", help="Whose documents; default test, or validation without one."),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option("--stage", metavar="NAME", help="Read as in this stage; default as predictions do."),
    ] = None,
    before: Annotated[bool, typer.Option("--before", help="Also show the model that each run began with.")] = False,
    documents: Annotated[
        int, typer.Option("--documents", metavar="N", min=2, help="At most so many, spread over the split.")
    ] = 2000,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE.svg", help="Also draw the documents to this file.")
    ] = None,
    head: groups.Head = None,
    mid: groups.Mid = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", metavar="N", min=1, help="Documents that go through the model at once.")
    ] = 32,
    as_json: Json = False,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Show how uniformly documents lie in the vectors that runs make of them.

    Uniformity and mean cosine are over pairs of documents, alignment is between two passes with dropout. The picture
    has the documents along their principal axes, coloured by the groups of their labels.
    """
    bounds = groups.asked_bounds(head, mid)
    if output is not None and output.suffix != ".svg":
        raise typer.BadParameter(f"{str(output)!r} does not end in .svg.", param_hint="--output")
    if output is not None and not output.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {str(output.parent)!r}.", param_hint="--output")

    from labelloom.runs.classifier import load
    from labelloom.runs.folder import RunFolder
    from labelloom.runs.splits import choose_split, own_corpus
    from labelloom_clmil.representations.result import picture, representations

    found: list[Representations] = []
    for run in runs:
        classifier, folder = load(run, allow_local_code=allow_local_code), RunFolder(run)
        corpus = own_corpus(folder, classifier.data)
        groups.check_bounds(bounds, corpus.statistics.document_count)
        found += representations(
            classifier,
            folder,
            corpus,
            choose_split(corpus, split),
            stage=stage,
            before=before,
            most=documents,
            batch_size=batch_size,
            bounds=bounds,
        )
    if output is not None:
        output.write_text(picture(found, groups_explained(*bounds)), encoding="utf-8")
    if as_json:
        print_json([each.to_json() for each in found])
        return
    _print(found)
    if output is not None:
        typer.echo(f"\ndrawn to {output}")


def _print(found: list[Representations]) -> None:
    out = console()
    figures = ("documents", "uniformity", "alignment", "mean cosine")
    shown = table("run", "split", *figures, numbers=figures)
    for each in found:
        aligned = "–" if each.alignment is None else f"{each.alignment:.3f}"
        numbers = (f"{each.documents:,}", f"{each.uniformity:.3f}", aligned, f"{each.mean_cosine:.3f}")
        shown.add_row(visible(each.title), each.split, *numbers)
    out.print(shown)
    out.print("\nuniformity: lower is more uniform; alignment: lower is nearer")
    if any(each.alignment is None for each in found):
        out.print("alignment –: two passes are the same, as without dropout")
