"""A bundle that two distributions claim: nobody can say which is meant, so neither is used, and all others are."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

from labelloom.cli.app import app
from labelloom.errors import BundleError
from labelloom.sources import DataSource
from labelloom.training.baseline import train_baseline

SPEC = 'name = "daily"\nextends = "standard/bilstm"\n'
TOLD = (
    "bundle menu: two distributions claim the bundle 'menu': labelloom-menu 1.0 and other-menu 0.3\n"
    "    try: pip uninstall other-menu\n"
)


@pytest.fixture
def menu(site):
    """Two distributions of specs alone, both of the bundle `menu`; one has a spec that the other lacks."""
    for module, distribution, version in (("menu_a", "labelloom-menu", "1.0"), ("menu_b", "other-menu", "0.3")):
        site.package(module, {"specs/daily.toml": SPEC})
        site.entry_points(distribution, f"[labelloom.bundles]\nmenu = {module}\n", version=version)
    site.package("menu_b", {"specs/weekly.toml": SPEC})
    return site


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LABELLOOM_CACHE", str(tmp_path / "cache"))
    return folder


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words, prog_name="labelloom")


def test_neither_ships_a_spec_and_others_do(menu):
    folder = menu.package("other", {"specs/plain.toml": SPEC})
    menu.entry_points("labelloom-other", "[labelloom.bundles]\nother = other\n")
    assert menu.catalogue.specs() == {"other/plain": folder / "specs" / "plain.toml"}
    assert [state.state for state in menu.catalogue.states()] == ["broken", "broken", "ok"]


@pytest.mark.parametrize("spec", ["menu/daily", "menu/weekly"])
@pytest.mark.parametrize("command", ["check", "train", "show", "init", "data", "baseline"])
def test_every_command_that_takes_a_spec_refuses_theirs(menu, here, command, spec):
    result = run(command, spec)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", TOLD)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("command", ["check", "train", "data", "baseline"])
def test_so_does_a_spec_that_extends_one(menu, here, command):
    (here / "mine.toml").write_text('extends = "menu/daily"\n')
    result = run(command, "mine.toml")
    assert (result.exit_code, result.stderr) == (1, TOLD)


def test_a_folder_of_this_name_is_data(menu, here):
    (here / "menu" / "daily").mkdir(parents=True)
    (here / "menu" / "daily" / "train.jsonl").write_text('{"text": "soup", "labels": ["starter"]}\n')
    result = run("data", "menu/daily")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "starter" in result.stdout


def test_in_python_it_is_the_same_error(menu, here):
    with pytest.raises(BundleError) as caught:
        train_baseline("menu/daily")
    assert f"{caught.value}\n" == TOLD


def test_the_list_shows_both_with_what_is_wrong_and_none_of_their_specs(menu):
    lines = [" ".join(line.split()) for line in run("list", "bundles").stdout.splitlines()]
    wrong = TOLD.partition("\n")[0]
    assert f"menu labelloom-menu 1.0 {wrong}" in lines
    assert f"menu other-menu 0.3 {wrong}" in lines
    specs = run("list", "specs").stdout
    assert "menu/" not in specs
    assert "standard/bilstm" in specs


def test_of_three_all_but_one_may_go(menu):
    menu.entry_points("third-menu", "[labelloom.bundles]\nmenu = menu_a\n", version="2")
    with pytest.raises(BundleError) as caught:
        menu.catalogue.load("menu")
    assert str(caught.value) == (
        "bundle menu: 3 distributions claim the bundle 'menu': labelloom-menu 1.0 and other-menu 0.3 and third-menu 2\n"
        "    try: pip uninstall other-menu third-menu"
    )


def test_who_looks_for_something_in_all_bundles_is_told_of_it_once(menu):
    with pytest.raises(BundleError) as caught:
        menu.catalogue.called(DataSource, "letters", "data.source")
    assert str(caught.value).count("the bundle menu is broken, so its sources are not known") == 1
