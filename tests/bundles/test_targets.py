"""Code named by string: classes of bundles, and classes of a file beside the spec."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labelloom.bundles import component_class, load_local, load_target
from labelloom.cli.app import app
from labelloom.components import Component
from labelloom.errors import BundleError


def message(target: str) -> str:
    with pytest.raises(BundleError) as caught:
        load_target(target, "model.encoder")
    return str(caught.value)


def test_a_target_is_imported_when_it_is_asked_for(site):
    site.bundle("one", "part")
    part = load_target("bundle_one.parts:Part", "model.predictor")
    assert part is sys.modules["bundle_one.parts"].Part
    assert load_target("bundle_one.parts:Part.__name__", "") == "Part"


def test_a_missing_library_brings_the_command_that_installs_it(site):
    site.package("bundle_one", {"parts.py": "import some_library.inner\n"})
    assert message("bundle_one.parts:Part") == (
        "model.encoder: bundle_one.parts:Part needs the module 'some_library', which is not installed\n"
        "    try: pip install some-library"
    )
    assert "try: pip install bundle-two" in message("bundle_two.parts:Part")


def test_a_module_that_an_installed_package_lacks_is_nothing_to_install(site):
    site.package("bundle_one", {"parts.py": ""})
    text = "model.encoder: bundle_one.prats:Part: there is no module 'bundle_one.prats'"
    assert message("bundle_one.prats:Part") == text


def test_a_missing_class_brings_close_ones(site):
    site.bundle("one", "part")
    assert message("bundle_one.parts:Prat") == (
        "model.encoder: the module 'bundle_one.parts' has no 'Prat'\n    try: Part"
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def (", "SyntaxError: invalid syntax"),
        ("import sys\nsys.no_such_thing", "AttributeError: module 'sys' has no attribute 'no_such_thing'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("from labelloom import NoSuchName", "ImportError: cannot import name 'NoSuchName' from 'labelloom'"),
    ],
)
def test_a_module_that_fails_is_an_error_that_names_it(site, code, reason):
    site.package("bundle_one", {"parts.py": code})
    assert message("bundle_one.parts:Part").startswith(
        f"model.encoder: bundle_one.parts:Part cannot be imported: {reason}"
    )


def part(name: str, target: str, config: str = "") -> str:
    """The source of a predictor's record."""
    return (
        f'Component("predictor", name="bad/{name}", target="bundle_bad.{target}", config="{config}", '
        'needs={"document"}, gives={"scores"})'
    )


@pytest.fixture
def bad(site):
    """A bundle in order whose parts and options are not: each record names another thing that cannot be had."""
    records = [
        part("lacking", "lacking:Part"),
        part("options", "parts:Part", "bundle_bad.lacking:Options"),
        part("misspelt", "parts:Prat"),
        part("number", "parts:number"),
    ]
    site.hooks("bad", f"@hookimpl\ndef labelloom_components():\n    return [{', '.join(records)}]", version="1.2")
    site.package("bundle_bad", {"lacking.py": "import some_library", "parts.py": "number = 3\nclass Part: pass\n"})
    return site


LACKING = "needs the module 'some_library', which is not installed\n    try: pip install some-library"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lacking", f"bundle_bad.lacking:Part {LACKING}"),
        ("misspelt", "the module 'bundle_bad.parts' has no 'Prat'\n    try: Part"),
        ("number", "bundle_bad.parts:number is no class"),
    ],
)
def test_a_component_whose_code_fails_is_told_with_its_distribution_and_version(bad, name, message):
    record = bad.catalogue.component(f"bad/{name}")
    with pytest.raises(BundleError) as caught:
        component_class(record, record.target, "model.predictor")
    assert str(caught.value) == f"model.predictor: component bad/{name} (labelloom-bad 1.2): {message}"


def test_so_it_is_on_the_command_line(bad):
    def told(*words: str) -> str:
        result = CliRunner().invoke(app, words, prog_name="labelloom")
        assert (result.exit_code, result.stdout) == (1, "")
        return result.stderr

    spec = ["standard/bilstm", "--set", "model.predictor.use=bad/{}"]
    options = f"component bad/options (labelloom-bad 1.2): bundle_bad.lacking:Options {LACKING}\n"
    assert told("show", "bad/options") == options
    assert told("check", *(word.format("options") for word in spec)) == f"model.predictor: {options}"
    lacking = f"component bad/lacking (labelloom-bad 1.2): bundle_bad.lacking:Part {LACKING}\n"
    assert told("check", "--dry-run", *(word.format("lacking") for word in spec)) == f"model.predictor: {lacking}"


def test_a_class_of_a_bundle_that_is_not_installed_is_told_without_it(site):
    site.package("bundle_one", {"parts.py": ""})
    record = Component("predictor", name="one/part", target="bundle_one.parts:Part")
    with pytest.raises(BundleError) as caught:
        component_class(record, record.target, "one/part")
    assert str(caught.value) == "component one/part: the module 'bundle_one.parts' has no 'Part'"


LOCAL = """
from labelloom import Component
from labelloom.config import Config

class Plain:
    component = Component(kind="task", needs={"scores"}, trains="probabilities")

class WithOptions:
    component = Component(kind="predictor", gives={"scores"})
    class Config(Config):
        width: int = 3

class NoRecord:
    pass

function = Component(kind="task")
"""


@pytest.fixture(name="part")
def _part(tmp_path: Path) -> Path:
    file = tmp_path / "my_part.py"
    file.write_text(LOCAL)
    return file


def refusal(use: str, folder: Path, allowed: bool = True) -> str:
    with pytest.raises(BundleError) as caught:
        load_local(use, folder, "task", allowed)
    return str(caught.value)


def test_a_part_beside_the_spec(part):
    record, made = load_local("./my_part.py:Plain", part.parent, "task", True)
    assert (record.kind, record.name, record.needs) == ("task", "./my_part.py:Plain", {"scores"})
    assert made.__name__ == "Plain"
    assert load_target(record.target, "") is made
    assert record.config == ""


def test_its_options_are_its_config(part):
    record, made = load_local("./my_part.py:WithOptions", part.parent, "predictor", True)
    assert load_target(record.config, "") is made.Config


def test_an_absolute_path_is_the_same_module(part):
    _, first = load_local("./my_part.py:Plain", part.parent, "task", True)
    _, second = load_local(f"{part}:Plain", Path("/"), "task", True)
    assert first is second


def test_files_of_one_name_in_two_folders_are_two_modules(part, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "my_part.py").write_text(LOCAL)
    _, first = load_local("./my_part.py:Plain", tmp_path, "task", True)
    _, second = load_local("./my_part.py:Plain", tmp_path / "other", "task", True)
    assert first is not second


def test_without_permission_nothing_runs(tmp_path):
    (tmp_path / "danger.py").write_text("raise AssertionError('it ran')")
    assert refusal("./danger.py:Part", tmp_path, allowed=False) == (
        "./danger.py:Part: this is code from a file; running it needs your permission\n"
        "    try: add --allow-local-code, if you trust the file"
    )


def test_what_is_missing_is_named(part):
    folder = part.parent
    assert refusal("./other.py:Part", folder) == f"./other.py:Part: there is no file {folder / 'other.py'}"
    expected = './my_part.py: the class is missing\n    try: use = "./my_part.py:MyPart", file and class'
    assert refusal("./my_part.py", folder) == expected
    assert "the class is missing" in refusal("./my_part.py:", folder)
    for name in ("Missing", "NoRecord", "function"):
        text = f"has no class {name!r} with an attribute `component`, its record\n    try: component = Component("
        assert text in refusal(f"./my_part.py:{name}", folder)


@pytest.mark.parametrize(
    ("code", "reason"),
    [("1 / 0", "ZeroDivisionError"), ("def (", "SyntaxError"), ("raise SystemExit", "SystemExit")],
)
def test_a_broken_file_is_told_and_read_again_once_it_is_mended(tmp_path, code, reason):
    file = tmp_path / "broken.py"
    file.write_text(code)
    assert f"{file} cannot be loaded: {reason}" in refusal("./broken.py:Plain", tmp_path)
    file.write_text(LOCAL)
    assert load_local("./broken.py:Plain", tmp_path, "task", True)[1].__name__ == "Plain"


def test_a_contradicting_record_in_a_file(tmp_path):
    code = 'from labelloom import Component\nclass Part:\n    component = Component(kind="decoder")\n'
    (tmp_path / "bad.py").write_text(code)
    text = refusal("./bad.py:Part", tmp_path)
    assert "component ?: kind 'decoder' is not one of encoder, label_module" in text
