"""`labelloom baseline`: linear classifiers over tf-idf, beside which networks have to show what they are worth."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelloom.cli.options import Json, Overrides
from labelloom.cli.output import console, duration, print_json, short, table

if TYPE_CHECKING:
    from labelloom.runs.folder import Run

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
        str, typer.Option("--classifier", metavar="|".join(_CLASSIFIERS), help="Linear SVM or logistic regression.")
    ] = "svm",
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
    on validation: --set 'baseline.c=[1]' tries one value only. Of a spec, [data], [decision] and seed are taken.

    A run is saved in DIR/<name>/<seed>; evaluate and predict work on it as on any other.
    """
    chosen = list(dict.fromkeys(methods or ["br"]))
    for name, value, known in (
        *(("--method", method, _METHODS) for method in chosen),
        *(("--classifier", classifier, _CLASSIFIERS),),
    ):
        if value not in known:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(known)}.", param_hint=name)

    from labelloom.bundles import Catalogue
    from labelloom.spec import read_baseline
    from labelloom.training.baseline import train_baseline
    from labelloom.training.progress import Shown

    settings: dict[str, Any] = {}
    if rule is not None:
        settings["decision"] = {"rule": rule}
    if seed is not None:
        settings["seed"] = seed
    shipped = Catalogue().specs()
    specs = [
        read_baseline(
            source, {**settings, "baseline": {"method": method, "classifier": classifier}}, overrides or (), shipped
        )
        for method in chosen
    ]
    runs: list[Run] = []
    try:
        with Shown() as shown:
            for method, spec in zip(chosen, specs, strict=True):
                if len(specs) > 1:
                    shown.say(_METHODS[method])
                run = train_baseline(spec, output=output, reporter=shown)
                runs.append(run)
                if as_json:
                    print_json({"run": str(run.path), "metrics": run.scores})
    finally:
        # What is finished is worth seeing when a later one fails, too.
        if runs and not as_json:
            _print(runs, chosen)


def _one_of(value: str, known: Iterable[str], option: str) -> None:
    if value not in known:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(known)}.", param_hint=option)


def _print(runs: list[Run], methods: list[str]) -> None:
    from labelloom.cli.scores import run_columns, score_table

    out = console()
    out.print()
    if len(runs) == 1:
        out.print(score_table(run_columns(runs[0].metrics)))
    else:
        out.print(score_table({method.upper(): run.scores for method, run in zip(methods, runs, strict=False)}))
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
