"""`labelloom schema`: the JSON schema of specs."""

from __future__ import annotations

import json

import typer


def print_schema() -> None:
    """Print a JSON schema of specs.

    It has the options of the installed components and is meant for editors.

    labelloom schema > spec.schema.json; editors with a TOML plug-in then complete and check a spec whose first line is
    `#:schema ./spec.schema.json`.
    """
    from labelloom.bundles import Catalogue
    from labelloom.compose.schema import spec_schema

    typer.echo(json.dumps(spec_schema(Catalogue()), indent=2, ensure_ascii=False))
