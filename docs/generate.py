"""Writes the parts of the reference that follow from the code: the commands, the spec's keys, the components.

    python docs/generate.py

A page keeps its own text; only what stands between `<!-- generated: name -->` and `<!-- end -->` is replaced.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from pydantic import BaseModel

from labelloom.bundles import Catalogue, load_target
from labelloom.cli.app import FUNCTIONS, app
from labelloom.cli.bundle_command import bundle_command
from labelloom.cli.option_text import default_text
from labelloom.cli.output import in_order
from labelloom.cli.show import SCALES, changes_told
from labelloom.components import KINDS, Component, Kind
from labelloom.compose.variants import by_options
from labelloom.config import held_kinds
from labelloom.data.options import config_of
from labelloom.evaluation.metrics import DOCUMENT_METRICS_AT_K, METRICS, METRICS_AT_K, Metric, find_metric
from labelloom.formats import FORMS
from labelloom.listeners import Listener
from labelloom.metrics import ExtraMetric
from labelloom.records import Record
from labelloom.registry import KnownBundle, Paper, PublishedTable, read_registry
from labelloom.sections import Section
from labelloom.sources import DataSource
from labelloom.spec import BranchSpec, ModelSpec, Spec, StageSpec, TaskSpec, TrainingSettings
from labelloom.spec.baseline import BaselineSettings
from labelloom.spec.data import DataSettings, FileSettings
from labelloom.spec.decision import DecisionSettings
from labelloom.spec.describe import type_text
from labelloom.testing.matrix import Parts, Tables

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"

_REGION = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_PARTS = {"encoder": "encoder", "label_modules": "label_module", "predictor": "predictor", "samplers": "sampler"}
"""Keys of the spec that name parts, with the kind of part."""


def page(name: str) -> str:
    """The text of a page of the reference with its generated parts made anew.

    Raises KeyError for a part that nothing generates.
    """
    text = (REFERENCE / name).read_text(encoding="utf-8")
    return _REGION.sub(lambda found: f"{found[1]}\n{GENERATED[found['name']]().strip()}\n\n{found[4]}", text)


# The commands.


def commands() -> str:
    """Every command: what it does, its arguments and options."""
    app_command: Any = typer.main.get_command(app)
    return "\n".join(
        _command(name, command, load_target(FUNCTIONS[name], name)) for name, command in app_command.commands.items()
    )


def bundle_commands() -> str:
    """The same of the commands of every bundle in the repository."""
    records = [record for record in Catalogue().commands() if record.bundle in bundle_names()]
    return "\n".join(
        _command(record.name, bundle_command(record.name), load_target(record.target, record.name))
        for record in records
    )


def _command(name: str, command: Any, function: Any) -> str:
    callback = inspect.unwrap(function)
    types = {
        key: get_args(hint)[0] for key, hint in get_type_hints(callback, include_extras=True).items() if get_args(hint)
    }
    defaults = {key: each.default for key, each in inspect.signature(callback).parameters.items()}
    rows = [
        (_signature(parameter, types[parameter.name]), _escaped(parameter.help) + _default(defaults[parameter.name]))
        for parameter in command.params
        if parameter.name in types
    ]
    arguments = " ".join(
        parameter.metavar if parameter.required else f"[{parameter.metavar}]"
        for parameter in command.params
        if parameter.param_type_name == "argument"
    )
    usage = f"labelloom {name} {arguments} [OPTIONS]" if rows else f"labelloom {name}"
    told = "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(command.help).split("\n\n"))
    return f"## labelloom {name}\n\n`{' '.join(usage.split())}`\n\n{told}\n\n{_table(('', ''), rows)}"


def _signature(parameter: Any, kind: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar}`"
    names = ", ".join(f"`{name}`" for name in sorted(parameter.opts, key=len))
    if kind is bool or bool in get_args(kind):
        return names
    return f"{names} {_code(parameter.metavar or _value_name(kind))}"


def _default(value: Any) -> str:
    return f" Default {_code(str(value))}." if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _value_name(kind: Any) -> str:
    kinds = [kind, *get_args(kind), *(inner for each in get_args(kind) for inner in get_args(each))]
    return "N" if int in kinds else "TEXT"


# The spec.


def _keys(model: type[BaseModel]) -> Callable[[], str]:
    return lambda: _table(("key", "type", "default", ""), list(_key_rows(model)))


def _key_rows(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    schema = model.model_json_schema()
    for name, told in schema["properties"].items():
        if model is Spec and told.get("$ref"):
            kind = f"[table](#{name})"
        elif name in ("branches", "stages") or (name == "tasks"):
            kind = f"[list of tables](#{'modelbranches' if name == 'branches' else name})"
        elif name == "training":
            kind = "[table](#training)"
        else:
            kind = _type(told, _PARTS.get(name))
        yield f"`{name}`", kind, _default_of(name, schema), _escaped(told["description"])


def _type(told: dict[str, Any], held: str | None) -> str:
    text = type_text(told, held)
    return _code(text) if '"' in text or text == "true | false" else _escaped(text)


def _default_of(name: str, schema: dict[str, Any]) -> str:
    if name in schema.get("required", ()):
        return "required"
    value = schema["properties"][name].get("default")
    return "–" if value is None else _code(default_text(value))


# The metrics.


def metrics() -> str:
    """Every metric: its key, its name for people, what it is."""
    rows = [_metric(key, metric) for key, metric in METRICS.items()]
    at_k = ((key, make(5)) for key, make in (METRICS_AT_K | DOCUMENT_METRICS_AT_K).items())
    rows += [_metric(key, replace(metric, name=metric.name.replace("5", "k"))) for key, metric in at_k]
    return _table(("key", "name", ""), rows)


def _metric(key: str, metric: Metric) -> tuple[str, ...]:
    function = metric.compute.func if isinstance(metric.compute, partial) else metric.compute
    return f"`{key}`", metric.name, _escaped(" ".join(inspect.cleandoc(function.__doc__ or "").split()))


# The formats of data.


def formats() -> str:
    """The core's formats and those of every bundle in the repository."""
    rows = [
        (f"`{name}`", _patterns([" | ".join(f"*{suffix}" for suffix in suffixes)]), summary)
        for name, (suffixes, summary) in FORMS.items()
    ]
    records = [record for record in Catalogue().formats() if record.bundle in bundle_names()]
    rows += [(f"`{record.name}`", _patterns(record.files), _escaped(record.summary)) for record in records]
    return _table(("format", "told by the files", ""), rows)


def data_options() -> str:
    """The options of the sources and formats of every bundle in the repository."""
    found = [reader for reader in Catalogue().readers() if reader.bundle in bundle_names()]
    rows = [(f"`{each.name}`", *row) for each in found for row in _key_rows(config_of(each, Catalogue()))]
    return _table(("of", "option", "type", "default", ""), rows)


# What else bundles bring.


def _extras(kind: type[Record]) -> str:
    """Name and summary of the records of one kind, of every bundle in the repository."""
    records = [record for record in Catalogue().records(kind) if record.bundle in bundle_names()]
    return _table((kind.what, ""), [(f"`{record.name}`", _escaped(record.summary)) for record in records])


def _patterns(files: Iterable[str]) -> str:
    return ", ".join(" or ".join(_code(each.strip()) for each in pattern.split("|")) for pattern in files)


# The components.


def components() -> str:
    """The components and specs of every bundle in the repository."""
    catalogue = Catalogue()
    return "\n".join(_bundle(name, catalogue) for name in bundle_names())


def bundle_names() -> list[str]:
    """The bundles in the repository; others that are installed are not the reference's business."""
    projects = (tomllib.loads(file.read_text(encoding="utf-8")) for file in ROOT.glob("plugins/*/pyproject.toml"))
    return sorted(name for each in projects for name in each["project"]["entry-points"]["labelloom.bundles"])


def _bundle(name: str, catalogue: Catalogue) -> str:
    records = catalogue.load(name).values()
    told = [f"## The bundle {name}\n"]
    for kind in KINDS:
        told += [_component(record) for record in records if record.kind == kind]
    rows = [
        (f"`{spec}`", _escaped(str(tomllib.loads(file.read_text(encoding="utf-8")).get("description", ""))))
        for spec, file in catalogue.specs().items()
        if spec.startswith(f"{name}/")
    ]
    told.append(f"### Specs of {name}\n\n{_table(('spec', ''), rows)}")
    return "\n".join(told)


def _component(record: Component) -> str:
    config = load_target(record.config, record.name) if record.config else None
    computed = callable(getattr(config, "signature", None))
    facts = [("kind", record.kind.replace("_", " "))]
    if record.needs or record.gives or not computed:
        facts += [("needs", _names(record.needs)), ("gives", _names(record.gives))]
    if record.kind in ("label_module", "predictor"):
        facts.append(("works on", "every label at once" if record.labels == "all" else "any of the labels"))
    if record.trains:
        facts.append(("trains", f"scores, to be {SCALES[record.trains]}"))
    if record.logs:
        facts.append(("logs", _names(record.logs)))
    told = [f"### {record.name}\n\n{record.summary}.\n", _table(("", ""), facts)]
    if computed:
        told.append("What it needs and gives depends on its options; `labelloom check` tells it for a spec.\n")
        changes = [f"- {_escaped(line)}" for line in _changes(record)]
        told += [*changes, ""] if changes else []
    rows = list(_option_rows(config, record)) if config else []
    told.append(_table(("option", "type", "default", ""), rows) if rows else "It has no options.\n")
    return "\n".join(told)


def _changes(record: Component) -> Iterator[str]:
    yield from changes_told(*by_options(record, Catalogue()))


def _option_rows(config: type[BaseModel], record: Component) -> Iterator[tuple[str, ...]]:
    schema, held = config.model_json_schema(), held_kinds(config)
    for name, told in schema.get("properties", {}).items():
        stage = " A stage may change it." if name in record.stage_options else ""
        about = _escaped(told.get("description", "")) + stage
        yield f"`{name}`", _type(told, held.get(name)), _default_of(name, schema), about


def _names(names: Iterable[str]) -> str:
    return ", ".join(_code(name) for name in in_order(names)) or "nothing"


# The catalogue.


def catalogue() -> str:
    """Every bundle of the registry: its paper, what it brings, the tables that the paper prints."""
    return "\n".join(_known(name, bundle) for name, bundle in read_registry().bundles.items())


def _known(name: str, bundle: KnownBundle) -> str:
    told = [f"## {name}\n\n{_escaped(bundle.summary)}.\n"]
    if bundle.paper:
        told.append(_paper(bundle.paper))
    # Of a bundle that is developed elsewhere neither its README nor its components' options are at hand.
    here = name in bundle_names()
    readme = f"; [README](../../plugins/{name}/README.md)" if here else ""
    told.append(f"`{bundle.install}`, API {bundle.api}{readme}\n")
    linked = ", ".join(f"[`{each}`](components.md#{_anchor(each)})" for each in bundle.components)
    rows = [("components", linked if here else _names_of(bundle.components))]
    rows += [(field, _names_of(getattr(bundle, field))) for field in BROUGHT]
    told.append(_table(("", ""), [row for row in rows if row[1]]))
    told += [_published(table, bundle) for table in bundle.tables]
    if bundle.paper and bundle.paper.bibtex:
        told.append(f"```bibtex\n{bundle.paper.bibtex.strip()}\n```\n")
    return "\n".join(told)


BROUGHT = ("formats", "sources", "metrics", "listeners", "sections", "commands", "specs")
"""What a bundle may bring beside components."""


def _paper(paper: Paper) -> str:
    title = f"[{paper.title}]({paper.link})" if paper.link else f"*{paper.title}*"
    authors = ", ".join(author for author in paper.authors if author != "others")
    others = " and others" if paper.authors[-1] == "others" else ""
    return f"{authors}{others}: {title}. {paper.venue}, {paper.year}.\n"


def _published(table: PublishedTable, bundle: KnownBundle) -> str:
    assert bundle.paper is not None, "what is published has a paper"
    keys = list(next(iter(table.scores.values())))
    # A figure that ends in 0 has as many digits as the others of its column.
    digits = {key: max(len(str(scores[key])) for scores in table.scores.values()) - 2 for key in keys}
    rows = [
        (_escaped(system), *(f"{scores[key]:.{digits[key]}f}" for key in keys))
        for system, scores in table.scores.items()
    ]
    names = [find_metric(key).name for key in keys]
    return f"{bundle.paper.citation}, {table.title}, {table.data}, as published:\n\n{_table(('', *names), rows)}"


def _names_of(names: Iterable[str]) -> str:
    return ", ".join(_code(name) for name in names)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# Markdown.


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _escaped(text: str) -> str:
    """Text for a table's cell: bars would end it, and angle brackets are HTML outside of code."""
    parts = re.split(r"(`[^`]*`)", text.replace("|", "\\|"))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;").replace(">", "&gt;") for part in parts)


# The matrix.


@cache
def matrix() -> Tables:
    """What fits with what, of the bundles in the repository."""
    return Tables(Parts(Catalogue(), bundle_names()))


def _fits(kind: Kind, title: str) -> Callable[[], str]:
    return lambda: _table((title, *matrix().groups), matrix().behind(kind))


_REFUSED = ("the checker says", "what would give it")


GENERATED: dict[str, Callable[[], str]] = {
    "commands": commands,
    "bundle-commands": bundle_commands,
    "spec": _keys(Spec),
    "data": _keys(DataSettings),
    "files": _keys(FileSettings),
    "formats": formats,
    "data-options": data_options,
    "model": _keys(ModelSpec),
    "branches": _keys(BranchSpec),
    "tasks": _keys(TaskSpec),
    "training": _keys(TrainingSettings),
    "stages": _keys(StageSpec),
    "decision": _keys(DecisionSettings),
    "baseline": _keys(BaselineSettings),
    "metrics": metrics,
    "bundle-metrics": partial(_extras, ExtraMetric),
    "sources": partial(_extras, DataSource),
    "listeners": partial(_extras, Listener),
    "sections": partial(_extras, Section),
    "components": components,
    "catalogue": catalogue,
    "matrix-summary": lambda: matrix().summary(),
    "matrix-columns": lambda: _table(("", "encoders", "give"), matrix().columns()),
    "matrix-label-modules": _fits("label_module", "label modules"),
    "matrix-predictors": _fits("predictor", "predictors"),
    "matrix-tasks": _fits("task", "tasks"),
    "matrix-samplers": lambda: _table(("sampler", "draws", "read by"), matrix().samplers()),
    "matrix-refused": lambda: _table(("", "behind", *_REFUSED), matrix().refused()),
    "matrix-apart": lambda: _table(("", "never with", *_REFUSED), matrix().apart()),
}
"""The generated parts by name."""

PAGES = ("catalogue.md", "cli.md", "components.md", "data.md", "matrix.md", "run.md", "spec.md")


if __name__ == "__main__":
    for name in PAGES:
        text = page(name)
        (REFERENCE / name).write_text(text, encoding="utf-8")
