"""Encoders with chains of label modules that fit: what predictors, tasks and samplers are put on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import combinations

from labelloom.components import is_draw
from labelloom.compose.flow import Flow, live_paths
from labelloom.config import held_kinds
from labelloom.testing.matrix.parts import Form, Parts, Table
from labelloom.testing.options import config_of

_HELD_MODULES = 2
"""Label modules that a holder gets at most: more can stand behind it."""


@dataclass(frozen=True)
class Base:
    """An encoder, label modules in order, and every form of predictor that could stand behind them.

    `flow` is what is there after the label modules.
    """

    encoder: Form
    modules: tuple[Form, ...]
    predictors: tuple[Form, ...]
    flow: Flow = field(repr=False, compare=False)

    @cached_property
    def names(self) -> frozenset[str]:
        """The components of encoder and label modules."""
        return self.encoder.names.union(*(form.names for form in self.modules))

    @property
    def module_names(self) -> frozenset[str]:
        """Those of the label modules alone."""
        return frozenset(form.name for form in self.modules)

    @property
    def tables(self) -> list[Table]:
        """What a spec says of the label modules."""
        return [form.table for form in self.modules]

    def alone(self) -> Iterator[Base]:
        """The base with each form of predictor by itself."""
        return (replace(self, predictors=(form,)) for form in self.predictors)

    @property
    def one_each(self) -> list[Form]:
        """One form of each predictor."""
        return one_each(self.predictors)


def bases(parts: Parts, encoders: Sequence[Form]) -> Iterator[Base]:
    """Every chain of label modules on each of these encoders that a predictor or task can use to the last part."""
    for encoder in encoders:
        for modules, flow in chains(parts, Flow().run([encoder.node])):
            predictors = tuple(form for form in parts.forms("predictor") if runs(form, flow))
            if predictors:
                yield Base(encoder, modules, predictors, flow)


def chains(parts: Parts, start: Flow, most: int | None = None) -> Iterator[tuple[tuple[Form, ...], Flow]]:
    """Sequences of label modules that fit behind `start`, each module once, with what is there after them.

    Of sequences in which each module reads the same of the same, in another order, one is told; of a module that
    nothing after it reads and whose gifts do not last, none.
    """
    modules = parts.forms("label_module")
    seen: set[object] = set()

    def longer(flow: Flow, chain: tuple[Form, ...]) -> Iterator[tuple[tuple[Form, ...], Flow]]:
        wiring = frozenset((path, name, giver) for path, used in flow.uses.items() for name, giver in _givers(used))
        key = (frozenset(form.node.path for form in chain), wiring, frozenset(_givers(flow.given_by)), _numbers(chain))
        if key in seen:
            return
        seen.add(key)
        if {form.node.path for form in chain} <= live_paths(flow, flow.given_by):
            yield chain, flow
        if most is not None and len(chain) == most:
            return
        for form in modules:
            if all(form.name != other.name for other in chain) and runs(form, flow):
                yield from longer(flow.copy().run([form.node]), (*chain, form))

    return longer(start, ())


def one_each(forms: Sequence[Form]) -> list[Form]:
    """The first form of each component."""
    return list({form.name: form for form in reversed(forms)}.values())[::-1]


def runs(form: Form, flow: Flow) -> bool:
    """Whether what is there meets its needs; draws are not the flow's business."""
    _, missing = flow.choose(form.node)
    return all(any(is_draw(name) for name in need.alternatives) for need in missing)


@cache
def encoders(parts: Parts, depth: int) -> list[list[Form]]:
    """The encoders that hold nothing, then level by level those that hold some, `depth` levels of them.

    One that holds others is told if two of its components stand in none before it, or if it needs or gives what none
    of its kind does. None holds its like.
    """
    levels = [parts.forms("encoder")]
    pairs: set[tuple[str, str]] = set()
    signatures: set[object] = set()
    for _ in range(depth):
        level: list[Form] = []
        for holder in parts.holders("encoder"):
            below = [form for form in levels[-1] if holder.name not in form.names]
            for options in _filled(parts, holder.name, below):
                form = parts.form(holder, options)
                if form is None:
                    continue
                signature = (holder.name, form.node.signature.needs, form.node.signature.gives)
                own = set(combinations(sorted(form.names), 2))
                if own - pairs or signature not in signatures:
                    level.append(form)
                    pairs |= own
                    signatures.add(signature)
        levels.append(level)
    return levels


def _filled(parts: Parts, name: str, below: Sequence[Form]) -> Iterator[Table]:
    """Ways to fill the options of a holder: each with one of `below`, or with chains of label modules on it.

    What may be left out is, unless nothing else is held; a list that may be left out holds one of each kind at once.
    """
    model = config_of(parts.components[name])
    held = held_kinds(model)
    encoder_options = [option for option, kind in held.items() if kind == "encoder"]
    required = [option for option in encoder_options if model.model_fields[option].is_required()]
    lists = [option for option in encoder_options if isinstance(model.model_fields[option].default, list)]
    modules = [
        option for option, kind in held.items() if kind == "label_module" and model.model_fields[option].is_required()
    ]
    for option in required or [each for each in encoder_options if each not in lists]:
        for form in below:
            if not modules:
                yield {option: form.table}
                continue
            for chain, _ in chains(parts, Flow().run([form.node]), _HELD_MODULES):
                if chain:
                    yield {option: form.table, **{each: [part.table for part in chain] for each in modules}}
    for option in lists:
        plain = [form for form in below if form.number == 0 and not form.node.held]
        fitting = [form for form in plain if parts.form(parts.components[name], {option: [form.table]})]
        if fitting:
            yield {option: [form.table for form in fitting]}


def _givers(given: object) -> Iterator[tuple[str, str]]:
    assert isinstance(given, dict)
    return ((name, node.path) for name, node in given.items())


def _numbers(chain: tuple[Form, ...]) -> frozenset[tuple[str, int]]:
    return frozenset((form.name, form.number) for form in chain)
