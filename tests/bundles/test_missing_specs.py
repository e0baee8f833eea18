"""The name of a spec or a bundle that nobody here has: every command that takes a spec says what installs it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner, Result

from labelloom.cli.app import app
from labelloom.errors import DataError
from labelloom.training.baseline import train_baseline

KNOWN = """
[bundles.loom]
distribution = "our-loom"
summary = "Our own"
api = 1
specs = ["loom/cloth"]
"""
COMMANDS = {
    "check": "{name}: no such spec: neither a file nor a shipped spec",
    "train": "{name}: no such spec: neither a file nor a shipped spec",
    "init": "{name}: no installed bundle ships a spec of this name",
    "show": "{name}: no installed component",
    "data": "data.source: no file or folder '{name}', and no such sample",
    "baseline": "data.source: no file or folder '{name}', and no such sample",
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder to work in, and a catalogue that knows a bundle `loom` of specs."""
    (tmp_path / "ours.toml").write_text(KNOWN)
    monkeypatch.setenv("LABELLOOM_REGISTRY", str(tmp_path / "ours.toml"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words, prog_name="labelloom")


@pytest.mark.parametrize("name", ["loom/cloth", "loom/other", "loom", "cloth"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_spec_of_a_known_bundle_brings_what_installs_it_first(command, name):
    result = run(command, name)
    assert (result.exit_code, result.stdout) == (1, "")
    first, second, *_ = result.stderr.splitlines()
    assert first.startswith(COMMANDS[command].format(name=name))
    unsure = ", if it has loom/other: its catalogue does not name it" if name == "loom/other" else ""
    assert second == f"    try: pip install our-loom{unsure}"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_misspelt_spec_of_a_known_bundle_brings_its_name(command):
    _, second, *_ = run(command, "loom/clot").stderr.splitlines()
    assert second == "    try: loom/cloth, which pip install our-loom brings"


def test_a_spec_of_another_bundle_must_be_nearly_the_same():
    result = run("check", "looks/late")
    assert result.stderr == (
        "looks/late: no such spec: neither a file nor a shipped spec\n    try: labelloom list specs\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_misspelt_spec_brings_the_one_that_is_meant_first(command):
    first, second, *_ = run(command, "standard/bilsmt").stderr.splitlines()
    assert first.startswith(COMMANDS[command].format(name="standard/bilsmt"))
    assert second == "    try: standard/bilstm"


def test_data_that_is_called_like_a_spec_s_own_name(here):
    assert run("data", "bilstm").stderr.startswith(
        "data.source: no file or folder 'bilstm', and no such sample\n    try: standard/bilstm\n"
    )


@pytest.mark.parametrize("command", ["check", "data", "baseline"])
def test_a_spec_that_extends_one_of_a_known_bundle(here, command):
    (here / "mine.toml").write_text('extends = "loom/cloth"\n')
    told = "loom/cloth: no such spec to extend: neither a file nor a shipped spec\n    try: pip install our-loom\n"
    assert run(command, "mine.toml").stderr.startswith(told)


def test_a_path_is_no_name_of_a_spec():
    result = run("data", "./loom/cloth")
    assert result.exit_code == 1
    assert "our-loom" not in result.stderr


@pytest.mark.parametrize("command", ["data", "baseline"])
def test_other_errors_of_data_are_told_as_they_are(here, command):
    (here / "loom").mkdir()
    result = run(command, "loom")
    assert result.stderr.startswith("loom: no training split")
    assert "our-loom" not in result.stderr


def test_in_python_it_is_the_same_error():
    with pytest.raises(DataError) as caught:
        train_baseline("loom/cloth")
    assert caught.value.problems[0].suggestions[0] == "pip install our-loom"


def test_a_catalogue_that_is_broken_is_told_beside_it(here, monkeypatch):
    monkeypatch.setenv("LABELLOOM_REGISTRY", "nowhere.toml")
    for command in ("check", "data"):
        lines = run(command, "loom/cloth").stderr.splitlines()
        assert lines[-2:] == [
            "nowhere.toml: the registry cannot be read: No such file or directory",
            "    try: mend the file, or take it out of LABELLOOM_REGISTRY",
        ]
