"""The registry of known bundles: what it may say, what it says, and the `pip install` that it brings."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from labelloom.bundles import Catalogue
from labelloom.errors import BundleError, UnknownNameError
from labelloom.registry import KnownBundle, Registry, read_registry, registry_file

ROOT = Path(__file__).parents[2]
KNOWN = """
[bundles.weave]
distribution = "labelloom-weave"
summary = "A loom"
components = ["weave/cross-attention", "weave/linear"]

[bundles.knot]
distribution = "labelloom-knot"
summary = "Knots"
components = ["knot/linear", "knot/encoder"]
formats = ["knot/quipu"]
"""


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    (tmp_path / "registry.toml").write_text(KNOWN)
    return read_registry(tmp_path / "registry.toml")


@pytest.mark.parametrize(
    ("name", "installed", "expected"),
    [
        ("weave/cross-attention", [], ["pip install labelloom-weave"]),
        ("weave/not-in-the-registry", [], ["pip install labelloom-weave"]),
        ("weaev/linear", [], ["pip install labelloom-weave", "pip install labelloom-knot"]),
        ("cross-attention", [], ["pip install labelloom-weave"]),
        ("mine/encoder", ["mine"], ["pip install labelloom-knot"]),
        ("quipu", [], ["pip install labelloom-knot"]),
        ("weave/misspelt", ["weave"], []),
        ("mine/other", [], []),
        ("", [], []),
    ],
)
def test_which_distributions_may_bring_a_component(registry, name, installed, expected):
    assert list(registry.installs(name, installed)) == expected


@pytest.mark.parametrize("name", ["standard/transformer", "standard/misspelt", "standrad/transformer", "transformer"])
def test_a_known_bundle_that_is_not_installed_brings_its_install_command_first(name):
    with pytest.raises(UnknownNameError) as caught:
        Catalogue([]).component(name)
    assert str(caught.value) == (
        f"{name}: no installed component is called {name!r} (installed bundles: none)\n"
        "    try: pip install labelloom-standard"
    )


def test_the_install_command_comes_before_close_names(site):
    site.bundle("mine", "transformer")
    with pytest.raises(UnknownNameError) as caught:
        site.catalogue.component("standard/transformer")
    assert caught.value.problems[0].suggestions == ("pip install labelloom-standard", "mine/transformer")


def test_a_format_of_a_known_bundle_that_is_not_installed_brings_its_install_command():
    with pytest.raises(UnknownNameError) as caught:
        Catalogue([]).format("standard/sgm")
    assert str(caught.value) == (
        "data.format: no installed format is called 'standard/sgm' (installed bundles: none)\n"
        "    try: pip install labelloom-standard"
    )


def test_an_installed_bundle_is_nothing_to_install():
    with pytest.raises(UnknownNameError) as caught:
        Catalogue().component("standard/tranformer")
    assert caught.value.problems[0].suggestions[0] == "standard/transformer"


# What it says.


def test_every_bundle_of_the_repository_is_known():
    projects = [tomllib.loads(file.read_text())["project"] for file in (ROOT / "plugins").glob("*/pyproject.toml")]
    assert projects
    bundles = read_registry().bundles
    for project in projects:
        for name in project["entry-points"]["labelloom.bundles"]:
            assert bundles[name].distribution == project["name"]


@pytest.mark.parametrize("name", read_registry().bundles)
def test_the_registry_says_what_the_installed_bundle_does(name):
    known: KnownBundle = read_registry().bundles[name]
    catalogue = Catalogue()
    records = catalogue.load(name)
    assert known.components == list(records)
    assert known.formats == [record.name for record in catalogue.formats() if record.bundle == name]
    assert known.commands == [record.name for record in catalogue.commands() if record.bundle == name]
    assert {record.api for record in records.values()} == {known.api}
    shipped = [spec for spec in catalogue.specs() if spec.startswith(f"{name}/")]
    assert not known.specs or sorted(known.specs) == sorted(shipped)


def test_the_file_is_the_one_at_the_root_of_the_checkout():
    assert registry_file() == ROOT / "registry.toml"


# What it may say.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("distribution = 'Labelloom_Weave'", "bundles.weave.distribution: must match ^"),
        ("summary = ''", "bundles.weave.summary: must not be empty"),
        ("components = 3", "bundles.weave.components: must be a list, not 3"),
        ("distributon = 'x'", "bundles.weave.distributon: unknown key 'distributon'\n    try: distribution"),
        ("components = ['knot/x']", "'knot/x' of the bundle 'weave' must start with 'weave/'"),
        ("specs = ['x']", "'x' of the bundle 'weave' must start with 'weave/'"),
        ("formats = ['x']", "'x' of the bundle 'weave' must start with 'weave/'"),
        ("api = 0", "bundles.weave.api: must be at least 1, not 0"),
        ("paper = {title = 't'}", "bundles.weave.paper.authors: missing: this key is required"),
        (
            "paper = {title = 't', authors = ['a'], venue = 'v', year = 2020, link = 'x'}",
            "bundles.weave.paper.link: must match ^",
        ),
        (
            "paper = {title = 't', authors = ['a'], venue = 'v', year = 2020, bibtex = 'x'}",
            "bundles.weave.paper.bibtex: must match ^",
        ),
        (
            "tables = [{title = 'Table 1', data = 'AAPD', scores = {all = {micro_f1 = 'high'}}}]",
            "bundles.weave.tables.0.scores.all.micro_f1: must be a number",
        ),
    ],
)
def test_what_no_registry_says_is_refused_by_its_key(tmp_path, change, message):
    entry = {"distribution": "'labelloom-weave'", "summary": "'A loom'", "components": "[]"}
    entry.update([change.split(" = ", 1)])
    lines = "\n".join(f"{key} = {value}" for key, value in entry.items())
    file = tmp_path / "registry.toml"
    file.write_text(f"[bundles.weave]\n{lines}\n")
    with pytest.raises(BundleError) as caught:
        read_registry(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)


def test_a_whole_entry(tmp_path):
    (tmp_path / "registry.toml").write_text(
        KNOWN
        + """
[bundles.full]
distribution = "labelloom-full"
summary = "All there is"
components = []
specs = ["full/spec"]
api = 1
paper = { title = "T", authors = ["A", "B"], venue = "V", year = 2021, link = "https://x.org/1", bibtex = "@a{b, c}" }

[[bundles.full.tables]]
title = "Table 2"
data = "AAPD"
scores = { "full model" = { micro_f1 = 0.7, "precision@1" = 0.85 } }
"""
    )
    entry = read_registry(tmp_path / "registry.toml").bundles["full"]
    assert entry.paper is not None
    assert entry.paper.authors == ["A", "B"]
    assert entry.tables[0].scores["full model"]["precision@1"] == 0.85


@pytest.mark.parametrize("content", [b"[bundles", b"\xff", None], ids=["no TOML", "no UTF-8", "missing"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    file = tmp_path / "registry.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BundleError) as caught:
        read_registry(file)
    assert str(caught.value).startswith(f"{file}: the registry cannot be read: ")
