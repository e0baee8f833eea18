"""`labelloom list`: the three lists, as text and as JSON, and what a broken bundle does to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from labelloom.registry import Registry

from .conftest import install, lines


def test_json_has_every_component_with_exactly_these_keys(answer: Callable[..., Any]) -> None:
    told = answer("list", "--json")
    bags = [component for component in told["components"] if component["name"] == "tiny/label-linear"]
    assert bags == [
        {
            "name": "tiny/label-linear",
            "kind": "predictor",
            "bundle": "tiny",
            "needs": ["labels"],
            "gives": ["scores"],
            "summary": "One weight vector over label vectors",
        }
    ]
    assert [spec["name"] for spec in told["specs"] if spec["name"].startswith("tiny/")] == [
        "tiny/attention",
        "tiny/words",
    ]
    assert {"name": "tiny", "distribution": "labelloom-tiny", "version": "0.1.0", "state": "ok", "error": ""} in told[
        "bundles"
    ]


def test_text_shows_kinds_flow_specs_and_bundles(labelloom_: Callable[..., Result]) -> None:
    result = labelloom_("list")
    told = lines(result.stdout)
    assert result.exit_code == 0
    assert "encoders needs → gives" in told
    assert "tiny/attention tokens → labels One attention a label" in told
    assert "tiny/outer → tokens, document An encoder that holds another one" in told
    assert "tiny/norm document → The squared length of the document vector" in told
    assert "tiny/words A bag of words" in told
    assert "tiny labelloom-tiny 0.1.0 ok" in told


def test_what_its_options_decide_is_said(labelloom_: Callable[..., Result]) -> None:
    assert "tiny/held depends on its options What its parts make" in lines(labelloom_("list", "encoder").stdout)


@pytest.mark.parametrize("word", ["label_module", "label-modules", "Label_Modules"])
def test_a_kind_alone_in_any_spelling(answer: Callable[..., Any], word: str) -> None:
    told = answer("list", word, "--json")
    assert {component["kind"] for component in told["components"]} == {"label_module"}
    assert told["specs"] == told["bundles"] == []


def test_specs_or_bundles_alone(answer: Callable[..., Any]) -> None:
    assert answer("list", "specs", "--json")["components"] == []
    told = answer("list", "bundle", "--json")
    assert told["components"] == told["specs"] == []
    assert told["bundles"]


def test_a_broken_bundle_is_shown_and_hides_nothing(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, "crumbling", "labelloom_crumbling.hooks", version="2.0")
    (folder / "labelloom_crumbling").mkdir()
    (folder / "labelloom_crumbling" / "hooks.py").write_text("raise RuntimeError('it crumbles')")
    monkeypatch.syspath_prepend(folder)
    told = answer("list", "--json")
    broken = next(bundle for bundle in told["bundles"] if bundle["name"] == "crumbling")
    assert (broken["distribution"], broken["version"], broken["state"]) == ("labelloom-crumbling", "2.0", "broken")
    assert "it crumbles" in broken["error"]
    assert any(component["name"] == "tiny/bag" for component in told["components"])
    text = labelloom_("list").stdout
    assert "labelloom-crumbling 2.0" in text
    assert "it crumbles" in text


def test_a_malformed_file_is_a_line_on_standard_error(
    labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, "odd", "not a module!")
    monkeypatch.syspath_prepend(folder)
    with pytest.warns(UserWarning, match="not listed"):
        result = labelloom_("list", "bundles")
    assert result.exit_code == 0
    assert "labelloom-tiny" in result.stdout


def test_a_shipped_spec_that_is_no_toml_is_listed(
    labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, "scribbled", "labelloom_scribbled.hooks")
    specs = folder / "labelloom_scribbled" / "specs"
    specs.mkdir(parents=True)
    (specs / "one.toml").write_text("name = ")
    monkeypatch.syspath_prepend(folder)
    told = lines(labelloom_("list", "specs").stdout)
    assert any(line.startswith("scribbled/one cannot be read: Invalid value") for line in told)


def test_nothing_installed_says_what_to_do(labelloom_: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelloom.bundles.find_bundles", lambda path=None: [])
    told = lines(labelloom_("list").stdout)
    assert told[0] == "formats files"
    assert told[-1] == "no bundle is installed: pip install labelloom-standard"
    assert labelloom_("list", "bundles").stdout == "nothing of that kind is installed\n"
    assert labelloom_("list", "sampler").stdout == "nothing of that kind is installed\n"


def test_an_unknown_kind_is_a_usage_error(labelloom_: Callable[..., Result]) -> None:
    result = labelloom_("list", "decoder")
    assert result.exit_code == 2
    assert (
        "'decoder' is not one of encoder, label_module, predictor, task, sampler, formats, sources, "
        "metrics, listeners, sections, commands, specs, bundles." in result.stderr
    )


def test_formats_of_the_core_and_of_bundles(labelloom_: Callable[..., Result], answer: Callable[..., Any]) -> None:
    told = answer("list", "formats", "--json")
    assert told["components"] == told["specs"] == told["bundles"] == []
    assert told["formats"][2] == {
        "name": "csv",
        "files": ["*.csv | *.csv.gz"],
        "summary": "Rows with commas between the cells, below a header",
    }
    assert "standard/sgm" in [each["name"] for each in told["formats"]]
    assert "standard/sgm text_train*, label_train* text_train and label_train, a document a line: AAPD" in " ".join(
        lines(labelloom_("list", "format").stdout)
    )


def test_available_are_the_known_bundles_that_are_not_installed(
    labelloom_: Callable[..., Result],
    answer: Callable[..., Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "tiny" not in labelloom_("list", "--available").stdout
    (folder / "ours.toml").write_text(
        '[bundles.loom]\ndistribution = "our-loom"\nsummary = "A loom"\napi = 1\ncomponents = ["loom/warp"]\n'
        'paper = { title = "On looms", authors = ["Joseph Jacquard"], venue = "Lyon", year = 1950 }\n'
    )
    monkeypatch.setenv("LABELLOOM_REGISTRY", "ours.toml")
    told = answer("list", "--available", "--json")["available"]
    (loom,) = (each for each in told if each["name"] == "loom")
    assert (loom["install"], loom["components"]) == ("pip install our-loom", ["loom/warp"])
    assert loom["paper"]["title"] == "On looms"
    text = lines(labelloom_("list", "--available").stdout)
    place = text.index("loom pip install our-loom A loom")
    assert text[place + 1] == "Jacquard 1950: On looms. Lyon"
    install(folder / "site", "loom", "labelloom_loom.hooks")
    monkeypatch.syspath_prepend(folder / "site")
    assert "our-loom" not in labelloom_("list", "--available").stdout


def test_nothing_is_available_where_all_is_installed(
    labelloom_: Callable[..., Result], answer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelloom.registry.known_bundles", Registry)
    assert labelloom_("list", "--available").stdout == "every known bundle is installed\n"
    assert answer("list", "--available", "--json") == {"available": []}


def test_available_and_a_kind_is_a_usage_error(labelloom_: Callable[..., Result]) -> None:
    result = labelloom_("list", "encoders", "--available")
    assert result.exit_code == 2
    assert "--available shows bundles; leave KIND out." in result.stderr


def test_catalogues_may_be_named_for_one_command(
    labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second", "third"):
        entries = [(name, f"{name}-only"), ("loom", f"loom-of-{name}")]
        told = (f'[bundles.{key}]\ndistribution = "{made}"\nsummary = "x"\napi = 1\n' for key, made in entries)
        (folder / f"{name}.toml").write_text("".join(told))
    monkeypatch.setenv("LABELLOOM_REGISTRY", "third.toml")
    words = ["--registry", "first.toml", "--registry", "second.toml"]
    told = json.loads(labelloom_(*words, "list", "--available", "--json").stdout)["available"]
    installs = {each["name"]: each["install"] for each in told}
    assert installs["loom"] == "pip install loom-of-first"
    assert {installs[name] for name in ("first", "second", "third")} == {
        f"pip install {name}-only" for name in ("first", "second", "third")
    }
    monkeypatch.setenv("LABELLOOM_REGISTRY", "third.toml")
    assert "try: pip install first-only" in labelloom_("--registry", "first.toml", "show", "first/part").stderr


def test_a_broken_catalogue_of_one_s_own_stops_what_reads_it(
    labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "ours.toml").write_text("[bundles.loom]\nsummary = 3\n")
    monkeypatch.setenv("LABELLOOM_REGISTRY", "ours.toml")
    result = labelloom_("list", "--available")
    assert result.exit_code == 1
    assert result.stderr == (
        "ours.toml: bundles.loom.distribution: missing: this key is required\n"
        "ours.toml: bundles.loom.summary: must be text in quotes, not 3\n"
        "ours.toml: bundles.loom.api: missing: this key is required\n"
        "    try: mend the file, or take it out of LABELLOOM_REGISTRY\n"
    )
    assert labelloom_("list").exit_code == 0
