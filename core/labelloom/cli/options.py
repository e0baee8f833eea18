"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the spec: --set training.epochs=3 --set tasks.0.weight=0.5. May be given several times.",
    ),
]

AllowLocalCode = Annotated[
    bool, typer.Option("--allow-local-code", help="Run components from files that the spec names; trust them first.")
]
