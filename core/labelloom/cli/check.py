"""`labelloom check`: whether the parts of a spec fit together, without data; with `--dry-run`, whether they run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelloom.cli.options import AllowLocalCode, Json, Overrides
from labelloom.cli.output import console, from_here, print_json
from labelloom.errors import LabelloomError
from labelloom.paths import expanded

if TYPE_CHECKING:
    from labelloom.compose.plan import Plan
    from labelloom.spec.data import DataSettings
    from labelloom.training.dry_run import DryRun


def check_spec(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A TOML file, or the name of a shipped spec.")],
    overrides: Overrides = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Also load the corpus, build the model and take one step in each stage.")
    ] = False,
    documents: Annotated[
        int, typer.Option("--documents", min=1, help="With --dry-run: documents in the step of each stage.")
    ] = 8,
    as_json: Json = False,
    allow_local_code: AllowLocalCode = False,
) -> None:
    """Check that a spec's parts fit together.

    Names, options, and whether every part gets what it needs. Reads no data and imports no torch, unless --dry-run asks
    for a step. The exit status is 1 if anything is wrong.
    """
    try:
        plan = _checked(spec, overrides or [], allow_local_code)
        dry = _dry_run(plan, documents) if dry_run else None
    except LabelloomError as error:
        if not as_json:
            raise
        print_json({"ok": False, "errors": [vars(problem) for problem in error.problems]})
        raise typer.Exit(1) from error
    notes = [] if dry else list(_notes(plan.spec.data))
    if as_json:
        told = {"ok": True, "errors": [], "notes": notes}
        print_json({**told, **({"dry_run": dry.to_json()} if dry else {})})
        return
    from labelloom.cli.plan_text import print_plan

    out = console()
    print_plan(out, plan)
    for note in notes:
        out.print(f"\n{note}", soft_wrap=True)
    if dry:
        from labelloom.cli.dry_run_text import print_dry_run

        print_dry_run(out, dry)


def _checked(spec: str, overrides: list[str], allow_local_code: bool) -> Plan:
    from labelloom.compose.checked import read_checked
    from labelloom.training.metric import metric_of

    plan = read_checked(spec, overrides, allow_local_code=allow_local_code)
    for stage in plan.stages:
        metric_of(stage)
    return plan


def _dry_run(plan: Plan, documents: int) -> DryRun:
    from labelloom.training.dry_run import dry_run

    return dry_run(plan, documents)


def _notes(settings: DataSettings) -> Iterator[str]:
    """What will stop a training although the parts fit: a source that is not there. Nothing is read to find out."""
    import labelloom.data
    from labelloom.sources import address

    name, found = settings.source, address(settings.source)
    rest = name if found is None else found[1]
    if expanded(rest).exists() or (Path(labelloom.data.__path__[0]) / "samples" / name).is_dir():
        return
    if found is None or rest.startswith("."):
        yield f"note: data.source: there is no file, folder or sample {from_here(name)!r} yet, which training reads"
    else:
        yield f"note: data.source: whether there is {name!r} was not asked; `labelloom data {name}` reads it"
