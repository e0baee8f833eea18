"""Options described: their types in words, from their JSON schema, and their values by key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_WORDS = {
    "integer": "integer",
    "number": "number",
    "string": "text",
    "boolean": "true | false",
    "null": "none",
    "object": "table",
}
_BOUNDS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}


def type_text(schema: Mapping[str, Any], held: str | None = None) -> str:
    """ "integer > 0", '"mean" | "sum"', "list of encoders"; `held` is the kind of the part that an option holds."""
    if held is not None:
        part = held.replace("_", " ")
        return f"list of {part}s" if schema.get("type") == "array" else part
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "anyOf" in schema:
        types = [type_text(each) for each in schema["anyOf"] if each.get("type") != "null"]
        # Who wants none where that is not the default has to write the word.
        spoken = len(types) < len(schema["anyOf"]) and schema.get("default", "") is not None
        return " | ".join([*types, *(['"none"'] if spoken else [])])
    if schema.get("type") == "array":
        items = schema.get("items") or schema.get("prefixItems", [{}])[0]  # of a tuple, the first stands for all
        return f"list of {type_text(items)}"
    bounds = ", ".join(f"{sign} {schema[key]:g}" for key, sign in _BOUNDS.items() if key in schema)
    return f"{_WORDS.get(schema.get('type', ''), 'table')} {bounds}".rstrip()


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in nested tables and lists, by its dotted key: ("tasks.0.weight", 1.0)."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield from leaves(item, f"{path}.{place}")
    else:
        yield path, value
