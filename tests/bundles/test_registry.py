"""The registry of known bundles: what it may say, what it says, and the `pip install` that it brings."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from labelloom.bundles import Catalogue
from labelloom.components import API
from labelloom.compose.check import check
from labelloom.errors import BundleError, CompositionError, UnknownNameError
from labelloom.evaluation.metrics import find_metric
from labelloom.loading import HOOKS
from labelloom.registry import KnownBundle, Paper, Registry, known_bundles, read_registry, registry_file
from labelloom.spec import validate_spec

ROOT = Path(__file__).parents[2]
KNOWN = """
[bundles.weave]
distribution = "labelloom-weave"
summary = "A loom"
api = 1
components = ["weave/cross-attention", "weave/linear"]
specs = ["weave/cloth"]

[bundles.knot]
distribution = "labelloom-knot"
summary = "Knots"
api = 1
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
        (
            "weave/not-in-the-registry",
            [],
            ["pip install labelloom-weave, if it has weave/not-in-the-registry: its catalogue does not name it"],
        ),
        ("weave/cloht", [], ["weave/cloth, which pip install labelloom-weave brings"]),
        ("weaev/linear", [], ["pip install labelloom-weave", "pip install labelloom-knot"]),
        ("cross-attention", [], ["pip install labelloom-weave"]),
        ("mine/encoder", ["mine"], ["pip install labelloom-knot"]),
        ("quipu", [], ["pip install labelloom-knot"]),
        ("weave/cloth", [], ["pip install labelloom-weave"]),
        ("mine/cloth", ["mine"], ["pip install labelloom-weave"]),
        ("weave/linear", ["weave"], ["pip install --upgrade labelloom-weave", "pip install labelloom-knot"]),
        ("weave/misspelt", ["weave"], []),
        ("weave", [], ["pip install labelloom-weave"]),
        ("weaev", [], ["pip install labelloom-weave"]),
        ("weave", ["weave"], []),
        ("mine/other", [], []),
        ("", [], []),
    ],
)
def test_which_distributions_may_bring_a_name(registry, name, installed, expected):
    assert list(registry.installs(name, installed)) == expected


@pytest.mark.parametrize("name", ["standard/transformer", "standard/misspelt", "standrad/transformer", "transformer"])
def test_a_known_bundle_that_is_not_installed_brings_its_install_command_first(name):
    with pytest.raises(UnknownNameError) as caught:
        Catalogue([]).component(name)
    unsure = ", if it has standard/misspelt: its catalogue does not name it" if name == "standard/misspelt" else ""
    assert str(caught.value) == (
        f"{name}: no installed component is called {name!r} (installed bundles: none)\n"
        f"    try: pip install labelloom-standard{unsure}"
    )


def test_a_bundle_for_a_newer_labelloom_is_installed_with_it(tmp_path):
    (tmp_path / "registry.toml").write_text(KNOWN.replace("api = 1", f"api = {API + 1}", 1))
    registry = read_registry(tmp_path / "registry.toml")
    assert list(registry.installs("weave/cloth", [])) == ["pip install --upgrade labelloom labelloom-weave"]
    assert list(registry.installs("knot/encoder", [])) == ["pip install labelloom-knot"]


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


INSTALLED = {bundle.name for bundle in Catalogue().bundles}


@pytest.mark.parametrize("name", sorted(read_registry().bundles.keys() & INSTALLED))
def test_the_registry_says_what_the_installed_bundle_does(name):
    known: KnownBundle = read_registry().bundles[name]
    catalogue = Catalogue()
    (state,) = (state for state in catalogue.states() if state.bundle.name == name)
    assert state.error == ""
    assert known.distribution == state.bundle.distribution
    for kind in HOOKS.values():
        assert getattr(known, f"{kind.what}s") == [record.name for record in state.records(kind)]
        assert {record.api for record in state.records(kind)} <= {known.api}
    assert known.api == API
    assert sorted(known.specs) == sorted(spec for spec in catalogue.specs() if spec.startswith(f"{name}/"))
    assert known.brings


PAPERS = {name: known.paper for name, known in read_registry().bundles.items() if known.paper}


@pytest.mark.parametrize("name", PAPERS)
def test_a_paper_s_bibtex_says_what_its_entry_says(name):
    paper: Paper = PAPERS[name]
    text = " ".join(paper.bibtex.split())
    assert f"title = {{{paper.title}}}," in text
    assert f"author = {{{' and '.join(paper.authors)}}}," in text
    assert f"year = {{{paper.year}}}," in text
    assert paper.link in text
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize("name", PAPERS)
def test_published_scores_are_shares_of_metrics_that_labelloom_has(name):
    tables = read_registry().bundles[name].tables
    assert tables
    for table in tables:
        for scores in table.scores.values():
            assert scores.keys() == next(iter(table.scores.values())).keys()
            for metric, score in scores.items():
                assert find_metric(metric)
                assert 0 < score < 1


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
        ("ap = 1", "bundles.weave.ap: unknown key 'ap'\n    try: api"),
        (
            "paper = {title = 't', authors = [' '], venue = 'v', year = 2020}",
            "bundles.weave.paper.authors.0: must match \\S",
        ),
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
    entry = {"distribution": "'labelloom-weave'", "summary": "'A loom'", "api": "1"}
    entry.update([change.split(" = ", 1)])
    lines = "\n".join(f"{key} = {value}" for key, value in entry.items())
    file = tmp_path / "registry.toml"
    file.write_text(f"[bundles.weave]\n{lines}\n")
    with pytest.raises(BundleError) as caught:
        read_registry(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)


def test_a_bundle_of_specs_alone(tmp_path):
    (tmp_path / "registry.toml").write_text(
        '[bundles.cloth]\ndistribution = "labelloom-cloth"\nsummary = "Mixtures"\napi = 1\nspecs = ["cloth/plain"]\n'
    )
    entry = read_registry(tmp_path / "registry.toml").bundles["cloth"]
    assert (entry.components, entry.brings, entry.paper) == ([], ("cloth/plain",), None)


@pytest.mark.parametrize(
    ("authors", "citation"),
    [
        (["Ada Lovelace"], "Lovelace 2021"),
        (["Ada Lovelace", "Alan Turing"], "Lovelace and Turing 2021"),
        (["Ada Lovelace", "Alan Turing", "Grace Hopper"], "Lovelace et al. 2021"),
        (["Ada Lovelace", "others"], "Lovelace et al. 2021"),
    ],
)
def test_how_a_paper_is_cited(authors, citation):
    assert Paper(title="T", authors=authors, venue="V", year=2021).citation == citation


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


# Catalogues of one's own.

ENTRY = '[bundles.{name}]\ndistribution = "{distribution}"\nsummary = "One\'s own"\napi = 1\n'


@pytest.fixture
def catalogues(tmp_path, monkeypatch):
    """Writes catalogues of these names and entries, and names them in the environment in their order."""

    def write(**texts: str) -> None:
        files = []
        for name, text in texts.items():
            files.append(tmp_path / f"{name}.toml")
            files[-1].write_text(text)
        monkeypatch.setenv("LABELLOOM_REGISTRY", os.pathsep.join(map(str, files)))

    return write


def test_one_s_own_catalogue_adds_to_labelloom_s(catalogues):
    catalogues(ours=ENTRY.format(name="loom", distribution="our-loom"))
    assert known_bundles().bundles.keys() == {"loom", *read_registry().bundles}
    with pytest.raises(UnknownNameError) as caught:
        Catalogue([]).component("loom/part")
    assert caught.value.problems[0].suggestions == ("pip install our-loom",)


def test_of_two_entries_of_one_name_the_first_counts_and_one_s_own_before_labelloom_s(catalogues):
    first = ENTRY.format(name="loom", distribution="first") + ENTRY.format(name="laco", distribution="our-laco")
    catalogues(a=first, b=ENTRY.format(name="loom", distribution="second"))
    bundles = known_bundles().bundles
    assert (bundles["loom"].distribution, bundles["laco"].distribution) == ("first", "our-laco")
    assert bundles["laco"].components == []  # whole, not key by key


def test_an_empty_variable_names_nothing(monkeypatch):
    for value in ("", os.pathsep):
        monkeypatch.setenv("LABELLOOM_REGISTRY", value)
        assert known_bundles() == read_registry()


def test_a_path_may_begin_at_home_or_here(tmp_path, monkeypatch):
    (tmp_path / "ours.toml").write_text(ENTRY.format(name="loom", distribution="our-loom"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for path in ("~/ours.toml", "ours.toml"):
        monkeypatch.setenv("LABELLOOM_REGISTRY", path)
        assert "loom" in known_bundles().bundles


BROKEN = {
    "no TOML": ("[bundles", "the registry cannot be read: Expected ']' at the end of a table declaration "),
    "a misspelt key": (
        ENTRY.format(name="loom", distribution="our-loom") + "componets = []",
        "bundles.loom.componets: unknown key 'componets'\n    try: components\n",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_catalogue_is_told_by_file_and_place(catalogues, tmp_path, what):
    text, message = BROKEN[what]
    catalogues(ours=text)
    with pytest.raises(BundleError) as caught:
        known_bundles()
    assert str(caught.value).startswith(f"{tmp_path / 'ours.toml'}: {message}")
    assert str(caught.value).endswith("\n    try: mend the file, or take it out of LABELLOOM_REGISTRY")
    # Who asks for a name that nobody has is told that, and why there is no hint.
    with pytest.raises(UnknownNameError) as unknown:
        Catalogue([]).component("laco/plcp")
    assert unknown.value.problems[0].message == "no installed component is called 'laco/plcp' (installed bundles: none)"
    assert unknown.value.problems[1:] == caught.value.problems
    # And of a spec with two such names once.
    parts = {"encoder": {"use": "nobody/a"}, "predictor": {"use": "nobody/b"}}
    with pytest.raises(CompositionError) as spec:
        check(validate_spec({"name": "x", "data": {"source": "y"}, "model": parts, "tasks": [{"use": "nobody/c"}]}))
    assert [problem.where for problem in spec.value.problems if problem not in caught.value.problems] == [
        "model.encoder.use",
        "model.predictor.use",
        "tasks.0.use",
    ]
    assert str(spec.value).count(str(tmp_path / "ours.toml")) == 1


@pytest.mark.parametrize("path", ["nowhere.toml", "~no-such-user/ours.toml"])
def test_a_catalogue_that_is_not_there(monkeypatch, path):
    monkeypatch.setenv("LABELLOOM_REGISTRY", path)
    with pytest.raises(BundleError) as caught:
        known_bundles()
    assert str(caught.value) == (
        f"{path}: the registry cannot be read: No such file or directory\n"
        "    try: mend the file, or take it out of LABELLOOM_REGISTRY"
    )
