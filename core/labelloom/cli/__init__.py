"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command that `sys.argv` names: the console script `labelloom`."""
    try:
        from labelloom.cli.app import app

        app(prog_name="labelloom")
    except KeyboardInterrupt:
        sys.exit(130)
