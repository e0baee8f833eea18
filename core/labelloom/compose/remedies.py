"""What would meet a need: an option at its default, or an installed component; first what leaves all others theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from labelloom.bundles import Catalogue
from labelloom.components import Component, Need, is_draw
from labelloom.compose.draws import table_of
from labelloom.compose.flow import Flow, model_flow
from labelloom.compose.plan import Node, Plan, StagePlan
from labelloom.compose.resolve import Resolver
from labelloom.config import PartSpec, Signature

_TRIES = 48
"""Changed plans that are looked at for one spec; hints beyond are not judged."""

Unmet = frozenset[tuple[str, str, str]]
"""Stage, path of the part, need."""


class Remedies:
    """The hints of one plan."""

    def __init__(self, plan: Plan, catalogue: Catalogue) -> None:
        self.plan = plan
        self.catalogue = catalogue
        self._tries = _TRIES

    def of(self, node: Node, need: Need, flow: Flow, stage: StagePlan) -> Iterator[str]:
        """What would give `node` what it needs, or let it do without."""
        defaults = list(self._defaults(node))
        yield from defaults
        yield from self._suppliers(need, flow, stage, robbing=not defaults)

    def _defaults(self, node: Node) -> Iterator[str]:
        """The options of `node` that are set and at whose default it would lack nothing."""
        fields = type(node.config).model_fields
        for name in sorted(node.config.model_fields_set & fields.keys()):
            value, default = getattr(node.config, name), fields[name].default
            if value == default or fields[name].is_required():
                continue
            told = node.config.model_dump(exclude_unset=True)
            del told[name]
            changed = self._changed(node, told)
            if changed is None or changed.signature.needs == node.signature.needs:
                continue
            unmet = self._unmet_with(changed)
            if unmet is None or unmet - self._unmet or any(path == node.path for _, path, _ in unmet):
                continue
            needs = ", ".join(sorted(changed.signature.needs)) or "nothing"
            needed = ", ".join(sorted(node.signature.needs))
            way = f"leave {name} out" if default is None else f"{name} = {_written(default)}, the default"
            yield f"{way}, which needs {needs} ({name} = {_written(value)} asks for {needed})"

    def _changed(self, node: Node, options: dict[str, object]) -> Node | None:
        resolver = Resolver(self.catalogue, Path())
        config = resolver.config(node.component, options, node.key)
        signature = config and resolver.signature(node.component, config, node.held, node.key)
        return replace(node, config=config, signature=signature) if config and signature else None

    def _suppliers(self, need: Need, flow: Flow, stage: StagePlan, *, robbing: bool) -> Iterator[str]:
        """Installed components that give what is needed, those that could run here first.

        Encoders that would rob others of what the present one gives them stand in one line, with what that is, or
        nowhere where they are not asked for.
        """
        found: dict[str, tuple[int, str]] = {}
        robbers: dict[tuple[str, str], list[str]] = {}
        present = {node.component.name for node in self.plan.model.nodes}
        for name in need.alternatives:
            for component in self.catalogue.suppliers(name):
                if component.name in found or component.name in present or component.kind == "task":
                    continue
                lacking = [
                    text for text in sorted(component.needs) if _lacks(text, flow) and not is_draw(text.rstrip("?"))
                ]
                if component.kind == "encoder" and (robbed := self._robbed(component)):
                    robbers.setdefault((name, robbed), []).append(component.name)
                    continue
                hint = f'{table_of(component, stage)} use = "{component.name}" gives {name}'
                if lacking:
                    hint += f" (it needs {', '.join(lacking)})"
                # An encoder replaces what is there; a label module or sampler only joins it.
                found[component.name] = (len(lacking) * 2 + (component.kind == "encoder"), hint)
        yield from (hint for _, hint in sorted(found.values()))
        for (name, robbed), encoders in robbers.items() if robbing else ():
            uses = " | ".join(f'"{each}"' for each in sorted(encoders))
            yield f"[model.encoder] use = {uses} gives {name}, but then {robbed}"

    def _robbed(self, encoder: Component) -> str:
        """What parts would lack with another encoder that they do not lack now; empty where nothing, or not known."""
        place = self.plan.model.encoder
        resolver = Resolver(self.catalogue, Path())
        node = resolver.node(PartSpec(use=encoder.name), "encoder", place.path, place.key)
        if node is None:  # it holds parts that only its user can name
            record = Signature(encoder.needs, encoder.gives, encoder.labels, axes=encoder.axes)
            node = replace(place, component=encoder, signature=record, held={})
        unmet = self._unmet_with(node)
        new = {(path, need) for _, path, need in (unmet or frozenset()) - self._unmet if path != place.path}
        gone = {
            name
            for part in self.plan.model.nodes
            if any(part.path == path for path, _ in new)
            for name in part.signature.gives
        }
        by_part: dict[str, list[str]] = {}
        for path, need in sorted(new):
            if not Need.parse(need).choose(gone):  # what only follows is not told
                by_part.setdefault(path, []).append(need)
        return ", ".join(f"{path} lacks {', '.join(needs)}" for path, needs in by_part.items())

    @cached_property
    def _unmet(self) -> Unmet:
        return unmet_needs(self.plan)

    def _unmet_with(self, node: Node) -> Unmet | None:
        """The unmet needs with `node` in the place of the part at its path; None when no try is left."""
        if self._tries == 0:
            return None
        self._tries -= 1
        return unmet_needs(_with_node(self.plan, node))


def unmet_needs(plan: Plan) -> Unmet:
    """Everything that any part or task lacks, in any stage or in predictions, what follows from other lacks too."""
    found: set[tuple[str, str, str]] = set()
    runs = [("", plan.model, (), ()), *((s.name, s.model, s.samplers, s.tasks) for s in plan.stages)]
    for stage, model, samplers, tasks in runs:
        flow = model_flow(model, samplers)
        for here in (flow.trunk, *flow.branches.values()):
            found |= {(stage, path, str(need)) for path, needs in here.blocked.items() for need in needs}
        for task in tasks:
            found |= {(stage, task.node.path, str(need)) for need in flow.at(task.branch).choose(task.node)[1]}
    return frozenset(found)


def _with_node(plan: Plan, node: Node) -> Plan:
    def stage_with(stage: StagePlan) -> StagePlan:
        return replace(
            stage,
            model=stage.model.with_nodes({node.path: node}),
            samplers=tuple(node if each.path == node.path else each for each in stage.samplers),
            tasks=tuple(replace(each, node=node) if each.node.path == node.path else each for each in stage.tasks),
        )

    model = plan.model.with_nodes({node.path: node})
    return replace(plan, model=model, stages=tuple(stage_with(stage) for stage in plan.stages))


def _lacks(text: str, flow: Flow) -> bool:
    need = Need.parse(text)
    return not need.optional and need.choose(flow.given_by) is None


def _written(value: object) -> str:
    """As TOML has it, but for tables."""
    return json.dumps(value, ensure_ascii=False, default=str)
