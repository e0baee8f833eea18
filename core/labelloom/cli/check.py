"""`labelloom check`: whether the parts of a spec fit together, without data; with `--dry-run`, whether they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labelloom.cli.options import AllowLocalCode, Json, Overrides
from labelloom.cli.output import console, print_json
from labelloom.errors import LabelloomError

if TYPE_CHECKING:
    from labelloom.compose.plan import Plan
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
    if as_json:
        print_json({"ok": True, "errors": [], **({"dry_run": dry.to_json()} if dry else {})})
        return
    from labelloom.cli.plan_text import print_plan

    out = console()
    print_plan(out, plan)
    if dry:
        from labelloom.cli.dry_run_text import print_dry_run

        print_dry_run(out, dry)


def _checked(spec: str, overrides: list[str], allow_local_code: bool) -> Plan:
    from labelloom.bundles import Catalogue
    from labelloom.compose.check import check
    from labelloom.spec import read_spec
    from labelloom.training.metric import metric_of

    catalogue = Catalogue()
    read, folder = read_spec(spec, overrides, catalogue.specs())
    plan = check(read, folder, catalogue, allow_local_code)
    for stage in plan.stages:
        metric_of(stage)
    return plan


def _dry_run(plan: Plan, documents: int) -> DryRun:
    from labelloom.training.dry_run import dry_run

    return dry_run(plan, documents)
