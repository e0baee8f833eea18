"""Every installed component in each of its forms: options under which it needs or gives something else."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labelloom.bundles import Catalogue
from labelloom.components import Component, Kind
from labelloom.compose.check import check_held
from labelloom.compose.plan import Node
from labelloom.compose.resolve import Resolver
from labelloom.compose.variants import single_options
from labelloom.config import PartSpec, held_kinds
from labelloom.spec import read_raw
from labelloom.testing.options import config_of, options_in, tables

Table = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Form:
    """A component with options; `number` tells its forms apart, 0 is the first."""

    node: Node
    options: Table
    number: int = 0

    @property
    def name(self) -> str:
        return self.node.component.name

    @property
    def table(self) -> Table:
        """What a spec says of it."""
        return {"use": self.name, **self.options}

    @cached_property
    def names(self) -> frozenset[str]:
        """Its own name and those of all that it holds."""
        return frozenset(node.component.name for node in self.node.walk())


class Parts:
    """The components of a catalogue, or of some of its bundles, sorted by name, in all their forms."""

    def __init__(self, catalogue: Catalogue, bundles: Collection[str] | None = None) -> None:
        self.catalogue = catalogue
        self.bundles = bundles
        self.components = {component.name: component for component in self._sorted()}
        self._used = self._in_specs()
        self._forms = {name: self._forms_of(component) for name, component in self.components.items()}

    def forms(self, kind: Kind) -> list[Form]:
        """Those of all components of a kind that need hold nothing."""
        return [form for name, own in self._forms.items() if self.components[name].kind == kind for form in own]

    def forms_of(self, name: str) -> list[Form]:
        """Those of one component."""
        return self._forms[name]

    def holders(self, kind: Kind) -> list[Component]:
        """The components of a kind that are nothing without parts that they hold."""
        return [each for name, each in self.components.items() if each.kind == kind and not self._forms[name]]

    def form(self, component: Component, options: Table, number: int = 0) -> Form | None:
        """The component with these options, or None where it is refused."""
        resolver = Resolver(self.catalogue, Path())
        spec = PartSpec(use=component.name, **options)
        node = resolver.node(spec, component.kind, component.name, component.name)
        if node is None or resolver.problems or any(check_held(node, self.catalogue)):
            return None
        return Form(node, options, number)

    def _sorted(self) -> list[Component]:
        chosen = (each for each in self.catalogue.components() if self.bundles is None or each.bundle in self.bundles)
        return sorted(chosen, key=lambda component: component.name)

    def _in_specs(self) -> dict[str, list[Table]]:
        """By component, the options with which specs use it."""
        used: dict[str, list[Table]] = {}
        specs = self.catalogue.specs()
        for name in sorted(specs):
            if self.bundles is not None and name.partition("/")[0] not in self.bundles:
                continue
            for table in tables(read_raw(name, (), specs)[0]):
                if component := self.components.get(table["use"]):
                    options = options_in(table, component)
                    options.pop("sha256", None)
                    used.setdefault(component.name, []).append(options)
        return used

    def _forms_of(self, component: Component) -> list[Form]:
        found: dict[Any, Form] = {}
        held = held_kinds(config_of(component))
        for options in ({}, *self._used.get(component.name, ()), *single_options(config_of(component))):
            if held.keys() & options.keys():
                continue
            form = self.form(component, options, len(found))
            if form is not None:
                signature = form.node.signature
                found.setdefault((signature.needs, signature.gives, signature.labels, signature.iterative), form)
        return list(found.values())
