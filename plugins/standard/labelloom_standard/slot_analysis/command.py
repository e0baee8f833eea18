"""`labelloom standard/attention`: what labels in a model's input pay each other, beside how they go together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from labelloom.cli.options import AllowLocalCode, Json
from labelloom.cli.output import console, print_json, table, visible

if TYPE_CHECKING:
    from labelloom_standard.slot_analysis.result import LabelAttention

_LAYERS = ("last", "all")


def show_attention(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of one seed: runs/<name>/<seed>.")],
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="SPLIT", help="Whose documents; default test, or validation without one."),
    ] = None,
    layers: Annotated[
        str, typer.Option("--layers", metavar="|".join(_LAYERS), help="The last layer, or the mean of all.")
    ] = "last",
    part: Annotated[
        str | None,
        typer.Option("--part", metavar="PATH", help="Of the encoder, where several have labels in their input."),
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", metavar="N", min=1, help="How many pairs of labels are shown.")] = 10,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE.svg", help="Also draw both matrices to this file.")
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", metavar="N", min=1, help="Documents that go through the model at once.")
    ] = 8,
    as_json: Json = False,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Show what labels in a model's input pay each other of its attention.

    For a run whose encoder has a slot or a token for each label. Averaged over heads and over the documents of a split,
    with no label told, and held against the correlation of the labels in the training split.
    """
    if layers not in _LAYERS:
        raise typer.BadParameter(f"{layers!r} is not one of {', '.join(_LAYERS)}.", param_hint="--layers")
    if output is not None and output.suffix != ".svg":
        raise typer.BadParameter(f"{str(output)!r} does not end in .svg.", param_hint="--output")
    if output is not None and not output.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {str(output.parent)!r}.", param_hint="--output")

    from labelloom.runs.classifier import load
    from labelloom.runs.folder import RunFolder
    from labelloom.runs.splits import choose_split, own_corpus
    from labelloom_standard.slot_analysis.result import label_attention

    classifier = load(run, allow_local_code=allow_local_code)
    corpus = own_corpus(RunFolder(run), classifier.data)
    chosen = choose_split(corpus, split)
    found = label_attention(
        classifier,
        chosen,
        corpus.statistics,
        part=part,
        layers=cast(Literal["last", "all"], layers),
        batch_size=batch_size,
    )
    if output is not None:
        output.write_text(found.svg(), encoding="utf-8")
    if as_json:
        print_json(found.to_json())
        return
    _print(found, pairs)
    if output is not None:
        typer.echo(f"\nboth matrices drawn to {output}")


def _print(found: LabelAttention, pairs: int) -> None:
    from labelloom_standard.slot_analysis.relations import figure

    out = console()
    out.print(visible(f"{found.run}: attention between {len(found.labels)} labels ({found.about})"))
    out.print()
    held = found.agreement
    figures = table("with the correlation in train", "", numbers=[""])
    for name, value in (("Pearson", held.pearson), ("Spearman", held.spearman)):
        figures.add_row(name, figure(value))
    figures.add_row("pairs of labels", f"{held.pairs:,}")
    out.print(figures)
    out.print()
    most = table("most attention from", "to", "attention", "correlation", numbers=["attention", "correlation"])
    for pair in found.strongest(pairs):
        most.add_row(
            visible(pair["from"]), visible(pair["to"]), f"{pair['attention']:.4f}", figure(pair["correlation"])
        )
    out.print(most)
    out.print()
    together = table(
        "most correlated", "", "correlation", "attention", "back", numbers=["correlation", "attention", "back"]
    )
    for pair in found.most_correlated(pairs):
        together.add_row(
            visible(pair["from"]),
            visible(pair["to"]),
            figure(pair["correlation"]),
            f"{pair['attention']:.4f}",
            f"{pair['back']:.4f}",
        )
    out.print(together)
