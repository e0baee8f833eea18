"""`labelloom predict`: labels for texts, as they come."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelloom.cli import shortlist_options as few
from labelloom.cli.options import AllowLocalCode

if TYPE_CHECKING:
    from labelloom.cli.documents import Document, Fields
    from labelloom.runs.classifier import LabelScore
    from labelloom.spec.data import DataSettings

_AT_ONCE = 256
_FORMATS = ("auto", "lines", "jsonl", "csv", "tsv")


def predict_labels(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of one seed: runs/<name>/<seed>.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="What to read; - or nothing for standard input.")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, help="Give the K best labels, instead of those the run decides for.")
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="|".join(_FORMATS),
            help="auto goes by the file's name: .jsonl, .csv, .tsv, .txt, also with .gz; without a telling name it "
            "is jsonl where the first line starts with {, and lines elsewhere.",
        ),
    ] = "auto",
    text_fields: Annotated[
        list[str] | None,
        typer.Option(
            "--text-field",
            metavar="NAME",
            help="The JSON field or the column that holds the text; several are joined. Default those that the run was "
            "trained on, or else text.",
        ),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option("--delimiter", metavar="SIGN", help="What separates the columns of CSV; default as in training."),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Documents that go through the model at once.")
    ] = 32,
    shortlist: few.Shortlist = None,
    index: few.Index = None,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Label texts, as they come.

    Prints a line for each: {"id": …, "labels": [{"label", "name", "score"}, …]}, the best label first.

    Lines: every line is a text, an empty line an empty one. JSON lines: objects with "text" and optionally "id"; blank
    lines are skipped. CSV and TSV: a header names the columns. Fields and columns are called as in the run's corpus, or
    "text" and "id". A document without an id gets the number of its line. Answers are printed as soon as texts come.
    """
    if form not in _FORMATS:
        raise typer.BadParameter(f"{form!r} is not one of {', '.join(_FORMATS)}.", param_hint="--format")
    if delimiter is not None and len(delimiter) != 1:
        raise typer.BadParameter(f"{delimiter!r} is not one sign.", param_hint="--delimiter")
    few.check_options(shortlist, index)

    from labelloom.cli.documents import chunks, format_of, opened
    from labelloom.runs.classifier import load

    classifier = few.with_shortlist(load(run, allow_local_code=allow_local_code), shortlist, index)
    classifier.batch_size = batch_size
    wanted = _fields(classifier.data, text_fields, delimiter)
    with opened(file) as lines:
        if lines.place == "standard input" and sys.stdin.isatty():
            typer.echo("type a text a line; Ctrl-D ends", err=True)
        chosen = format_of(file, lines) if form == "auto" else form
        if delimiter is not None and chosen != "csv":
            raise typer.BadParameter(f"it is for CSV, and this is read as {chosen}.", param_hint="--delimiter")
        for chunk in chunks(lines, chosen, wanted, _AT_ONCE):
            answers = classifier.predict([document.text for document in chunk], top_k)
            for document, labels in zip(chunk, answers, strict=True):
                sys.stdout.write(_line(document, labels))
            sys.stdout.flush()


def _fields(data: DataSettings, text_fields: list[str] | None, delimiter: str | None) -> Fields:
    """The fields that were asked for, or else those of the run's corpus, or else "text"."""
    from labelloom.cli.documents import Fields
    from labelloom.spec.data import as_list

    choices = (tuple(text_fields),) if text_fields else (tuple(as_list(data.text)), ("text",))
    return Fields(choices, data.id, delimiter or data.delimiter or ",")


def _line(document: Document, labels: list[LabelScore]) -> str:
    # Six digits: what is beyond depends on which other documents a text shares its batch with.
    answers = [{"label": label.label, "name": label.name, "score": float(f"{label.score:.6g}")} for label in labels]
    return json.dumps({"id": document.id, "labels": answers}, ensure_ascii=False, allow_nan=False) + "\n"
