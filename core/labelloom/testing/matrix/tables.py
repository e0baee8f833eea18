"""What fits with what, as rows of Markdown cells: the reference's page of the matrix."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from string import ascii_uppercase

from labelloom.components import Kind, Need
from labelloom.errors import Problem
from labelloom.testing.matrix.bases import encoders
from labelloom.testing.matrix.covering import Covering, cover
from labelloom.testing.matrix.fits import Way, reason, refusal, way
from labelloom.testing.matrix.parts import Form, Parts

Row = tuple[str, ...]
_BEHIND: tuple[Kind, ...] = ("label_module", "predictor", "task")


class Tables:
    """The tables of the components that take part, by the checker alone."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    @cached_property
    def covering(self) -> Covering:
        return cover(self.parts)

    @cached_property
    def groups(self) -> dict[str, tuple[Form, ...]]:
        """By letter, the encoders that need and give the same; of those that hold others each once.

        What gives as much as the parts that it holds is left out: it stands wherever they do.
        """
        found: dict[object, list[Form]] = {}
        plain, held = encoders(self.parts, 1)
        chosen = [form for form in plain if form.number == 0]
        for holder in self.parts.holders("encoder"):
            own = [form for form in held if form.name == holder.name]
            chosen += own[:1] if len({form.node.signature.gives for form in own}) == 1 else []
        for form in chosen:
            found.setdefault((form.node.signature.needs, form.node.signature.gives), []).append(form)
        return dict(zip(ascii_uppercase, map(tuple, found.values()), strict=False))

    def columns(self) -> list[Row]:
        """Each group of encoders: its letter, its encoders, what they give."""
        return [
            (letter, _names(form.name for form in group), _names(sorted(group[0].node.signature.gives)))
            for letter, group in self.groups.items()
        ]

    def behind(self, kind: Kind) -> list[Row]:
        """Each component of a kind: how it comes to stand behind each group of encoders."""
        return [
            (f"`{name}`", *(_cell(way(self.parts, group[0], name)) for group in self.groups.values()))
            for name in self._of(kind)
        ]

    def refused(self) -> list[Row]:
        """What no label modules make fit: component, groups, the checker's words for the first of them, suppliers."""
        rows: list[Row] = []
        for name in (name for kind in _BEHIND for name in self._of(kind)):
            without = {
                letter: group for letter, group in self.groups.items() if way(self.parts, group[0], name) is None
            }
            if without:
                (encoder, *_), *_ = without.values()
                told = refusal(self.parts, encoder, self.parts.forms_of(name)[0])
                rows.append((f"`{name}`", ", ".join(without), *self._told(told)))
        return rows

    def samplers(self) -> list[Row]:
        """Each sampler, what it draws, and who reads that."""
        rows: list[Row] = []
        for form in self.parts.forms("sampler"):
            draws = form.node.signature.gives
            readers = [
                f"`{name}`"
                for name, each in self.parts.components.items()
                if any(Need.parse(need).choose(draws) for need in each.needs)
            ]
            readers += ["all on the label side"] * ("candidates" in draws)
            rows.append((f"`{form.name}`", _names(sorted(draws)), ", ".join(readers)))
        return rows

    def apart(self) -> list[Row]:
        """Components with those that stand in no model with them, and why; what is told alike is one row."""
        alike: dict[Row, list[str]] = {}
        for pair in self.covering.apart:
            told, suppliers = self._told(reason(self.parts, pair))
            refused = told.partition(" ")[0]
            row = (f"`{refused}`", told.partition(" (there: ")[0], suppliers)
            alike.setdefault(row, []).append(next(name for name in pair if name != refused))
        return [(refused, _names(others), *told) for (refused, *told), others in alike.items()]

    def summary(self) -> str:
        """How many pairs of components stand together in some model, and how many models show all of these."""
        components, models = len(self.parts.components), len(self.covering.mixtures)
        pairs = components * (components - 1) // 2
        return (
            f"{components} components make {pairs} pairs. {pairs - len(self.covering.apart)} of them stand together in "
            f"some model; {models} models show all of these."
        )

    def _of(self, kind: Kind) -> list[str]:
        return [name for name, component in self.parts.components.items() if component.kind == kind]

    def _told(self, problem: Problem | None) -> Row:
        """The checker's message, and who supplies what is missing."""
        assert problem is not None, "what does not fit is refused"
        told = " ".join(problem.suggestions)
        return problem.message.replace("|", "\\|"), _names(
            name for name in self.parts.components if f'"{name}"' in told
        )


def _cell(found: Way | None) -> str:
    if found is None:
        return "–"
    between = _names(form.name for form in found.between)
    options = ", ".join(f'`{key} = "{value}"`' for key, value in found.form.options.items() if found.form.number)
    return " ".join(filter(None, [f"after {between}" if between else "yes", f"with {options}" if options else ""]))


def _names(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(f"`{name}`" for name in names))
