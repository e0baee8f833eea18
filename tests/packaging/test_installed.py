"""The way of someone who installs wheels: no checkout, nothing editable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def run(folder: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with `folder` before everything else on its path, away from the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True)


def test_bundles_are_found_loaded_and_checked_from_wheels(installed, wheels, tmp_path):
    script = (
        "import json, labelloom, labelloom.registry\n"
        "from labelloom.bundles import Catalogue\n"
        "from labelloom.compose.check import check\n"
        "from labelloom.spec import read_spec\n"
        "from labelloom.data.sources import sample_names\n"
        f"catalogue = Catalogue([{str(installed)!r}])\n"
        "specs = catalogue.specs()\n"
        "for name in specs: check(*read_spec(name, (), specs), catalogue)\n"
        "print(json.dumps({\n"
        "    'core': labelloom.__file__, 'registry': str(labelloom.registry.registry_file()),\n"
        "    'known': sorted(labelloom.registry.read_registry().bundles), 'samples': sample_names(),\n"
        "    'bundles': [[b.name, b.distribution, b.version] for b in catalogue.bundles],\n"
        "    'states': [state.error or 'ok' for state in catalogue.states()],\n"
        "    'specs': {name: str(file) for name, file in specs.items()},\n"
        "}))"
    )
    done = run(installed, "-c", script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["core"] == str(installed / "labelloom" / "__init__.py")
    assert told["registry"] == str(installed / "labelloom" / "registry.toml")
    assert "standard" in told["known"]
    assert told["samples"] == ["arxiv-mini"]
    assert told["bundles"] == sorted(
        [name, wheel.project["name"], wheel.project["version"]]
        for wheel in wheels[1:]
        for name in wheel.project["entry-points"]["labelloom.bundles"]
    )
    assert set(told["states"]) == {"ok"}
    assert "standard/minilm" in told["specs"]
    assert all(file.startswith(str(installed)) for file in told["specs"].values())


def test_the_command_runs_from_wheels(installed, tmp_path):
    done = run(installed, str(installed / "bin" / "labelloom"), "list", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {"standard": "labelloom-standard"}.items() <= {
        bundle["name"]: bundle["distribution"] for bundle in told["bundles"] if bundle["state"] == "ok"
    }.items()
    assert "standard/transformer" in {component["name"] for component in told["components"]}


def test_the_core_alone_names_the_wheel_that_is_missing(only_the_core, tmp_path):
    script = f"from labelloom.bundles import Catalogue; Catalogue([{str(only_the_core)!r}]).component('standard/bce')"
    done = run(only_the_core, "-c", script, cwd=tmp_path)
    assert done.returncode == 1
    assert "try: pip install labelloom-standard" in done.stderr
    assert str(only_the_core) in done.stderr
