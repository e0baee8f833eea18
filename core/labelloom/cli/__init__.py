"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
import warnings


def main() -> None:
    """Run the command that `sys.argv` names: the console script `labelloom`."""
    # OpenMP's threads spin while they wait for each other. On cores that others use too, that makes a small step a
    # hundred times slower; sleeping instead costs nothing that can be measured. It is read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
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
