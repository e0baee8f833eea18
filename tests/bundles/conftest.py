"""Bundles installed for one test: real packages and `.dist-info` folders in a temporary folder on `sys.path`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from labelloom.bundles import Catalogue

RECORD = (
    'Component(kind="predictor", name="{name}", target="{module}.parts:Part", gives={{"scores"}}, summary="A part")'
)


@dataclass
class Site:
    """A folder that packages are installed into, as pip does it."""

    folder: Path

    def bundle(self, name: str, *components: str, **options: str) -> None:
        """Install a bundle whose records have the short names `components`."""
        module = f"bundle_{name}"
        records = ", ".join(RECORD.format(name=f"{name}/{component}", module=module) for component in components)
        self.hooks(name, f"@hookimpl\ndef labelloom_components():\n    return [{records}]", **options)

    def hooks(self, name: str, code: str, *, distribution: str = "", version: str = "1.0", module: str = "") -> None:
        """Install a bundle whose hooks.py says `code`."""
        module = module or f"bundle_{name}"
        self.package(
            module,
            {
                "hooks.py": f"from labelloom import Component, hookimpl\n\n{code}\n",
                "parts.py": "class Part:\n    'A part.'\n",
            },
        )
        entry = f"[labelloom.bundles]\n{name} = {module}.hooks\n"
        self.entry_points(distribution or f"labelloom-{name}", entry, version=version)

    def package(self, module: str, files: Mapping[str, str]) -> Path:
        """Write the files of a package."""
        folder = self.folder / module
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        return folder

    def entry_points(self, distribution: str, text: str | bytes, *, version: str = "1.0", suffix: str = "") -> Path:
        """Write a distribution's entry_points.txt."""
        suffix = suffix or f"-{version}.dist-info"
        info = self.folder / (distribution.replace("-", "_") + suffix)
        info.mkdir(parents=True, exist_ok=True)
        file = info / "entry_points.txt"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    @property
    def catalogue(self) -> Catalogue:
        """What is installed here, and nothing else."""
        return Catalogue([str(self.folder)])


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
