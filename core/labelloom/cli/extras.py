"""What bundles add to `labelloom evaluate`: metrics and sections that are asked for by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelloom.cli.output import table, visible
from labelloom.errors import BundleError, Problem, SpecError

if TYPE_CHECKING:
    from rich.console import Console

    from labelloom.bundles import Catalogue
    from labelloom.evaluation.metrics import Metric
    from labelloom.evaluation.outcome import Outcome
    from labelloom.report.sections import Cell, Content, Scored
    from labelloom.runs.folder import RunFolder
    from labelloom.sections import Section

Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        help="Add a metric of a bundle: bundle/metric, or bundle/metric@5. May be given several times.",
    ),
]
Sections = Annotated[
    list[str] | None,
    typer.Option("--section", metavar="NAME", help="Add a section of a bundle. May be given several times."),
]


def chosen_metrics(asked: Sequence[str] | None, run: RunFolder) -> dict[str, Metric]:
    """The metrics of bundles that are asked for, after those that the run's spec names, by key.

    One of the spec that cannot be had any more is told; one that is asked for is refused.
    """
    from labelloom.evaluation.metrics import find_metric

    found: dict[str, Metric] = {}
    for key in run.read_extra_metrics():
        try:
            found[key] = find_metric(key, where=key)
        except (BundleError, SpecError) as error:
            typer.echo(f"{key}, which the run's spec names, is not measured: {error}", err=True)
    for key in asked or ():
        if "/" not in key:
            raise typer.BadParameter(
                f"{key!r} is no metric of a bundle; the core's own are shown.", param_hint="--metric"
            )
        found[key] = find_metric(key, where="--metric")
    return found


def refuse_unmeasured(asked: Sequence[str] | None, metrics: Mapping[str, Metric], outcome: Outcome) -> None:
    """Raise SpecError for metrics that were asked for and lack what they need."""
    from labelloom.evaluation.metrics import lacking

    lacks = {key: lacking(metrics[key], outcome) for key in asked or ()}
    ranking = outcome.ranking
    advice = {"label scores": "--rarest 10", "probabilities": "--calibration platt"}
    problems = []
    for key, needs in lacks.items():
        tried = [advice[need] for need in needs if need in advice]
        if ranking is not None and not ranking.complete and (metrics[key].first or 0) > ranking.depth:
            tried.append(f"{key.partition('@')[0]}@{ranking.depth}")
        if needs:
            message = f"{key} needs what this run and these documents do not have: {', '.join(needs)}"
            problems.append(Problem("--metric", message, tuple(tried)))
    if problems:
        raise SpecError.from_problems(problems)


def chosen_sections(asked: Sequence[str] | None, catalogue: Catalogue) -> list[Section]:
    """The records of the sections that are asked for. Raises UnknownNameError before anything is scored."""
    from labelloom.sections import Section

    return [catalogue.record(Section, name, "--section") for name in dict.fromkeys(asked or ())]


def contents(sections: Sequence[Section], catalogue: Catalogue, scored: Scored) -> dict[str, tuple[str, Content]]:
    """Title and content of each section, by its name. Raises as `content_of` does."""
    from labelloom.report.sections import content_of

    return {record.name: (record.title, content_of(record, catalogue, scored)) for record in sections}


def sections_as_json(found: Mapping[str, tuple[str, Content]]) -> dict[str, Any]:
    """All sections below one key; nothing where there are none."""
    return {"sections": {name: content.to_json(title) for name, (title, content) in found.items()}} if found else {}


def print_sections(out: Console, found: Mapping[str, tuple[str, Content]]) -> None:
    """Each section with its title, paragraphs and tables; of pictures the titles."""
    for title, content in found.values():
        out.print(f"\n{visible(title)}", style="bold")
        for paragraph in content.paragraphs:
            out.print(f"\n{visible(paragraph)}")
        for each in content.tables:
            out.print(f"\n{visible(each.title)}")
            numbers = [
                name
                for place, name in enumerate(each.columns)
                if not any(isinstance(row[place], str) for row in each.rows)
            ]
            shown = table(*map(visible, each.columns), numbers=map(visible, numbers))
            for row in each.rows:
                shown.add_row(*map(_cell, row))
            out.print(shown)
        for figure in content.figures:
            out.print(f"\na picture: {visible(figure.title)} (--json has it as SVG)")


def _cell(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"
