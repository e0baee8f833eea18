"""`labelloom baseline`: linear classifiers over tf-idf, beside which networks have to show what they are worth."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelloom.cli.options import Json, Overrides
from labelloom.cli.output import console, duration, print_json, short, table
from labelloom.errors import SpecError

if TYPE_CHECKING:
    from labelloom.runs.folder import Run
    from labelloom.spec.baseline import BaselineSpec

_METHODS = {"br": "binary relevance", "cc": "classifier chain", "lp": "label powerset"}
_CLASSIFIERS = ("svm", "logistic")


def train_baselines(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="What data.source may be, or a spec: a TOML file or the name of one."),
    ],
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            metavar="|".join(_METHODS),
            help="Binary relevance, classifier chain, label powerset; default br. May be given several times.",
        ),
    ] = None,
    classifier: Annotated[
        str | None,
        typer.Option(
            "--classifier", metavar="|".join(_CLASSIFIERS), help="Linear SVM or logistic regression; default svm."
        ),
    ] = None,
    rule: Annotated[
        str | None, typer.Option("--rule", metavar="RULE", help="decision.rule; default fitted, one threshold.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="The order of a chain, the solver's random numbers.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder of runs.")] = Path("runs"),
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Train linear baselines on a data set.

    Tf-idf of words, a linear classifier of two classes, and a way to many labels: BR, CC and LP of the papers' tables.
    Splits, decision rules and metrics are those of every run. Longest word sequences, class weights and C are chosen
    on validation: --set 'baseline.c=[1]' tries one value only. Of a spec, [data], [baseline], [decision] and seed are
    taken.

    A run is saved in DIR/<name>/<seed>; evaluate and predict work on it as on any other.
    """
    chosen = list(dict.fromkeys(methods or ()))
    for name, value, known in (
        *(("--method", method, _METHODS) for method in chosen),
        *(("--classifier", value, _CLASSIFIERS) for value in (classifier,) if value is not None),
    ):
        if value not in known:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(known)}.", param_hint=name)

    from labelloom.training.baseline import baseline_folder, refuse_existing, train_baseline
    from labelloom.training.progress import Shown

    settings: dict[str, Any] = {}
    if rule is not None:
        settings["decision"] = {"rule": rule}
    if seed is not None:
        settings["seed"] = seed
    specs = [_read(source, settings, method, classifier, overrides or ()) for method in chosen or (None,)]
    if len({spec.name for spec in specs}) < len(specs):  # --set name
        specs = [spec.model_copy(update={"name": f"{spec.name}-{spec.baseline.method}"}) for spec in specs]
    # Before any is trained: the last may be hours away.
    refuse_existing(baseline_folder(spec, output) for spec in specs)
    runs: list[Run] = []
    try:
        with Shown() as shown:
            for spec in specs:
                if len(specs) > 1:
                    shown.say(_METHODS[spec.baseline.method])
                run = train_baseline(spec, output=output, reporter=shown)
                runs.append(run)
                if as_json:
                    print_json({"run": str(run.path), "metrics": run.scores})
    finally:
        # What is finished is worth seeing when a later one fails, too.
        if runs and not as_json:
            _print(runs, [spec.baseline.method.upper() for spec in specs])


def _read(
    source: str, settings: dict[str, Any], method: str | None, classifier: str | None, overrides: Sequence[str]
) -> BaselineSpec:
    from labelloom.bundles import Catalogue
    from labelloom.spec import read_baseline

    asked = {key: value for key, value in (("method", method), ("classifier", classifier)) if value is not None}
    catalogue = Catalogue()
    try:
        with catalogue.helping():
            spec = read_baseline(source, {**settings, "baseline": asked}, overrides, catalogue.specs())
    except SpecError as error:
        # There is no --k here.
        told = [
            replace(problem, message=problem.message.replace("write k = 5", "add --set decision.k=5"))
            for problem in error.problems
        ]
        raise SpecError.from_problems(told) from error
    for key, value in asked.items():
        if getattr(spec.baseline, key) != value:
            raise typer.BadParameter(f"--set baseline.{key} says another one than {value!r}.", param_hint=f"--{key}")
    return spec


def _print(runs: list[Run], titles: list[str]) -> None:
    from labelloom.cli.scores import run_columns, score_table

    out = console()
    out.print()
    if len(runs) == 1:
        out.print(score_table(run_columns(runs[0].metrics)))
    else:
        out.print(score_table({title: run.scores for title, run in zip(titles, runs, strict=False)}))
        out.print(f"\nscores on {'test' if 'test' in runs[0].metrics else 'validation'}")
    out.print()
    facts = table("", "")
    for run in runs:
        chosen = run.metrics["baseline"]
        facts.add_row("run", str(short(run.path)))
        facts.add_row("", f"{chosen['choice']}; {duration(run.metrics['seconds'])}")
        facts.add_row("", f"answers: {run.metrics['decision']}")
    facts.add_row("next", f"labelloom evaluate {shlex.quote(str(short(runs[0].path)))} --rule per-label")
    out.print(facts)
