"""With which options a component is looked at: its defaults, or where these say too little an example."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from labelloom.bundles import Catalogue, load_target
from labelloom.components import Component
from labelloom.config import Config, held_kinds
from labelloom.spec import read_raw

Options = Mapping[str, Any]

_MOST = 64
"""Ways to fill the options that hold parts, of which the first that fits is taken."""


class OptionFinder:
    """Options for components, the likeliest first.

    Args:
        catalogue: what is installed.
        pretrained: what stands in an option of the name `pretrained`: a folder of a small model.
        examples: by component, the options that its author wants it to be looked at with.
    """

    def __init__(self, catalogue: Catalogue, pretrained: Path, examples: Mapping[str, Options]) -> None:
        self.catalogue = catalogue
        self.pretrained = pretrained
        self.examples = examples

    def of(self, component: Component) -> Iterator[dict[str, Any]]:
        """The author's example alone; or the defaults, examples of the bundle's specs, and parts of the bundle to hold.

        The first that the component's config takes, and whose parts fit, is the one.
        """
        if component.name in self.examples:
            example = self.examples[component.name]
            named = {name: example[name] for name in ("pretrained", "sha256") if name in example}
            yield {**self.small(component, example), **named}
            return
        yield self.small(component, {})
        if not self.required(component):
            return
        for example in self.in_specs(component):
            yield self.small(component, example)
        yield from self._filled(component)

    def required(self, component: Component) -> list[str]:
        """The options without a default, and those that hold parts although they may be left out."""
        model = config_of(component)
        held = held_kinds(model)
        return [name for name, info in model.model_fields.items() if info.is_required() or name in held]

    def small(self, component: Component, options: Options) -> dict[str, Any]:
        """`options` with a small model wherever a pretrained one is named or is the default, in held parts too."""
        made = {name: self._small_below(value) for name, value in options.items()}
        if "pretrained" in config_of(component).model_fields:
            made["pretrained"] = str(self.pretrained)
            made.pop("sha256", None)
        return made

    def in_specs(self, component: Component) -> list[dict[str, Any]]:
        """How the specs that its bundle ships use it, those with the fewest options first."""
        specs = self.catalogue.specs()
        found: list[dict[str, Any]] = []
        for name in sorted(specs):
            if name.partition("/")[0] == component.bundle:
                found += (table for table in tables(read_raw(name, (), specs)[0]) if table["use"] == component.name)
        options = [options_in(table, component) for table in found]
        return sorted(options, key=lambda each: len(str(each)))

    def _small_below(self, value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("use"), str):
            held = self.catalogue.component(value["use"])
            return {"use": value["use"], **self.small(held, {k: v for k, v in value.items() if k != "use"})}
        if isinstance(value, list):
            return [self._small_below(item) for item in value]
        return value

    def _filled(self, component: Component) -> Iterator[dict[str, Any]]:
        """Parts of the same bundle in each option that holds some; lists hold one."""
        model, held = config_of(component), held_kinds(config_of(component))
        names = [name for name in held if model.model_fields[name].is_required()]
        choices = [
            [
                {"use": other.name, **self.small(other, {})}
                for other in self.catalogue.load(component.bundle).values()
                if other.kind == held[name] and other.name != component.name and not self.required(other)
            ]
            for name in names
        ]
        lists = {name for name in names if "list" in str(model.model_fields[name].annotation)}
        for chosen in itertools.islice(itertools.product(*choices), _MOST):
            yield {name: [part] if name in lists else part for name, part in zip(names, chosen, strict=True)}


def config_of(component: Component) -> type[BaseModel]:
    """The class of a component's options."""
    model: type[BaseModel] = load_target(component.config, component.name) if component.config else Config
    return model


def options_in(table: Options, component: Component) -> dict[str, Any]:
    """What a spec's table says of a component but for the keys that are the spec's own."""
    beside = {"use", "name", "weight", "branch"} if component.kind == "task" else {"use"}
    return {name: value for name, value in table.items() if name not in beside}


def tables(value: Any) -> Iterator[dict[str, Any]]:
    """Every table in a spec that names a component."""
    if isinstance(value, Mapping):
        if isinstance(value.get("use"), str):
            yield dict(value)
        for item in value.values():
            yield from tables(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from tables(item)
