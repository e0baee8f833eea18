"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
import warnings


def main() -> None:
    """Run the command that `sys.argv` names: the console script `labelloom`."""
    warnings.formatwarning = _one_line
    try:
        from labelloom.cli.app import app

        app(prog_name="labelloom")
    except KeyboardInterrupt:
        sys.exit(130)


def _one_line(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    # Which line of which module warns helps nobody who runs a command; kind and text do.
    return f"{'warning' if category is UserWarning else category.__name__}: {message}\n"
