"""From a TOML file, what it extends and `--set` to a validated spec, and back to TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labelloom.errors import SpecError, UnknownSpecError
from labelloom.paths import expanded
from labelloom.spec.baseline import BaselineSpec
from labelloom.spec.data import DataSettings
from labelloom.spec.decision import under_rule
from labelloom.spec.merging import absolute, merge
from labelloom.spec.models import Spec
from labelloom.spec.overrides import set_keys
from labelloom.spec.problems import problems_of

_DATA = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".txt", ".sgm")
"""Suffixes of files that are surely no specs."""


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
    set_keys(raw, overrides)
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
    changes = list(overrides)
    for override in changes:
        if not override.startswith("data."):
            raise SpecError("only keys of [data] matter here", where=f"--set {override}", suggestions=["--set data.…"])
    set_keys(raw, changes)
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
    """A baseline on `source`, read as `read_data` does; `[baseline]`, `[decision]` and seed of a spec hold too.

    `settings` are keys of the baseline's own spec, and go over the source's: another rule starts from its own defaults.
    `overrides` are those of `--set` for it. Its name follows from the
    source and the method unless they say it; a spec with `[baseline]` names its own method's run. Raises SpecError with
    every problem found.
    """
    found = _spec_or_source(source, shipped or {})
    raw: dict[str, Any] = {key: found[key] for key in ("data", "baseline", "decision", "seed") if key in found}
    own, rule = raw.get("decision"), settings.get("decision", {}).get("rule")
    if isinstance(own, Mapping) and rule is not None:
        raw["decision"] = under_rule(rule, own)
    raw = merge(raw, deepcopy(dict(settings)))  # overrides are put into it
    set_keys(raw, overrides)
    if "name" not in raw:
        name, kind = str(found.get("name") or default_run_name(source)), _kind(raw)
        raw["name"] = name if "baseline" in found and "name" in found and kind == _kind(found) else f"{name}-{kind}"
    return _validated_baseline(raw)


def _kind(raw: Mapping[str, Any]) -> str:
    words = raw.get("baseline")
    words = words if isinstance(words, Mapping) else {}
    return f"{words.get('method', 'br')}-{words.get('classifier', 'svm')}"


def saved_baseline(file: Path) -> BaselineSpec | None:
    """What the `spec.toml` of a run says of a baseline; None for a run of a model of parts. Raises SpecError."""
    raw = _read_file(file, {}, ())
    if "baseline" not in raw:
        return None
    try:
        return _validated_baseline(raw)
    except SpecError as error:
        inside = [replace(problem, where=f"{file}: {problem.where}") for problem in error.problems]
        raise SpecError.from_problems(inside) from error


def _validated_baseline(raw: Mapping[str, Any]) -> BaselineSpec:
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
    file = (folder / expanded(name)).resolve()
    if file.is_file() and file.name.removesuffix(".gz").endswith(_DATA):
        first = next(iter(shipped), "my-spec.toml")
        raise SpecError(
            f"this is data, and not a {what}, which is TOML and names the data",
            where=name,
            suggestions=[f"labelloom train {first} --set data.source={name}", f"labelloom data {name}"],
        )
    if file.is_file():
        return file
    files = [str(path.relative_to(folder)) for path in sorted(folder.glob("*.toml"))]
    # Names of bundles' specs are long and alike: one of another bundle must be nearly the same.
    close = [*get_close_matches(name, shipped, n=3, cutoff=0.8), *get_close_matches(name, files, n=3, cutoff=0.4)][:3]
    raise UnknownSpecError(
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
    raw = absolute(raw, folder)
    if "extends" not in raw:
        return raw
    name = raw.pop("extends")
    if not isinstance(name, str):
        raise SpecError(f"extends must be the name of one spec, not {name!r}", where=where)
    parent = _read_file(_find(name, shipped, folder, "spec to extend"), shipped, above)
    return merge(parent, raw)
