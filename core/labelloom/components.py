"""What a bundle says about a component: a frozen record that names code by string.

A component never knows which others it runs with. It says what it needs and what it gives, in one namespace:

    fields   tokens, document, aspects (the document side), labels, label_table, scores (the label side),
             and a bundle's own, "bundle.name"
    draws    what samplers decide: relation, given, candidates, role:<name>

A need is a name, alternatives ("labels | label_table": the first that is there is used), or optional ("given?").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from labelloom.records import API as API
from labelloom.records import TARGET, Record

Kind = Literal["encoder", "label_module", "predictor", "task", "sampler"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Scale = Literal["probabilities", "distribution", "ranks"]
"""What a loss makes of scores: through a sigmoid each the probability of its label; through a softmax over every label
a distribution, whose parts add up to 1; or nothing but an order."""

WHAT_SCORES_DO: dict[Scale, str] = {
    "probabilities": "are probabilities",
    "distribution": "share 1 among all labels",
    "ranks": "only rank labels",
}
"""The end of a sentence that begins with "the scores"."""

DOCUMENT_SIDE = frozenset({"tokens", "document", "aspects"})
LABEL_SIDE = frozenset({"labels", "label_table", "scores"})
FIELDS = DOCUMENT_SIDE | LABEL_SIDE
DRAWS = frozenset({"relation", "given", "candidates"})


def is_draw(name: str) -> bool:
    """Whether samplers, not components of the model, supply `name`."""
    return name in DRAWS or name.startswith("role:")


@dataclass(frozen=True)
class Need:
    """One need: the names that would meet it, in order of preference."""

    alternatives: tuple[str, ...]
    optional: bool = False

    @classmethod
    def parse(cls, text: str) -> Need:
        """From `"tokens"`, `"labels | label_table"` or `"given?"`."""
        optional = text.rstrip().endswith("?")
        names = tuple(name.strip() for name in text.rstrip().removesuffix("?").split("|"))
        return cls(names, optional)

    def choose(self, there: Iterable[str]) -> str | None:
        """The first alternative that is there, or None."""
        there = frozenset(there)
        return next((name for name in self.alternatives if name in there), None)

    def __str__(self) -> str:
        return " | ".join(self.alternatives) + ("?" if self.optional else "")


@dataclass(frozen=True, kw_only=True)
class Component(Record):
    """The record of one component.

    Args:
        kind: one of the five kinds.
        name: `bundle/component`.
        target: `module:Class` of the part, imported only by a spec that names it.
        config: `module:Class` of its options, a torch-free `labelloom.config.Config`; empty for no options.
        needs: what must be there when its turn comes; see the module's docstring.
        gives: the fields or, for samplers, the draws it adds.
        labels: "any" when it works on whatever labels are under consideration, "all" when only on every label
            (a 2-D convolution over the label axis, an MLP over all label vectors).
        trains: for tasks that train `scores`: what these become, "probabilities" (of the sigmoid), a "distribution"
            (of the softmax over every label, so `labels` must be "all") or only "ranks".
        logs: for tasks: what they count beside their loss, `Loss.logs`, such as an "accuracy". More is better.
        only_carried: for samplers that draw candidates: of an anchor only labels that it carries, so that a task that
            trains scores, which must see wrong labels too, is refused beside it.
        axes: for each of the bundle's own fields, its axes: "BD" document side, "BCK" label side, "BTH" tokens.
        stage_options: options that a stage may override.
        summary: one line for people, with paper and equation.
        api: the contract it was written for.

    Raises:
        BundleError: when the record contradicts itself.
    """

    what: ClassVar[str] = "component"
    code: ClassVar[str] = "Class"
    example: ClassVar[str] = "labelloom_mybundle.sharpen:Sharpen"

    kind: Kind = field(kw_only=False)
    name: str = ""
    target: str = ""
    config: str = ""
    needs: frozenset[str] = frozenset()
    gives: frozenset[str] = frozenset()
    labels: Literal["any", "all"] = "any"
    trains: Literal["", "probabilities", "distribution", "ranks"] = ""
    logs: frozenset[str] = frozenset()
    only_carried: bool = False
    axes: Mapping[str, str] = field(default_factory=dict)
    stage_options: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.api != API:
            return  # of another contract nothing is known but its number, and that is refused when it is loaded
        for name in ("needs", "gives", "logs", "stage_options"):
            if isinstance(getattr(self, name), str):
                raise self.wrong(f"{name} is a string", f'{{"{getattr(self, name)}"}}, a set of names')
            object.__setattr__(self, name, frozenset(getattr(self, name)))
        if self.kind not in KINDS:
            raise self.wrong(f"kind {self.kind!r} is not one of {', '.join(KINDS)}", 'kind="label_module"')
        if self.labels not in ("any", "all"):
            raise self.wrong(f"labels={self.labels!r} is neither 'any' nor 'all'", 'labels="any"')
        if self.trains not in ("", *WHAT_SCORES_DO):
            raise self.wrong(
                f"trains={self.trains!r} is not one of {', '.join(WHAT_SCORES_DO)}", 'trains="probabilities"'
            )
        if self.trains and self.kind != "task":
            raise self.wrong(f"trains={self.trains!r} on a {self.kind}: only tasks train", 'trains=""')
        if self.logs and self.kind != "task":
            raise self.wrong(f"logs={sorted(self.logs)} on a {self.kind}: only tasks log", "logs=set()")
        if self.only_carried and (self.kind != "sampler" or "candidates" not in self.gives):
            raise self.wrong(
                "only_carried=True, but only samplers that draw candidates choose labels", "only_carried=False"
            )
        if self.trains == "distribution" and self.labels != "all":
            raise self.wrong('trains="distribution" shares 1 among every label', 'labels="all"')
        for name in self.own_fields:
            if name not in self.axes:
                raise self.wrong(f"its own field {name!r} has no axes", f'axes={{"{name}": "BD"}}')
        for need in self.needs:
            for name in Need.parse(need).alternatives:
                if not (name in FIELDS or is_draw(name) or "." in name):
                    raise self.wrong(f"{name!r} in needs is no field, draw or bundle.name", ", ".join(sorted(FIELDS)))

    @property
    def own_fields(self) -> frozenset[str]:
        """The fields it gives that the core does not know."""
        return frozenset(name for name in self.gives if name not in FIELDS and not is_draw(name))

    def validate_names(self) -> None:
        """Check what every packaged component must have: a full name, a target and a config. Raises BundleError."""
        super().validate_names()
        if not isinstance(self.config, str) or (self.config and not TARGET.fullmatch(self.config)):
            raise self.wrong(f"config {self.config!r} is not module:Class", '"labelloom_mybundle.config:Sharpen"')


def side(name: str, axes: Mapping[str, str]) -> Literal["document", "label"]:
    """On which side of the model a field lives; `axes` tells it for bundles' own fields ("C" among the axes: label)."""
    if name in FIELDS:
        return "label" if name in LABEL_SIDE else "document"
    return "label" if "C" in axes.get(name, "") else "document"
