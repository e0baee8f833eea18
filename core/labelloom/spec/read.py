"""From a TOML file, what it extends and `--set` to a validated spec, and back to TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labelloom.errors import SpecError
from labelloom.spec.baseline import BaselineSpec
from labelloom.spec.data import DataSettings
from labelloom.spec.models import Spec, TaskSpec, default_name
from labelloom.spec.problems import problems_of


def read_spec(
    source: str | Path | Mapping[str, Any],
    overrides: Iterable[str] = (),
    shipped: Mapping[str, Path] | None = None,
) -> tuple[Spec, Path]:
    """The spec in a file, of a shipped name or in a mapping, and the folder that its relative paths start from.

    Args:
        source: a path to a TOML file, the name of a spec that a bundle ships (`standard/minilm`), or a mapping.
        overrides: `key=value` as `--set` takes them. The key is TOML's, dotted, with quotes where a part has a dot
            itself (`training.rates."model.encoder"=2e-5`); a part is a list's number, or the name of its item. The
            value is TOML, or else a plain string.
        shipped: the shipped specs by name.

    Raises:
        SpecError: with every problem found, each at its key.
    """
    raw, folder = read_raw(source, overrides, shipped)
    return validate_spec(raw, folder), folder


def read_raw(
    source: str | Path | Mapping[str, Any],
    overrides: Iterable[str] = (),
    shipped: Mapping[str, Path] | None = None,
) -> tuple[dict[str, Any], Path]:
    """The same before anything is validated: what the spec extends merged in, the overrides applied."""
    shipped = shipped or {}
    if isinstance(source, Mapping):
        folder = Path.cwd()
        raw = _extended(dict(source), folder, shipped, (), "the spec")
    else:
        file = _find(str(source), shipped, Path.cwd(), "spec")
        raw, folder = _read_file(file, shipped, ()), file.parent
    for override in overrides:
        _set(raw, override)
    return raw, folder


def validate_spec(raw: Mapping[str, Any], folder: Path | None = None) -> Spec:
    """The spec that `raw` says; paths that start with ./ or ../ become absolute from `folder`. Raises SpecError."""
    try:
        return Spec.model_validate(raw, context={"folder": folder})
    except ValidationError as error:
        raise SpecError.from_problems(problems_of(error, Spec)) from error


def read_data(source: str, overrides: Iterable[str] = (), shipped: Mapping[str, Path] | None = None) -> DataSettings:
    """What `[data]` says of `source`: a spec's file, the name of a shipped spec, or else what `data.source` may be.

    The rest of a spec may be unfinished. `overrides` are those of `read_spec`, for keys of `[data]` alone. Raises
    SpecError with every problem found.
    """
    raw = _spec_or_source(source, shipped or {})
    for override in overrides:
        if not override.startswith("data."):
            raise SpecError("only keys of [data] matter here", where=f"--set {override}", suggestions=["--set data.…"])
        _set(raw, override)
    try:
        return DataSettings.model_validate(raw.get("data", {}))
    except ValidationError as error:
        raise SpecError.from_problems(problems_of(error, DataSettings, "data")) from error


def read_baseline(
    source: str,
    settings: Mapping[str, Any],
    overrides: Iterable[str] = (),
    shipped: Mapping[str, Path] | None = None,
) -> BaselineSpec:
    """A baseline on `source`, read as `read_data` does; `[data]`, `[decision]` and the seed of a spec hold for it too.

    `settings` are keys of the baseline's own spec, `overrides` those of `--set` for it. Its name follows from the
    source and the method unless they say it. Raises SpecError with every problem found.
    """
    found = _spec_or_source(source, shipped or {})
    raw = merge({key: found[key] for key in ("data", "decision", "seed") if key in found}, settings)
    for override in overrides:
        _set(raw, override)
    if "name" not in raw:
        words = raw.get("baseline", {})
        kind = [words.get("method", "br"), words.get("classifier", "svm")]
        raw["name"] = "-".join([str(found.get("name") or default_run_name(source)), *map(str, kind)])
    try:
        return BaselineSpec.model_validate(raw)
    except ValidationError as error:
        raise SpecError.from_problems(problems_of(error, BaselineSpec)) from error


def default_run_name(source: str) -> str:
    """What a run on `source` is called that nobody named: the last part of its path, in letters fit for a folder."""
    stem = Path(source.rstrip("/")).name.partition(".")[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._") or "data"


def _spec_or_source(source: str, shipped: Mapping[str, Path]) -> dict[str, Any]:
    """The tables of a spec's file or of a shipped spec; for anything else those of a spec with nothing but data."""
    if source in shipped or source.endswith(".toml"):
        return _read_file(_find(source, shipped, Path.cwd(), "spec"), shipped, ())
    return {"data": {"source": source}}


def spec_to_toml(spec: Spec) -> str:
    """The resolved spec as TOML; reading it gives an equal spec."""
    import tomli_w

    dumped = spec.model_dump()
    for stage, table in zip(spec.stages, dumped["stages"], strict=True):
        if stage.training is not None:  # with its defaults written out it would override `[training]`
            table["training"] = stage.training.model_dump(exclude_unset=True)
    return tomli_w.dumps(_without_none(dumped))


def _without_none(value: Any) -> Any:
    # TOML has no null: what is None is left out, and the default gives it back; clip_norm alone defaults to a number.
    if isinstance(value, dict):
        kept = {key: _without_none(item) for key, item in value.items() if item is not None}
        return {**kept, "clip_norm": "none"} if "clip_norm" in value and value["clip_norm"] is None else kept
    if isinstance(value, (list, tuple)):
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
    raise SpecError(
        f"no such {what}: neither a file nor a shipped spec",
        where=name,
        suggestions=close or ["labelloom list specs"],
    )


def _read_file(file: Path, shipped: Mapping[str, Path], above: tuple[Path, ...]) -> dict[str, Any]:
    if file in above:
        chain = " -> ".join(str(path) for path in (*above, file))
        raise SpecError(f"specs extend each other in a circle: {chain}", where=str(file))
    try:
        raw = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise SpecError(f"cannot be read: {error}", where=str(file)) from error
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


_EXCLUDED_BY = {
    "predictor": frozenset({"branches"}),
    "branches": frozenset({"predictor"}),
    "tasks": frozenset({"stages"}),
    "samplers": frozenset({"stages"}),
    "stages": frozenset({"tasks", "samplers"}),
}


def merge(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """`child` over `parent`: tables merge key by key, lists and values are replaced.

    A table whose `use` names another component than the parent's replaces it whole, since the old options would be
    unknown to the new component. What excludes another key (branches a predictor, stages the top-level losses) takes
    its place.
    """
    merged = {key: value for key, value in parent.items() if not _EXCLUDED_BY.get(key, frozenset()) & child.keys()}
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
    text, equals, value_text = override.partition("=")
    path = _key_path(text) if equals else []
    if not path:
        raise SpecError(
            "expected key=value, the key as in TOML",
            where=f"--set {override}",
            suggestions=["--set training.epochs=3", """--set 'training.rates."model.encoder"=2e-5'"""],
        )
    try:
        value = tomllib.loads(f"value = {value_text}")["value"]
    except tomllib.TOMLDecodeError:
        value = value_text.strip()
    here: Any = raw
    for depth, part in enumerate(path[:-1]):
        here = _step(here, part, ".".join(path[: depth + 1]), override)
    last = path[-1]
    if isinstance(here, list):
        here[_index(here, last, ".".join(path), override)] = _absolute(value, Path.cwd())
        return
    if not isinstance(here, dict):
        raise SpecError(f"{'.'.join(path[:-1])!r} is a value, not a table", where=f"--set {override}")
    if last == "use" and _other_component(here, {"use": value}):
        for option in here.keys() - TaskSpec.model_fields.keys():
            del here[option]
    here[last] = _absolute(value, Path.cwd())


def _key_path(text: str) -> list[str]:
    """The parts of a dotted TOML key; empty if `text` is none."""
    try:
        here: Any = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        return []
    path = []
    while isinstance(here, dict) and len(here) == 1:
        ((part, here),) = here.items()
        path.append(part)
    return path


def _step(here: Any, part: str, so_far: str, override: str) -> Any:
    if isinstance(here, list):
        return here[_index(here, part, so_far, override)]
    if not isinstance(here, dict):
        raise SpecError(f"{so_far!r} lies below a value, not a table", where=f"--set {override}")
    return here.setdefault(part, {})


def _index(items: list[Any], part: str, so_far: str, override: str) -> int:
    """The place that `part` means in a list of tables: its number, or the name or component of exactly one."""
    names = [_name(item) for item in items]
    if names.count(part) == 1:
        return names.index(part)
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    known = [name for name in names if name and names.count(name) == 1] + [str(place) for place in range(len(items))]
    raise SpecError(f"{so_far!r}: the list has no {part!r}", where=f"--set {override}", suggestions=known)


def _name(item: Any) -> str:
    if not isinstance(item, dict):
        return ""
    return str(item.get("name") or default_name(str(item.get("use", ""))))
