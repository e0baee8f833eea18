"""`labelloom train`: from a spec to finished runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelloom.cli.options import AllowLocalCode, Json, Overrides
from labelloom.cli.output import console, count, duration, print_json, short, table
from labelloom.errors import LabelloomError, NonFiniteLossError, Problem

if TYPE_CHECKING:
    from labelloom.runs.folder import Run
    from labelloom.training.progress import Reporter


def train_spec(
    spec: Annotated[
        str | None, typer.Argument(metavar="SPEC", help="A TOML file, or the name of a shipped spec.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="The folder of runs; default runs.")
    ] = None,
    seeds: Annotated[
        list[int] | None,
        typer.Option("--seed", min=0, help="Instead of the spec's. May be given several times: a run for each."),
    ] = None,
    seed_count: Annotated[
        int | None, typer.Option("--seeds", min=1, help="So many runs, with the spec's seed and those after it.")
    ] = None,
    go_on: Annotated[
        bool,
        typer.Option("--continue", help="Take over the runs that have ended, go on with those that have only begun."),
    ] = False,
    time_budget: Annotated[
        str | None,
        typer.Option(
            "--time-budget",
            metavar="TIME",
            help="End each run, its scoring included, in 90s, 20m or 1.5h. Epochs and steps are then an upper bound.",
        ),
    ] = None,
    trackers: Annotated[
        list[str] | None,
        typer.Option(
            "--track",
            metavar="NAME",
            help="Tell a listener of the course: tensorboard, wandb, or another of `labelloom list listeners`. May be "
            "given several times.",
        ),
    ] = None,
    overrides: Overrides = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Go on with an interrupted run; no SPEC then.")
    ] = None,
    as_json: Json = False,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Train a spec and score it.

    All its stages, then the decision rule, then validation and test. The run is saved in DIR/<name>/<seed>, mean and
    spread of several seeds in DIR/<name>/summary.json. Ctrl-C saves what there is and says how to go on.
    """
    if resume is None and spec is None:
        raise typer.BadParameter("name a spec, or a run with --resume.", param_hint="SPEC")
    if seeds and seed_count:
        raise typer.BadParameter("not together with --seed: it counts from the spec's own.", param_hint="--seeds")
    if resume is not None:
        given = {
            "SPEC": spec,
            "--output": output,
            "--seed": seeds,
            "--seeds": seed_count,
            "--continue": go_on,
            "--time-budget": time_budget,
            "--set": overrides,
        }
        if extra := [name for name, value in given.items() if value]:
            text = f"not together with {', '.join(extra)}: a run goes on with the spec that is saved in it."
            raise typer.BadParameter(text, param_hint="--resume")

    order = None
    if resume is None:
        order = _Order(
            spec or "", output or Path("runs"), overrides or [], time_budget, trackers or [], allow_local_code
        )
        order.check()

    from labelloom.training.processes import process_state
    from labelloom.training.progress import Shown, Silent

    main = process_state().is_main_process
    finished: list[Run] = []
    summary: Path | None = None
    try:
        with Shown() as shown:
            reporter: Reporter = shown if main else Silent()
            if order is not None:
                runs = order.trained(_seeds(order, seeds or [], seed_count), go_on, reporter)
            else:
                assert resume is not None
                runs = _resumed(resume, reporter, trackers or [], allow_local_code)
            for run in runs:
                finished.append(run)
                if main and as_json:
                    print_json({"run": str(run.path), "metrics": run.scores})
        if len(finished) > 1:
            summary = _summary(finished, as_json and main)
    finally:
        # What is finished is worth seeing when a later seed fails, too.
        if main and finished and not as_json:
            _print(finished, summary, allow_local_code)


def _resumed(run: Path, reporter: Reporter, trackers: Sequence[str], allow_local_code: bool) -> Iterator[Run]:
    from labelloom.training.train import resume

    yield resume(run, allow_local_code=allow_local_code, reporter=reporter, trackers=trackers)


def _seeds(order: _Order, seeds: Sequence[int], seed_count: int | None) -> list[int | None]:
    """The seeds that were asked for; None for the spec's own."""
    if seed_count is None:
        return [*dict.fromkeys(seeds)] or [None]
    from labelloom.bundles import Catalogue
    from labelloom.spec import read_spec

    first = read_spec(order.spec, order.changes, Catalogue().specs())[0].seed
    return [*range(first, first + seed_count)]


@dataclass(frozen=True)
class _Order:
    """What is to be trained, as the command line says it."""

    spec: str
    output: Path
    overrides: Sequence[str]
    time_budget: str | None
    trackers: Sequence[str]
    allow_local_code: bool

    @property
    def changes(self) -> list[str]:
        """All that differs from the spec's file."""
        budget = [] if self.time_budget is None else [f'training.time_budget="{self.time_budget}"']
        return [*self.overrides, *budget]

    def check(self) -> None:
        """Refuse a spec that is wrong at once: what trains takes seconds to import. Raises SpecError."""
        from labelloom.compose.checked import read_checked

        read_checked(self.spec, self.changes, allow_local_code=self.allow_local_code)

    def trained(self, seeds: Sequence[int | None], go_on: bool, reporter: Reporter) -> Iterator[Run]:
        """A run for each seed, one after the other."""
        from labelloom.training.series import plan_seeds, train_planned
        from labelloom.training.train import How, train

        if len(seeds) == 1 and not go_on:
            yield train(
                self.spec,
                output=self.output,
                seed=seeds[0],
                overrides=self.changes,
                allow_local_code=self.allow_local_code,
                reporter=reporter,
                trackers=self.trackers,
            )
            return
        how = How(self.allow_local_code, reporter, self.trackers)
        again = self.command(seeds)
        ready = plan_seeds(self.spec, seeds, self.output, self.changes, how, go_on=go_on, again=again)
        ended = 0
        try:
            for run in train_planned(ready, how):
                ended += 1
                yield run
        except LabelloomError as error:
            # A run that diverged would diverge again; any other goes on.
            diverged = isinstance(error, NonFiniteLossError)
            left = seeds[ended + diverged :]
            if len(seeds) == 1 or not left:
                raise
            problem = Problem(
                "",
                f"not finished yet: seed {', '.join(map(str, left))}",
                (self.command(left if diverged else seeds),),
            )
            raise type(error).from_problems([*error.problems, problem]) from error

    def command(self, seeds: Sequence[int | None]) -> str:
        """The command that goes on with these seeds, to paste."""
        words = ["labelloom", "train", self.spec]
        words += [word for seed in seeds if seed is not None for word in ("--seed", str(seed))]
        words += [word for override in self.overrides for word in ("--set", override)]
        words += ["--time-budget", self.time_budget] if self.time_budget is not None else []
        words += [word for name in self.trackers for word in ("--track", name)]
        words += ["--output", str(self.output)] * (self.output != Path("runs"))
        words += ["--allow-local-code"] * self.allow_local_code
        return shlex.join([*words, "--continue"])


def _summary(runs: Sequence[Run], as_json: bool) -> Path:
    """Where the summary of several runs has been written."""
    from labelloom.training.series import write_summary

    path, summary = write_summary(runs)
    if as_json:
        print_json({"summary": str(path), **summary})
    return path


def _print(runs: Sequence[Run], summary: Path | None, allow_local_code: bool) -> None:
    from labelloom.cli.scores import run_columns, score_table, spread_table

    out = console()
    out.print()
    if len(runs) == 1:
        out.print(score_table(run_columns(runs[0].metrics)))
    else:
        out.print(spread_table([run_columns(run.metrics) for run in runs]))
        out.print(f"\nmean ± standard deviation of {len(runs)} seeds")
    out.print()
    facts = table("", "")
    for run in runs:
        metrics = run.metrics
        facts.add_row("run" if run is runs[0] else "", str(short(run.path)))
        facts.add_row("", f"{count(metrics['parameters'])} parameters, {duration(metrics['seconds'])}")
        facts.add_row("", f"answers: {metrics['decision']}")
    if summary is not None:
        facts.add_row("summary", str(short(summary)))
    name = shlex.quote(str(short(runs[0].path)))
    flag = " --allow-local-code" if allow_local_code else ""
    facts.add_row("next", f'echo "some text" | labelloom predict {name}{flag}')
    facts.add_row("", f"labelloom evaluate {name} --per-label{flag}")
    out.print(facts)
