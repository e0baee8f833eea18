"""The core knows no bundle, not even one that its import contracts do not name."""

from __future__ import annotations

import ast
import importlib.metadata
from pathlib import Path

from .conftest import installed_bundles


def imported(file: Path) -> set[str]:
    """The modules that a file names in import statements, wherever they stand."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_the_core_imports_no_bundle(core_modules):
    bundles = {name: [m for m in imported(file) if m.startswith("labelloom_")] for name, file in core_modules.items()}
    assert {name: found for name, found in bundles.items() if found} == {}


def test_imports_are_absolute(core_modules, bundle_modules):
    for name, file in {**core_modules, **bundle_modules}.items():
        tree = ast.parse(file.read_text(encoding="utf-8"))
        relative = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
        assert not relative, name


def test_a_bundle_imports_another_only_if_its_distribution_depends_on_it(bundle_modules):
    distribution_of = {bundle.module.partition(".")[0]: bundle.distribution for bundle in installed_bundles()}
    for name, file in bundle_modules.items():
        own = name.partition(".")[0]
        requires = " ".join(importlib.metadata.requires(distribution_of[own]) or [])
        for other in {module.partition(".")[0] for module in imported(file)} & distribution_of.keys() - {own}:
            assert distribution_of[other] in requires, f"{name} imports {other}"
