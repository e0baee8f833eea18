"""`labelloom train`: from a spec to finished runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelloom.cli.options import AllowLocalCode, Json, Overrides
from labelloom.cli.output import console, count, duration, print_json, short, table
from labelloom.errors import DataError, LabelloomError, Problem, SpecError

if TYPE_CHECKING:
    from labelloom.training.progress import Reporter
    from labelloom.training.train import Run


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
    overrides: Overrides = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Go on with an interrupted run; no SPEC then.")
    ] = None,
    as_json: Json = False,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Train a spec and score it.

    All its stages, then the decision rule, then validation and test. The run is saved in DIR/<name>/<seed>. Ctrl-C
    saves what there is and says how to go on.
    """
    if resume is None and spec is None:
        raise typer.BadParameter("name a spec, or a run with --resume.", param_hint="SPEC")
    if resume is not None:
        given = {"SPEC": spec, "--output": output, "--seed": seeds, "--set": overrides}
        if extra := [name for name, value in given.items() if value]:
            text = f"not together with {', '.join(extra)}: a run goes on with the spec that is saved in it."
            raise typer.BadParameter(text, param_hint="--resume")

    from labelloom.training.processes import process_state
    from labelloom.training.progress import Shown, Silent

    main = process_state().is_main_process
    finished: list[Run] = []
    try:
        with Shown() as shown:
            reporter: Reporter = shown if main else Silent()
            job = _Training(reporter, output or Path("runs"), overrides or [], allow_local_code)
            for run in job.resumed(resume) if resume is not None else job.trained(spec or "", seeds or []):
                finished.append(run)
                if main and as_json:
                    print_json({"run": str(run.path), "metrics": run.scores})
    finally:
        # What is finished is worth seeing when a later seed fails, too.
        if main and finished and not as_json:
            _print(finished, allow_local_code)


class _Training:
    """What all runs of one command have in common."""

    def __init__(self, reporter: Reporter, output: Path, overrides: Sequence[str], allow_local_code: bool) -> None:
        self.reporter = reporter
        self.output = output
        self.overrides = overrides
        self.allow_local_code = allow_local_code

    def resumed(self, run: Path) -> Iterator[Run]:
        """The run, finished."""
        from labelloom.training.train import resume

        yield resume(run, allow_local_code=self.allow_local_code, reporter=self.reporter)

    def trained(self, spec: str, seeds: Sequence[int]) -> Iterator[Run]:
        """A run for each seed, one after the other; without seeds one, with the spec's own."""
        from labelloom.training.train import train

        chosen: list[int | None] = [*dict.fromkeys(seeds)] or [None]
        for place, seed in enumerate(chosen):
            if len(chosen) > 1:
                self.reporter.say(f"seed {seed} ({place + 1} of {len(chosen)})")
            try:
                yield train(
                    spec,
                    output=self.output,
                    seed=seed,
                    overrides=self.overrides,
                    allow_local_code=self.allow_local_code,
                    reporter=self.reporter,
                )
            except LabelloomError as error:
                left = [seed for seed in chosen[place + 1 :] if seed is not None]
                if left and not isinstance(error, SpecError | DataError):
                    raise type(error).from_problems([*error.problems, self._left(spec, left)]) from error
                raise

    def _left(self, spec: str, seeds: Sequence[int]) -> Problem:
        words = ["labelloom", "train", spec, *(word for seed in seeds for word in ("--seed", str(seed)))]
        words += [word for override in self.overrides for word in ("--set", override)]
        words += ["--output", str(self.output)] * (self.output != Path("runs"))
        words += ["--allow-local-code"] * self.allow_local_code
        names = ", ".join(map(str, seeds))
        return Problem("", f"not trained yet: seed {names}", (shlex.join(words),))


def _print(runs: Sequence[Run], allow_local_code: bool) -> None:
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
    name = shlex.quote(str(short(runs[0].path)))
    flag = " --allow-local-code" if allow_local_code else ""
    facts.add_row("next", f'echo "some text" | labelloom predict {name}{flag}')
    facts.add_row("", f"labelloom evaluate {name} --per-label{flag}")
    out.print(facts)
