"""`labelloom data`: what a source holds, before anything is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelloom.cli.options import Json
from labelloom.cli.output import console, print_json
from labelloom.data.splitters import SPLITTERS

if TYPE_CHECKING:
    from labelloom.data.figures import Overview
    from labelloom.data.published import Comparison
    from labelloom.spec.data import DataSettings


def show_data(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="What data.source may be, or a spec: a TOML file or the name of one."),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Set a key of [data]: --set data.text=title. May be given several times."
        ),
    ] = None,
    splitter: Annotated[
        str,
        typer.Option("--splitter", metavar="NAME", help=f"What makes the words to count: {', '.join(SPLITTERS)}."),
    ] = "whitespace",
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.svg", help="Also draw the label frequencies to this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a data set holds.

    Splits, labels, lengths, frequent and rare labels, labels that go together, repeated texts, labels that training
    does not see, what reading noted, one document, and the published figures of the set that it seems to be. It is
    shown as its source has it: no split is cut.
    """
    if plot is not None and plot.suffix != ".svg":
        raise typer.BadParameter(f"{str(plot)!r} does not end in .svg.", param_hint="--plot")
    if plot is not None and not plot.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {str(plot.parent)!r}.", param_hint="--plot")

    from labelloom.bundles import Catalogue
    from labelloom.data.remarks import remarks
    from labelloom.spec import read_data

    catalogue = Catalogue()
    with catalogue.helping():
        settings = read_data(source, overrides or (), catalogue.specs())
    with catalogue.helping(settings.source):
        told, comparison = _counted(settings, splitter)
    remarked = remarks(told, settings)
    if plot is not None:
        from labelloom.cli.frequency_plot import frequency_svg

        plot.write_text(frequency_svg(told), encoding="utf-8")
    if as_json:
        published = comparison and comparison.to_json()
        about = {"source": settings.source, "splitter": splitter, "remarks": remarked, "published": published}
        print_json({**told.to_json(), **about})
        return
    from labelloom.cli.data_text import print_overview

    print_overview(console(), told, settings, remarked, comparison)
    if plot is not None:
        typer.echo(f"\nlabel frequencies drawn to {plot}")


def _counted(settings: DataSettings, splitter: str) -> tuple[Overview, Comparison | None]:
    from labelloom.data.corpus import load_uncut
    from labelloom.data.overview import overview
    from labelloom.data.published import nearest
    from labelloom.data.splitters import word_splitter

    words = word_splitter(splitter, "--splitter")
    told = overview(load_uncut(settings), words)
    return told, nearest(told, Path(settings.source).parts[-2:])
