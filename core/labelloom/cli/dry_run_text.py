"""A dry run, told to a person."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from labelloom.cli.output import count, table
from labelloom.training.dry_run import DryRun, StageStep
from labelloom.wording import counted


def print_dry_run(out: Console, dry: DryRun) -> None:
    """Sizes of corpus and parts, then what a step of each stage made and cost."""
    splits = ", ".join(f"{name} {number:,}" for name, number in dry.documents.items())
    out.print(f"\ncorpus: {splits} documents, {counted(dry.labels, 'label')}")
    for note in dry.notes:
        out.print(f"  {note}")
    out.print()
    sizes = table("part", "", "parameters", numbers=["parameters"])
    for part in dry.parts:
        sizes.add_row(part.path, part.component, f"{part.parameters:,}")
    sizes.add_row("all", "", f"{dry.parameters:,}", style="bold")
    out.print(sizes)
    for stage in dry.stages:
        _print_stage(out, stage)
    out.print(f"\nlabels for {counted(dry.ranked, 'document')}: {dry.seconds_to_rank:.2g} s")


def _print_stage(out: Console, stage: StageStep) -> None:
    shapes = table(f"stage {stage.name}", "adds", "shape")
    for part in stage.shapes:
        for place, (name, shape) in enumerate(part.fields.items()):
            shapes.add_row(part.path if place == 0 else "", name, shape)
    out.print()
    out.print(shapes)
    for note in stage.notes:
        out.print(f"  {note}")
    losses = ", ".join(f"{name} {value:.4g}" for name, value in stage.losses.items())
    out.print(
        f"\n{count(stage.trained)} parameters train; a step of {counted(stage.rows, 'document')} takes "
        f"{stage.seconds:.2g} s, the process at most {stage.memory / 2**20:,.0f} MiB so far; loss: {losses}"
    )
    if stage.untrained:
        names = ", ".join(stage.untrained)
        out.print(Text(f"warning: no loss of this stage reaches {names}: these weights will not train", style="yellow"))
