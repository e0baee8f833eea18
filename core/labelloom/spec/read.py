"""From a TOML file, what it extends and `--set` to a validated spec, and back to TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labelloom.errors import SpecError
from labelloom.spec.models import Spec
from labelloom.spec.problems import problems_of


def read_spec(
    source: str | Path | Mapping[str, Any],
    overrides: Iterable[str] = (),
    shipped: Mapping[str, Path] | None = None,
) -> tuple[Spec, Path]:
    """The spec in a file, of a shipped name or in a mapping, and the folder that its relative paths start from.

    Args:
        source: a path to a TOML file, the name of a spec that a bundle ships (`laco/plcp`), or a mapping.
        overrides: `key=value` as `--set` takes them; the value is TOML, or else a plain string.
        shipped: the shipped specs by name.

    Raises:
        SpecError: with every problem found, each at its key.
    """
    shipped = shipped or {}
    if isinstance(source, Mapping):
        raw, folder = dict(source), Path.cwd()
        if "extends" in raw:
            raw = _extended(raw, folder, shipped, (), "the spec")
    else:
        file = _find(str(source), shipped, Path.cwd(), "spec")
        raw, folder = _read_file(file, shipped, ()), file.parent
    for override in overrides:
        _set(raw, override)
    return validate_spec(raw, folder), folder


def validate_spec(raw: Mapping[str, Any], folder: Path | None = None) -> Spec:
    """The spec that `raw` says; paths that start with ./ or ../ become absolute from `folder`. Raises SpecError."""
    try:
        return Spec.model_validate(raw, context={"folder": folder})
    except ValidationError as error:
        raise SpecError.from_problems(problems_of(error, Spec)) from error


def spec_to_toml(spec: Spec) -> str:
    """The resolved spec as TOML; reading it gives an equal spec."""
    import tomli_w

    return tomli_w.dumps(_without_none(spec.model_dump(mode="json")))


def _without_none(value: Any) -> Any:
    # TOML has no null: what is None is left out, and the default gives it back; clip_norm alone defaults to a number.
    if isinstance(value, dict):
        kept = {key: _without_none(item) for key, item in value.items() if item is not None}
        return {**kept, "clip_norm": "none"} if "clip_norm" in value and value["clip_norm"] is None else kept
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value


def _find(name: str, shipped: Mapping[str, Path], folder: Path, what: str) -> Path:
    if name in shipped:
        return shipped[name]
    file = (folder / Path(name).expanduser()).resolve()
    if file.is_file():
        return file
    files = [str(path.relative_to(folder)) for path in sorted(folder.glob("*.toml"))]
    close = get_close_matches(name, [*shipped, *files], n=3, cutoff=0.4)
    raise SpecError(f"no such {what}: neither a file nor a shipped spec", where=name, suggestions=close)


def _read_file(file: Path, shipped: Mapping[str, Path], above: tuple[Path, ...]) -> dict[str, Any]:
    if file in above:
        chain = " -> ".join(str(path) for path in (*above, file))
        raise SpecError(f"specs extend each other in a circle: {chain}", where=str(file))
    try:
        raw = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"not valid TOML: {error}", where=str(file)) from error
    return _extended(raw, file.parent, shipped, (*above, file), str(file))


def _extended(
    raw: dict[str, Any], folder: Path, shipped: Mapping[str, Path], above: tuple[Path, ...], where: str
) -> dict[str, Any]:
    raw = _absolute(raw, folder)
    if "extends" not in raw:
        return raw
    name = raw.pop("extends")
    if not isinstance(name, str):
        raise SpecError(f"extends must be the name of one spec, not {name!r}", where=where)
    parent = _read_file(_find(name, shipped, folder, "spec to extend"), shipped, above)
    return merge(parent, raw)


def _absolute(value: Any, folder: Path) -> Any:
    """Strings that start with ./ or ../ as absolute paths, since specs in several folders are about to be merged."""
    if isinstance(value, dict):
        return {key: _absolute(item, folder) for key, item in value.items()}
    if isinstance(value, list):
        return [_absolute(item, folder) for item in value]
    if isinstance(value, str) and value.startswith(("./", "../")) and "\n" not in value:
        return str((folder / value).resolve())
    return value


def merge(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """`child` over `parent`: tables merge key by key, lists and values are replaced.

    A table whose `use` names another component than the parent's replaces it whole, since the old options would be
    unknown to the new component.
    """
    merged = dict(parent)
    for key, value in child.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and not _other_component(before, value):
            merged[key] = merge(before, value)
        else:
            merged[key] = value
    return merged


def _other_component(before: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return "use" in value and value["use"] != before.get("use")


def _set(raw: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise SpecError("expected key=value", where=f"--set {override}", suggestions=["--set training.epochs=3"])
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    path = key.strip().split(".")
    here: Any = raw
    for depth, part in enumerate(path[:-1]):
        here = _step(here, part, ".".join(path[: depth + 1]), override)
    if isinstance(here, list):
        here[_index(here, path[-1], key, override)] = _absolute(value, Path.cwd())
    else:
        here[path[-1]] = _absolute(value, Path.cwd())


def _step(here: Any, part: str, so_far: str, override: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, part, so_far, override)]
    if not isinstance(here, dict):
        raise SpecError(f"{so_far!r} lies below a value, not a table", where=f"--set {override}")
    return here.setdefault(part, {})


def _index(items: list[Any], part: str, so_far: str, override: str) -> int:
    """The place that `part` means in a list of tables: a number, or the `name` of one."""
    names = [item.get("name") for item in items if isinstance(item, dict)]
    if part in names:
        return names.index(part)
    if part.isdigit() and int(part) < len(items):
        return int(part)
    known = [str(name) for name in names if name] + [str(index) for index in range(len(items))]
    raise SpecError(f"{so_far!r}: the list has no {part!r}", where=f"--set {override}", suggestions=known[:3])
