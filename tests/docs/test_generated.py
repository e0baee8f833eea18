"""The generated parts of the reference are up to date, and nothing is missing in them."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from labelloom.bundles import Catalogue
from labelloom.spec import Spec

from .pages import ROOT


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("labelloom_docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_as_they_are_generated(generate: ModuleType) -> None:
    for name in generate.PAGES:
        written = (generate.REFERENCE / name).read_text(encoding="utf-8")
        assert generate.page(name) == written, f"{name} is out of date: python docs/generate.py"


def test_every_generated_part_stands_on_one_page(generate: ModuleType) -> None:
    texts = [file.read_text(encoding="utf-8") for file in generate.REFERENCE.glob("*.md")]
    for name in generate.GENERATED:
        assert sum(text.count(f"<!-- generated: {name} -->") for text in texts) == 1, name


def test_every_command_and_option_is_there(generate: ModuleType) -> None:
    told = generate.commands()
    for command in ("list", "show", "init", "check", "train", "evaluate", "predict", "schema"):
        assert f"## labelloom {command}\n" in told
    for option in ("`--dry-run`", "`--resume` `RUN`", "`--seed` `N`", "`-o`, `--output` `DIR`"):
        assert option in told


def test_every_key_of_the_spec_is_there(generate: ModuleType) -> None:
    told = "".join(make() for name, make in generate.GENERATED.items() if name not in ("commands", "components"))
    schema = Spec.model_json_schema()
    for table in (schema, *schema["$defs"].values()):
        for key in table["properties"]:
            assert f"| `{key}` |" in told


def test_every_component_with_every_option_is_there(generate: ModuleType) -> None:
    told, catalogue = generate.components(), Catalogue()
    for bundle in generate.bundle_names():
        for name in catalogue.load(bundle):
            assert f"### {name}\n" in told
    assert "| `pretrained` | text |" in told
