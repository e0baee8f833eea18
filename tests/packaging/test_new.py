"""What `labelloom new` writes is a bundle as it is: it installs from a wheel, passes its tests and trains."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labelloom.cli.app import app
from labelloom.components import KINDS

from .conftest import Environment, Wheel, build

NAMES = {kind: f"my-{kind.replace('_', '-')}" for kind in KINDS}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a new bundle of each kind."""
    folder = tmp_path_factory.mktemp("new")
    for kind, name in NAMES.items():
        result = CliRunner().invoke(app, ["new", name, str(folder / name), "--kind", kind])
        assert result.exit_code == 0, result.output
    return {kind: folder / name for kind, name in NAMES.items()}


@pytest.fixture(scope="module")
def place(
    written: dict[str, Path],
    wheels: list[Wheel],
    environment: Callable[[Iterable[Path]], Environment],
    tmp_path_factory: pytest.TempPathFactory,
) -> Environment:
    """An environment with the wheels of the core, of `standard` and of all five."""
    folder = tmp_path_factory.mktemp("wheels")
    own = [build(project, folder / kind, "wheel") for kind, project in written.items()]
    standard = next(wheel.file for wheel in wheels if wheel.project["name"] == "labelloom-standard")
    return environment([wheels[0].file, standard, *own])


def test_wheels_of_new_bundles_install_beside_others_and_their_specs_train(place: Environment, tmp_path: Path) -> None:
    place.check()
    told = json.loads(place.run("labelloom", "list", "--json", cwd=tmp_path).stdout)
    assert {each["name"]: each["state"] for each in told["bundles"]} == dict.fromkeys(
        ["standard", *NAMES.values()], "ok"
    )
    specs = [each["name"] for each in told["specs"] if each["name"].startswith("my-")]
    assert len(specs) == len(KINDS)
    script = (
        "import sys, labelloom\n"
        "for name in sys.argv[1:]: labelloom.train(name, overrides=['training.steps=2', 'data.limit=24'])\n"
    )
    done = place.run("python", "-c", script, *specs, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / "runs" / name.replace("/", "-") / "0" / "model.safetensors").is_file() for name in specs)


def test_the_maths_of_each_kind_are_tested(place: Environment, written: dict[str, Path]) -> None:
    tests = [str(folder / "tests") for folder in written.values()]
    options = ["-q", "--import-mode=importlib", "-p", "no:cacheprovider", "-W", "error", "-c", "/dev/null"]
    done = place.run("python", "-m", "pytest", *options, *tests, cwd=written["task"].parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 passed" in done.stdout


def test_pytest_in_its_folder_also_runs_the_promises_of_the_contract(
    place: Environment, written: dict[str, Path]
) -> None:
    done = place.run("python", "-m", "pytest", "-v", "-p", "no:cacheprovider", cwd=written["label_module"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_against_a_loop PASSED" in done.stdout
    assert "my-label-module/label-gate::" in done.stdout
