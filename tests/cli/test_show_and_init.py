"""`labelloom show` and `labelloom init`."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from labelloom.spec.describe import type_text

from .conftest import BUNDLE, install, lines


def test_show_tells_needs_gives_and_options(labelloom_: Callable[..., Result]) -> None:
    result = labelloom_("show", "tiny/bag")
    told = lines(result.stdout)
    assert result.exit_code == 0
    assert "tiny/bag encoder, from labelloom-tiny 0.1.0" in told
    assert "needs nothing" in told
    assert "gives tokens, document" in told
    assert "width integer > 0, ≤ 512 16 Width of a word's vector." in told
    assert 'pooling "mean" | "sum" "mean" How words make a document. A stage may change it.' in told
    assert "dropout number ≥ 0, < 1 – On the words." in told
    assert "spare true | false false Add a weight that no loss reaches." in told


def test_show_json_has_the_same(answer: Callable[..., Any]) -> None:
    told = answer("show", "tiny/bag", "--json")
    assert told["spec"] is None
    assert told["component"]["gives"] == ["tokens", "document"]
    width, pooling, *_ = told["component"]["options"]
    assert width == {
        "name": "width",
        "type": "integer > 0, ≤ 512",
        "required": False,
        "default": 16,
        "description": "Width of a word's vector.",
        "stage": False,
    }
    assert pooling["stage"]


def test_show_tells_what_trains_and_what_has_no_options(labelloom_: Callable[..., Result]) -> None:
    assert "trains  scores, to be probabilities" in labelloom_("show", "tiny/bce").stdout
    assert "It has no options." in labelloom_("show", "tiny/linear").stdout
    assert "labels  works only on every label" in labelloom_("show", "tiny/whole").stdout


def test_show_tells_held_parts_and_that_they_decide(labelloom_: Callable[..., Result]) -> None:
    text = labelloom_("show", "tiny/outer").stdout
    assert "encoder  encoder  required  What reads the texts." in text
    assert "What it needs and gives depends on its options" in text


def test_show_lists_which_single_option_changes_what_it_needs_and_gives(
    labelloom_: Callable[..., Result], answer: Callable[..., Any]
) -> None:
    told = lines(labelloom_("show", "standard/label-table").stdout)
    assert "needs tokens | document" in told
    place = told.index("What it needs and gives depends on its options: `labelloom check` tells it for a spec.")
    assert told[place + 1 : place + 3] == ['- with init = "names" | "descriptions" it needs tokens', ""]
    table = answer("show", "standard/label-table", "--json")["component"]
    assert (table["needs"], table["gives"]) == (["tokens | document"], ["label_table"])
    assert table["changes"] == [
        {"option": "init", "values": ["names", "descriptions"], "needs": ["tokens"], "gives": ["label_table"]}
    ]
    told = lines(labelloom_("show", "lmmtc/label-mask-encoder").stdout)
    assert "- with text_alone = true it needs nothing and gives tokens, document" in told
    # Where a part must be told there is no default to change, and where nothing changes there is no list.
    for name in ("lwpt/paired", "tiny/bag"):
        assert answer("show", name, "--json")["component"]["changes"] == []


def test_show_prints_a_spec_as_it_is(labelloom_: Callable[..., Result], answer: Callable[..., Any]) -> None:
    file = BUNDLE / "labelloom_tiny" / "specs" / "words.toml"
    text = labelloom_("show", "tiny/words").stdout
    assert text.startswith(f"tiny/words  spec, {file}\n")
    assert text.endswith(file.read_text())
    told = answer("show", "tiny/words", "--json")
    spec = {"name": "tiny/words", "path": str(file), "text": file.read_text()}
    assert told == {"component": None, "readers": [], "spec": spec}


def test_show_tells_both_where_a_component_and_a_spec_share_a_name(labelloom_: Callable[..., Result]) -> None:
    text = labelloom_("show", "tiny/attention").stdout
    assert "One attention a label" in text
    assert 'extends = "words.toml"' in text


def test_show_tells_what_a_source_or_format_reads_and_its_options(
    labelloom_: Callable[..., Result], answer: Callable[..., Any]
) -> None:
    told = lines(labelloom_("show", "standard/hf").stdout)
    assert told[0].startswith("standard/hf source of data, from labelloom-standard ")
    assert 'in a spec source = "hf:…"' in told
    assert "keys of [data] text, labels, label_separator, label_names, label_descriptions, id" in told
    assert "hf_config text – The configuration of a data set that has several." in told
    told = lines(labelloom_("show", "standard/reuters").stdout)
    assert 'in a spec format = "standard/reuters"' in told
    assert "told by reut2-*.sgm | reut2-*.sgm.gz" in told
    assert any(line.startswith('topics "both" | "all" "both" The topics') for line in told)
    assert "It has no options." in labelloom_("show", "standard/xc").stdout
    (reader,) = answer("show", "standard/reuters", "--json")["readers"]
    assert (reader["kind"], reader["options"][0]["name"]) == ("format", "topics")


@pytest.mark.parametrize(
    ("name", "close"), [("tiny/bga", "tiny/bag"), ("tiny/wrods", "tiny/words"), ("standard/hff", "standard/hf")]
)
def test_show_says_what_an_unknown_name_may_mean(labelloom_: Callable[..., Result], name: str, close: str) -> None:
    result = labelloom_("show", name)
    assert result.exit_code == 1
    assert result.stderr.startswith(
        f"{name}: no installed component, source, format or shipped spec is called this\n    try: {close}\n"
    )


def test_show_of_a_broken_bundle_is_its_error(
    labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, "fallen", "labelloom_fallen.hooks")
    monkeypatch.syspath_prepend(folder)
    result = labelloom_("show", "fallen/part")
    assert result.exit_code == 1
    assert "bundle fallen (labelloom-fallen 0.1.0): cannot be loaded: ModuleNotFoundError" in result.stderr


@pytest.mark.parametrize(
    ("schema", "held", "text"),
    [
        ({"type": "integer", "exclusiveMinimum": 0}, None, "integer > 0"),
        ({"anyOf": [{"type": "number", "minimum": 0.5}, {"type": "null"}], "default": None}, None, "number ≥ 0.5"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}], "default": 1.0}, None, 'number | "none"'),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, None, 'number | "none"'),
        ({"anyOf": [{"type": "integer"}, {"enum": ["all"]}]}, None, 'integer | "all"'),
        ({"const": "none"}, None, '"none"'),
        ({"type": "array", "items": {"type": "string"}}, None, "list of text"),
        ({"type": "object"}, None, "table"),
        ({"$ref": "#/$defs/Other"}, None, "table"),
        ({"type": "array"}, "label_module", "list of label modules"),
        ({}, "encoder", "encoder"),
    ],
)
def test_types_in_words(schema: dict[str, Any], held: str | None, text: str) -> None:
    assert type_text(schema, held) == text


def test_init_copies_a_spec_and_says_how_to_run_it(labelloom_: Callable[..., Result], folder: Path) -> None:
    result = labelloom_("init", "tiny/words")
    assert result.exit_code == 0
    assert (folder / "words.toml").read_text() == (BUNDLE / "labelloom_tiny" / "specs" / "words.toml").read_text()
    assert result.stdout == (
        "words.toml is a copy of tiny/words. Edit it, then:\n\n"
        "    labelloom check words.toml\n    labelloom train words.toml\n"
    )


def test_a_copy_says_how_to_run_itself(labelloom_: Callable[..., Result], folder: Path) -> None:
    labelloom_("init", "standard/minilm", "mine.toml")
    assert (folder / "mine.toml").read_text().startswith("# labelloom train mine.toml\n")


def test_init_into_a_folder_or_under_another_name(labelloom_: Callable[..., Result], folder: Path) -> None:
    (folder / "my specs").mkdir()
    result = labelloom_("init", "tiny/words", "my specs")
    assert (folder / "my specs" / "words.toml").is_file()
    assert "labelloom train 'my specs/words.toml'" in result.stdout
    assert labelloom_("init", "tiny/words", "mine.toml").exit_code == 0
    assert (folder / "mine.toml").is_file()


def test_a_copy_that_extends_a_spec_beside_it_extends_its_shipped_name(
    labelloom_: Callable[..., Result], folder: Path, corpus: Path
) -> None:
    labelloom_("init", "tiny/attention")
    text = (folder / "attention.toml").read_text()
    assert tomllib.loads(text)["extends"] == "tiny/words"
    assert "# the same encoder, data and losses" in text
    assert labelloom_("check", "attention.toml", "--set", f"data.source={corpus}").exit_code == 0


def test_init_never_overwrites(labelloom_: Callable[..., Result], folder: Path) -> None:
    (folder / "words.toml").write_text("mine")
    result = labelloom_("init", "tiny/words")
    assert result.exit_code == 1
    assert result.stderr == (
        "words.toml: this file is there already; it is not overwritten\n"
        "    try: labelloom init tiny/words <another path>\n"
    )
    assert (folder / "words.toml").read_text() == "mine"


@pytest.mark.parametrize("command", ["init", "show", "check"])
def test_a_broken_catalogue_is_told_beside_an_unknown_name(
    command: str, labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "ours.toml").write_text("[bundles")
    monkeypatch.setenv("LABELLOOM_REGISTRY", "ours.toml")
    result = labelloom_(command, "nobody/has-this")
    assert result.exit_code == 1
    assert result.stderr.startswith("nobody/has-this: ")
    assert "\nours.toml: the registry cannot be read: " in result.stderr


def test_init_errors(labelloom_: Callable[..., Result]) -> None:
    result = labelloom_("init", "tiny/wrods")
    assert result.exit_code == 1
    assert result.stderr.startswith("tiny/wrods: no installed bundle ships a spec of this name\n    try: tiny/words\n")
    assert "    try: labelloom list specs\n" in labelloom_("init", "zzz").stderr
    assert (
        "no/such/folder.toml: cannot be written: No such file"
        in labelloom_("init", "tiny/words", "no/such/folder.toml").stderr
    )


def test_init_of_a_spec_that_extends_what_no_bundle_ships(
    labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, "orphan", "labelloom_orphan.hooks")
    specs = folder / "labelloom_orphan" / "specs"
    specs.mkdir(parents=True)
    (specs / "one.toml").write_text('extends = "gone.toml"\n')
    monkeypatch.syspath_prepend(folder)
    result = labelloom_("init", "orphan/one")
    assert result.exit_code == 1
    assert "one.toml: extends 'gone.toml', which no bundle ships" in result.stderr
