"""The JSON schema of specs, with the options of what is installed: for editors that complete and check TOML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from labelloom.bundles import Catalogue, component_class
from labelloom.components import KINDS, Component, Kind
from labelloom.config import NONE, PartSpec, held_kinds, none_words
from labelloom.data.options import config_of
from labelloom.errors import BundleError
from labelloom.sources import DataSource
from labelloom.spec.models import BranchSpec, ModelSpec, Spec, StageSpec, TaskSpec

_PLACES: tuple[tuple[type, str, Kind], ...] = (
    (ModelSpec, "encoder", "encoder"),
    (ModelSpec, "label_modules", "label_module"),
    (ModelSpec, "predictor", "predictor"),
    (BranchSpec, "label_modules", "label_module"),
    (BranchSpec, "predictor", "predictor"),
    (StageSpec, "samplers", "sampler"),
    (StageSpec, "tasks", "task"),
    (Spec, "samplers", "sampler"),
    (Spec, "tasks", "task"),
)
"""Where a spec names components, and of which kind."""

_LOCAL = {"type": "string", "pattern": r"\.py:\w+$", "description": "A class in a file beside the spec."}


def spec_schema(catalogue: Catalogue) -> dict[str, Any]:
    """The schema. A bundle that is broken contributes nothing; options that cannot be imported are not checked."""
    schema = Spec.model_json_schema()
    definitions: dict[str, Any] = schema["$defs"]
    for holder, key, kind in _PLACES:
        table = schema if holder is Spec else definitions[holder.__name__]
        _point(table["properties"][key], kind)
    for kind in KINDS:
        own = definitions["TaskSpec"]["properties"] if kind == "task" else definitions["PartSpec"]["properties"]
        components = [component for component in catalogue.components() if component.kind == kind]
        definitions[kind] = _part(components, own, definitions)
    del definitions["PartSpec"], definitions["TaskSpec"]
    required_of_data = _add_readers(definitions["DataSettings"], catalogue, definitions)
    _allow_what_reading_allows(schema, required_of_data)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _part(components: list[Component], own: Mapping[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The table of a component of one kind; `own` are the keys that any of them may have."""
    names = [{"const": component.name, "description": component.summary} for component in components]
    return {
        "type": "object",
        "properties": {**own, "use": {"description": own["use"]["description"], "anyOf": [*names, _LOCAL]}},
        "allOf": [
            {
                "if": {"properties": {"use": {"const": component.name}}, "required": ["use"]},
                "then": {**options, "additionalProperties": False},
            }
            for component in components
            if (options := _options(component, own, definitions)) is not None
        ],
    }


def _options(component: Component, own: Mapping[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    if not component.config:
        return {"properties": dict.fromkeys(own, True)}
    try:
        config = component_class(component, component.config, component.name)
    except BundleError:
        return None
    return _with_options(config, component.name, own, definitions)


def _with_options(
    config: type[BaseModel], name: str, own: Mapping[str, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    """The keys of a table that has the options in `config`, those of what is called `name`, beside its `own`."""
    prefix = name.replace("/", ".")
    schema = config.model_json_schema(ref_template=f"#/$defs/{prefix}.{{model}}")
    for option, kind in held_kinds(config).items():
        _point(schema["properties"][option], kind)
    for option in none_words(config):
        schema["properties"][option]["anyOf"].append({"const": NONE})
    for part, definition in schema.get("$defs", {}).items():
        if part not in (PartSpec.__name__, TaskSpec.__name__):
            definitions[f"{prefix}.{part}"] = definition
    options = {"properties": {**dict.fromkeys(own, True), **schema.get("properties", {})}}
    return {**options, "required": schema["required"]} if "required" in schema else options


def _add_readers(data: dict[str, Any], catalogue: Catalogue, definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """Let `[data]` have the options of the source or format that it names, and no key that is nobody's.

    Where it names none, that may stand in the spec that it extends, and so the options of all are allowed. Returns
    which options are required, each reader's, of a spec that extends none.
    """
    del data["additionalProperties"]
    own = data["properties"]
    readers = catalogue.readers()
    schemes = Counter(reader.scheme for reader in readers if isinstance(reader, DataSource))
    named: list[dict[str, Any]] = []
    cases: list[dict[str, Any]] = []
    required: list[dict[str, Any]] = []
    for reader in readers:
        if not reader.config:
            continue
        told: dict[str, Any] = {"format": {"const": reader.name}}
        if isinstance(reader, DataSource):
            scheme = reader.name if schemes[reader.scheme] > 1 else f"({reader.bundle}/)?{reader.scheme}"
            told = {"source": {"pattern": f"^{scheme}:"}}
        named.append({"properties": told, "required": list(told)})
        try:
            options = _with_options(config_of(reader, catalogue), reader.name, own, definitions)
        except BundleError:
            continue
        if "required" in options:
            required.append({"if": named[-1], "then": {"required": options.pop("required")}})
        cases.append({"if": named[-1], "then": {**options, "additionalProperties": False}})
    anyone = {name: True for case in cases for name in case["then"]["properties"]} | dict.fromkeys(own, True)
    other = {"properties": anyone, "additionalProperties": False}
    data["allOf"] = [*cases, {"if": {"not": {"anyOf": named}}, "then": other} if named else other]
    return required


def _point(option: dict[str, Any], kind: Kind) -> None:
    """Let an option that holds parts, one or a list, refer to the definition of their kind."""
    target = {"$ref": f"#/$defs/{kind}"}
    if option.get("type") == "array":
        option["items"] = target
    elif "anyOf" in option:
        option["anyOf"] = [target]
    else:
        option["$ref"] = target["$ref"]


def _allow_what_reading_allows(schema: dict[str, Any], required_of_data: list[dict[str, Any]]) -> None:
    """`extends`, under which nothing else is required, and the word that stands for no clipping."""
    schema["properties"]["extends"] = {"type": "string", "description": "A spec to change: a file or a shipped name."}
    definitions = schema["$defs"]
    required = {
        "required": schema.pop("required"),
        "properties": {
            "data": {
                "required": definitions["DataSettings"].pop("required"),
                **({"allOf": required_of_data} if required_of_data else {}),
            },
            "model": {"required": definitions["ModelSpec"].pop("required")},
        },
    }
    schema |= {"if": {"required": ["extends"]}, "then": True, "else": required}
    definitions["TrainingSettings"]["properties"]["clip_norm"]["anyOf"].append({"const": NONE})
