"""`labelloom schema`: the JSON schema of specs."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from labelloom.bundles import Catalogue

from .conftest import install


@pytest.fixture
def schema(labelloom_: Callable[..., Result]) -> dict[str, Any]:
    result = labelloom_("schema")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def references(value: Any) -> Iterator[str]:
    """Every reference in a schema."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_reference_is_defined(schema: dict[str, Any]) -> None:
    defined = {f"#/$defs/{name}" for name in schema["$defs"]}
    assert set(references(schema)) <= defined


def test_a_component_has_its_own_options_and_those_of_its_place(schema: dict[str, Any]) -> None:
    then = {
        condition["if"]["properties"]["use"]["const"]: condition["then"]
        for kind in ("encoder", "task")
        for condition in schema["$defs"][kind]["allOf"]
    }
    assert then["tiny/bag"]["properties"]["width"]["exclusiveMinimum"] == 0
    assert then["tiny/bag"]["additionalProperties"] is False
    assert then["tiny/outer"]["properties"]["encoder"]["$ref"] == "#/$defs/encoder"
    assert then["tiny/outer"]["required"] == ["encoder"]
    assert set(then["tiny/norm"]["properties"]) == {"use", "name", "weight", "branch"}


def test_a_bundle_whose_options_cannot_be_imported_stays_without_them(
    labelloom_: Callable[..., Result], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, "half", "labelloom_half.hooks")
    (folder / "labelloom_half").mkdir()
    (folder / "labelloom_half" / "hooks.py").write_text(
        "from labelloom import Component, hookimpl\n"
        "@hookimpl\n"
        "def labelloom_components():\n"
        "    names = dict(kind='task', name='half/part', target='labelloom_half.part:Part')\n"
        "    return [Component(**names, config='labelloom_half.gone:Config')]\n"
    )
    monkeypatch.syspath_prepend(folder)
    task = json.loads(labelloom_("schema").stdout)["$defs"]["task"]
    assert "half/part" in [choice.get("const") for choice in task["properties"]["use"]["anyOf"]]
    assert "half/part" not in [condition["if"]["properties"]["use"]["const"] for condition in task["allOf"]]


GOOD = {
    "name": "x",
    "data": {"source": "a"},
    "model": {"encoder": {"use": "tiny/bag", "width": 3}, "predictor": {"use": "tiny/linear"}},
    "tasks": [{"use": "tiny/bce", "weight": 2}],
    "training": {"clip_norm": "none"},
}


def test_shipped_specs_and_good_ones_are_valid(schema: dict[str, Any]) -> None:
    validator = _validator(schema)
    for path in Catalogue().specs().values():
        assert list(validator.iter_errors(tomllib.loads(path.read_text()))) == [], path
    assert list(validator.iter_errors(GOOD)) == []
    assert list(validator.iter_errors({"extends": "tiny/words", "training": {"epochs": 3}})) == []
    local = {**GOOD, "tasks": [{"use": "./mine.py:Mine", "anything": 1}]}
    assert list(validator.iter_errors(local)) == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"data": {"source": "a", "limt": 3}}, ["data"]),
        ({"model": {**GOOD["model"], "encoder": {"use": "tiny/bag", "widht": 3}}}, ["model", "encoder"]),
        ({"model": {**GOOD["model"], "encoder": {"use": "tiny/linear"}}}, ["model", "encoder", "use"]),
        (
            {"model": {**GOOD["model"], "encoder": {"use": "tiny/outer", "encoder": {"use": "tiny/bag", "width": 0}}}},
            ["model", "encoder", "encoder", "width"],
        ),
        ({"tasks": [{"use": "tiny/bce", "weight": -1}]}, ["tasks", 0, "weight"]),
        ({"model": {}}, ["model"]),
    ],
)
def test_mistakes_are_found_at_their_place(schema: dict[str, Any], change: dict[str, Any], place: list[Any]) -> None:
    assert place in [list(error.absolute_path) for error in _validator(schema).iter_errors({**GOOD, **change})]


@pytest.mark.parametrize(
    ("data", "right"),
    [
        ({"source": "hf:owner/name", "revision": "main"}, True),
        ({"source": "standard/hf:owner/name", "hf_config": "none", "limit": 3}, True),
        ({"source": "hf:owner/name", "revision": 3}, False),
        ({"source": "hf:owner/name", "revison": "main"}, False),
        ({"source": "hf:owner/name", "topics": "all"}, False),
        ({"source": "./reuters", "format": "standard/reuters", "topics": "all"}, True),
        ({"source": "./reuters", "format": "standard/reuters", "topics": "every"}, False),
        ({"source": "./reuters", "format": "standard/reuters", "revision": "main"}, False),
        ({"source": "tickets:2024", "limt": 3}, False),
    ],
)
def test_data_has_the_options_of_who_reads_it(schema: dict[str, Any], data: dict[str, Any], right: bool) -> None:
    assert (not list(_validator(schema).iter_errors({**GOOD, "data": data}))) is right


def test_who_reads_data_may_stand_in_the_spec_that_is_extended(schema: dict[str, Any]) -> None:
    validator = _validator(schema)
    assert not list(validator.iter_errors({"extends": "tiny/words", "data": {"revision": "main"}}))
    assert list(validator.iter_errors({"extends": "tiny/words", "data": {"revison": "main"}}))


def test_an_option_that_is_required_may_stand_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labelloom_: Callable[..., Result]
) -> None:
    package = tmp_path / "bundle_post"
    package.mkdir()
    (package / "hooks.py").write_text(
        "from labelloom import DataSource, hookimpl\n\n@hookimpl\ndef labelloom_sources():\n"
        '    return [DataSource(name="post/letters", target="bundle_post.hooks:none", '
        'config="bundle_post.config:Letters")]\n'
    )
    (package / "config.py").write_text(
        "from labelloom.config import Config\n\nclass Letters(Config):\n    writer: str\n    place: str = 'Rome'\n"
    )
    install(tmp_path, "post", "bundle_post.hooks")
    monkeypatch.syspath_prepend(str(tmp_path))
    validator = _validator(json.loads(labelloom_("schema").stdout))
    lacking, told = {"source": "letters:2024"}, {"source": "letters:2024", "writer": "Ann"}
    assert [list(error.absolute_path) for error in validator.iter_errors({**GOOD, "data": lacking})] == [["data"]]
    assert not list(validator.iter_errors({**GOOD, "data": told}))
    assert not list(validator.iter_errors({"extends": "tiny/words", "data": lacking}))
    assert list(validator.iter_errors({"extends": "tiny/words", "data": {**lacking, "place": 3}}))


def _validator(schema: dict[str, Any]) -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)
