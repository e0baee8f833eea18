"""`python -m labelloom`, which launchers of several processes start."""

from __future__ import annotations

from labelloom.cli import main

main()
