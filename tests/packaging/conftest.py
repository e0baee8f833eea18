"""The wheels of the core and of every bundle in the repository, built and installed without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = [ROOT, *sorted(file.parent for file in (ROOT / "plugins").glob("*/pyproject.toml"))]


def build(project: Path, folder: Path, target: str) -> Path:
    """The wheel or sdist of a project, in a new folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (file,) = folder.iterdir()
    return file


@dataclass
class Wheel:
    """A built wheel and the pyproject that it comes from."""

    file: Path
    folder: Path
    project: dict[str, Any]

    @property
    def names(self) -> set[str]:
        with ZipFile(self.file) as archive:
            return set(archive.namelist())

    def read(self, name: str) -> str:
        """The text of one file; `*` stands for the .dist-info folder."""
        info = self.file.name.rpartition("-py3-")[0] + ".dist-info"
        with ZipFile(self.file) as archive:
            return archive.read(name.replace("*", info)).decode("utf-8")

    @property
    def metadata(self) -> Message:
        return Parser().parsestr(self.read("*/METADATA"))


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Wheel]:
    """The core's first, then those of the bundles."""
    made = []
    for folder in PROJECTS:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        made.append(Wheel(build(folder, tmp_path_factory.mktemp("wheel"), "wheel"), folder, project))
    return made


@pytest.fixture(scope="session")
def installed(wheels: list[Wheel], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which all wheels are installed, and nothing else."""
    folder = tmp_path_factory.mktemp("site") / "site-packages"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    command += ["--target", str(folder), *(str(wheel.file) for wheel in wheels)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def only_the_core(installed: Path, tmp_path: Path) -> Path:
    """The same folder without the bundles."""
    folder = tmp_path / "core-alone"
    shutil.copytree(installed, folder, ignore=shutil.ignore_patterns("labelloom_*"))
    return folder


@dataclass
class Environment:
    """A virtual environment in which nothing of labelloom is installed but the wheels that a test names."""

    folder: Path

    def run(self, *command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs: `python`, `labelloom`."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHON", "COV_"))}
        cache = {"LABELLOOM_CACHE": str(self.folder / "cache"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        program = str(self.folder / "bin" / command[0])
        return subprocess.run(
            [program, *command[1:]], cwd=cwd, env={**kept, **cache, **variables}, capture_output=True, text=True
        )

    def install(self, *wheels: Path) -> None:
        """Install wheels, without what they depend on and without a network."""
        self._pip("install", "--quiet", "--no-deps", "--no-index", "--no-compile", *map(str, wheels))

    def check(self) -> None:
        """Whether everything that is installed has what its metadata says it needs."""
        self._pip("check")

    def _pip(self, *command: str) -> None:
        python = str(self.folder / "bin" / "python")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", python, *command], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of links to what is installed here, but for labelloom and its bundles: what pip would have fetched."""
    folder = tmp_path_factory.mktemp("dependencies")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("labelloom", "pip", "__pycache__")) and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="session")
def environment(
    dependencies: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Iterable[Path]], Environment]:
    """Makes an environment with these wheels."""

    def make(wheels: Iterable[Path]) -> Environment:
        folder = tmp_path_factory.mktemp("environment") / "venv"
        venv.EnvBuilder(symlinks=True).create(folder)
        (packages,) = folder.glob("lib/python*/site-packages")
        (packages / "dependencies.pth").write_text(f"{dependencies}\n")
        made = Environment(folder)
        made.install(*wheels)
        return made

    return make
