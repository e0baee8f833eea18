"""A source or format of data, as `labelloom show` tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelloom.bundles import Catalogue
from labelloom.cli.option_text import described, print_options
from labelloom.cli.output import table
from labelloom.formats import DataFormat
from labelloom.readers import FIELDS, DataReader
from labelloom.sources import DataSource

if TYPE_CHECKING:
    from rich.console import Console


def reader_told(reader: DataReader, catalogue: Catalogue) -> dict[str, Any]:
    """What is known of it, as values that JSON can write. Raises BundleError for a broken config."""
    return {
        "name": reader.name,
        "kind": reader.what,
        "bundle": reader.bundle,
        "written": _written(reader),
        "files": list(reader.files) if isinstance(reader, DataFormat) else [],
        "settings": [key for key in FIELDS if key in reader.settings],
        "summary": reader.summary,
        "options": _options(reader, catalogue),
    }


def print_reader(out: Console, reader: DataReader, catalogue: Catalogue) -> None:
    """The same for people."""
    told = reader_told(reader, catalogue)
    out.print(reader.name, style="bold", end="")
    out.print(f"  {reader.what} of data, from {catalogue.origin(reader)}")
    out.print(f"{reader.summary}\n")
    facts = table("", "")
    facts.add_row("in a spec", told["written"])
    if isinstance(reader, DataFormat):
        facts.add_row("told by", ", ".join(reader.files) or "what stands in the files")
    facts.add_row("keys of [data]", ", ".join(told["settings"]) or "none about fields and columns")
    out.print(facts)
    out.print()
    print_options(out, told["options"])


def _written(reader: DataReader) -> str:
    """How a spec names it."""
    return f'source = "{reader.scheme}:…"' if isinstance(reader, DataSource) else f'format = "{reader.name}"'


def _options(reader: DataReader, catalogue: Catalogue) -> list[dict[str, Any]]:
    # Imported here: pydantic would double the time of showing what has no options.
    from labelloom.data.options import config_of

    return described(config_of(reader, catalogue)) if reader.config else []
