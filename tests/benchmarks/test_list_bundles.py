"""Thirty bundles, each as `labelloom new` writes it: all are listed, and nothing heavy is imported for that."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

MADE = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "list_bundles.py"))
SCRIPT = """
import atexit, json, sys
HEAVY = {"torch", "transformers", "datasets", "accelerate", "numpy", "pandas", "pyarrow", "scipy", "sklearn"}
atexit.register(lambda: print(json.dumps(sorted(HEAVY & sys.modules.keys())), file=sys.stderr))
from labelloom.cli import main
main()
"""


def test_thirty_bundles_are_listed_without_torch(tmp_path: Path) -> None:
    MADE["install_bundles"](tmp_path, 30)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-W", "error", "-c", SCRIPT, "list", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr) == []
    told = json.loads(done.stdout)
    assert [each["state"] for each in told["bundles"] if each["name"].startswith("bench-")] == ["ok"] * 30
    for key in ("components", "specs"):
        assert len([each for each in told[key] if each["name"].startswith("bench-")]) == 30
