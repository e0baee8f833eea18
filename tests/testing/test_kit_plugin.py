"""The pytest plugin, as a bundle's author runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .planted.bundles import BUNDLE, install


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Status and output of pytest in an empty folder beside the installed package."""
    place = folder / "tests"
    place.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-rs", *arguments]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_setting_collects_a_test_a_promise_and_a_broken_one_fails_with_three_lines(tmp_path: Path) -> None:
    broken = BUNDLE["scaled.py"].replace("scores / self.temperature", "scores.softmax(-1) / self.temperature")
    assert broken != BUNDLE["scaled.py"]
    install(tmp_path, {**BUNDLE, "scaled.py": broken})
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "pytest.ini").write_text("[pytest]\nlabelloom_bundles = grown\n")
    status, told = run(tmp_path)
    assert status == 1
    assert "grown/scaled::labels" in told
    assert 'promised: labels="any": scores is the same, whatever labels are under consideration' in told
    assert "usually:  " in told
    assert "Traceback" not in told
    assert "it rests on the check 'labels', which fails: mend that first" in told
    assert "1 failed" in told


def test_a_bundle_that_is_not_installed_is_an_error(tmp_path: Path) -> None:
    status, told = run(tmp_path, "--labelloom-bundle", "missing")
    assert status != 0
    assert "no installed component is called 'missing'" in told


def test_the_plugin_loads_nothing_heavy() -> None:
    script = "import sys, labelloom.testing.plugin; print({'torch', 'numpy', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")
