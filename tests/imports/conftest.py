"""The modules of the core and of every installed bundle, by file name: nothing is imported to list them."""

from __future__ import annotations

import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest

from labelloom.bundles import Bundle, find_bundles


def modules_of(package: str) -> dict[str, Path]:
    """Every module of an installed package by its full name."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    files = {file.relative_to(root.parent).with_suffix(""): file for file in sorted(root.rglob("*.py"))}
    return {".".join(name.parts).removesuffix(".__init__"): file for name, file in files.items()}


def installed_bundles() -> list[Bundle]:
    """Those in this environment, and not what other tests put on `sys.path`."""
    return find_bundles([sysconfig.get_path("purelib")])


@pytest.fixture(scope="session")
def core_modules() -> dict[str, Path]:
    return modules_of("labelloom")


@pytest.fixture(scope="session")
def bundle_modules() -> dict[str, Path]:
    packages = sorted({bundle.module.partition(".")[0] for bundle in installed_bundles()})
    return {name: file for package in packages for name, file in modules_of(package).items()}


@pytest.fixture(scope="session")
def light_modules(core_modules: dict[str, Path], bundle_modules: dict[str, Path]) -> list[str]:
    """Those that `labelloom --help`, `list` and `check` may load."""
    light = ["bundles", "cli", "commands", "components", "config", "errors", "finding", "formats", "hookspecs"]
    light += ["listeners", "loading", "metrics", "records", "sections", "sources"]
    light += ["registry", "spec", "compose.check", "compose.flow", "compose.iteration", "compose.plan"]
    names = ["labelloom", *(f"labelloom.{name}" for name in light)]
    names += [name for name in core_modules if name.startswith("labelloom.spec.")]
    return names + [name for name in bundle_modules if name.endswith((".hooks", ".config"))]
