"""The core with one bundle, and those that it depends on, is enough for that bundle."""

from __future__ import annotations

import json
import re

import pytest

from .conftest import PROJECTS

BUNDLES = [folder.name for folder in PROJECTS[1:]]

CHECK = """
import sys
from labelloom.bundles import Catalogue
from labelloom.cli.show import show_name
from labelloom.compose.check import check
from labelloom.spec import read_spec

catalogue = Catalogue()
specs = catalogue.specs()
for name in specs:
    check(*read_spec(name, (), specs), catalogue)
for name in (*specs, *(record.name for record in catalogue.components())):
    if name.startswith(sys.argv[1]):
        show_name(name)
"""


def closure(bundle, wheels):
    """The wheel of a bundle with those of the repository that it depends on, itself or through another."""
    by_name = {wheel.project["name"]: wheel for wheel in wheels}
    found, waiting = {}, [f"labelloom-{bundle}"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = by_name[name]
            required = (re.match(r"[\w-]+", text)[0] for text in found[name].project["dependencies"])
            waiting += [each for each in required if each in by_name]
    return found


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_bundle_without_the_others(bundle, wheels, environment, tmp_path):
    chosen = closure(bundle, wheels)
    assert "labelloom" in chosen
    made = environment(wheel.file for wheel in chosen.values())
    made.check()
    listed = made.run("labelloom", "list", "--json", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    told = json.loads(listed.stdout)
    assert {each["distribution"]: each["state"] for each in told["bundles"]} == {
        name: "ok" for name in chosen if name != "labelloom"
    }
    names = [each["name"] for each in (*told["components"], *told["specs"]) if each["name"].startswith(f"{bundle}/")]
    assert names
    # Every spec of what is there checks.
    done = made.run("python", "-c", CHECK, f"{bundle}/", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in names)


def test_it_trains(wheels, environment, tmp_path):
    made = environment(wheel.file for wheel in closure("standard", wheels).values())
    step = ["--set", "training.steps=1", "--set", "data.limit=16"]
    done = made.run("labelloom", "train", "standard/cnn", *step, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "cnn" / "0" / "model.safetensors").is_file()


def test_what_is_missing_is_told_with_what_installs_it(wheels, environment, tmp_path):
    made = environment([wheels[0].file])
    assert made.run("labelloom", "list", "bundles", cwd=tmp_path).stdout == "nothing of that kind is installed\n"
    told = json.loads(made.run("labelloom", "list", "--available", "--json", cwd=tmp_path).stdout)["available"]
    assert {each["install"] for each in told} >= {f"pip install {wheel.project['name']}" for wheel in wheels[1:]}
    for command in ("show", "init", "check", "train"):
        done = made.run("labelloom", command, "laco/minilm", cwd=tmp_path)
        assert done.returncode == 1
        assert "\n    try: pip install labelloom-laco\n" in done.stderr, command
