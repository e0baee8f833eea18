"""What the wheels hold and say."""

from __future__ import annotations

import configparser
import csv
import re
import tarfile
import tomllib
from pathlib import Path

import pytest

from .conftest import PROJECTS, ROOT, Wheel, build


def tracked(package: Path) -> set[str]:
    """The files of a package in the checkout that belong into its wheel."""
    return {
        f"{package.name}/{file.relative_to(package).as_posix()}"
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def requirement(text: str) -> tuple[str, frozenset[str]]:
    """The name and the bounds of `torch>=2.4,<3`, whose order says nothing."""
    name = re.match(r"[\w-]+", text)
    assert name is not None
    return name[0], frozenset(text[name.end() :].split(","))


def test_the_core_holds_its_whole_package_and_the_registry(wheels):
    core, *_ = wheels
    inside = {name for name in core.names if ".dist-info/" not in name}
    assert inside == tracked(ROOT / "core" / "labelloom") | {"labelloom/registry.toml"}
    assert core.read("labelloom/registry.toml") == (ROOT / "registry.toml").read_text(encoding="utf-8")
    assert {"labelloom/py.typed", "labelloom/data/samples/arxiv-mini/train.jsonl.gz"} <= inside
    assert "labelloom/data/samples/arxiv-mini/LICENSE.md" in inside


def test_a_bundle_holds_its_whole_package_and_its_specs(wheels):
    for bundle in wheels[1:]:
        (entry,) = bundle.project["entry-points"]["labelloom.bundles"].values()
        package = entry.partition(".")[0]
        inside = {name for name in bundle.names if ".dist-info/" not in name}
        assert inside == tracked(bundle.folder / package)
        assert f"{package}/py.typed" in inside
        assert [name for name in inside if name.startswith(f"{package}/specs/") and name.endswith(".toml")]


def test_no_tests_caches_or_docs_are_shipped(wheels):
    for wheel in wheels:
        top = {name.partition("/")[0] for name in wheel.names}
        assert len(top) == 2, top
        own = [name for name in wheel.names if not name.endswith(".template")]  # of which new bundles are made
        assert not [name for name in own if "/tests/" in name or name.endswith((".pyc", ".ipynb"))]


def test_metadata(wheels):
    for wheel in wheels:
        metadata, project = wheel.metadata, wheel.project
        assert metadata["Name"] == project["name"]
        assert metadata["Version"] == project["version"]
        assert metadata["Summary"] == project["description"]
        assert metadata["License-Expression"] == "Apache-2.0"
        assert metadata["Requires-Python"] == ">=3.11"
        assert metadata["Description-Content-Type"] == "text/markdown"
        required = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
        assert set(map(requirement, required)) == set(map(requirement, project["dependencies"]))
        assert wheel.file.name.endswith("-py3-none-any.whl")


def test_the_core_carries_its_licence_and_its_command(wheels):
    core, *_ = wheels
    assert core.metadata.get_all("License-File") == ["LICENSE"]
    assert core.read("*/licenses/LICENSE").lstrip().startswith("Apache License")
    points = configparser.ConfigParser()
    points.read_string(core.read("*/entry_points.txt"))
    assert {section: dict(points[section]) for section in points.sections()} == {
        "console_scripts": {"labelloom": "labelloom.cli:main"},
        "pytest11": {"labelloom": "labelloom.testing.plugin"},
    }
    extras = {"baseline", "chinese", "dev", "faiss", "sample", "tensorboard", "wandb"}
    assert extras == set(core.metadata.get_all("Provides-Extra"))


def test_a_bundle_is_one_entry_point(wheels):
    for bundle in wheels[1:]:
        ((name, module),) = bundle.project["entry-points"]["labelloom.bundles"].items()
        assert bundle.read("*/entry_points.txt").split() == ["[labelloom.bundles]", name, "=", module]
        assert bundle.project["name"] == f"labelloom-{name}"
        assert any(line.startswith("labelloom<0.2") for line in bundle.metadata.get_all("Requires-Dist"))


def test_every_file_is_recorded(wheels):
    for wheel in wheels:
        rows = list(csv.reader(wheel.read("*/RECORD").splitlines()))
        assert {row[0] for row in rows} == wheel.names


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_the_wheel_of_the_source_distribution_is_the_same(project, wheels, tmp_path):
    (wheel,) = (wheel for wheel in wheels if wheel.folder == project)
    with tarfile.open(build(project, tmp_path / "sdist", "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = (entry for entry in tmp_path.iterdir() if entry.name != "sdist")
    again = Wheel(build(folder, tmp_path / "sdist" / "wheel", "wheel"), folder, wheel.project)
    assert again.names == wheel.names
    assert again.read("*/METADATA") == wheel.read("*/METADATA")


def test_versions_and_ranges_agree():
    versions = {}
    for folder in PROJECTS:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        versions[project["name"]] = project["version"]
    import labelloom

    assert labelloom.__version__ == versions["labelloom"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{versions['labelloom']}]" in changelog
