"""The options of `labelloom evaluate` that try another decision, and what is wrong with them in their own words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelloom.errors import Problem, SpecError

if TYPE_CHECKING:
    from labelloom.spec.decision import DecisionSettings

_PANEL = "Another decision, fitted on the run's validation split"


def _option(*names: str, **said: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_PANEL, **said)


Rule = Annotated[str | None, _option("--rule", metavar="fitted|per-label|fixed|top-k", help="Decide by another rule.")]
Threshold = Annotated[
    float | None, _option("--threshold", metavar="P", help="The probability from which a label is given (fixed).")
]
K = Annotated[int | None, _option("--k", metavar="N", help="How many labels each document gets (top-k).")]
FitFor = Annotated[
    str | None,
    _option("--fit-for", metavar="micro_f1|macro_f1", help="What thresholds are fitted for (fitted, per-label)."),
]
MinSupport = Annotated[
    int | None,
    _option("--min-support", metavar="N", help="Documents that a label needs for its own threshold (per-label)."),
]
Shrinkage = Annotated[
    float | None,
    _option("--shrinkage", metavar="S", help="How strongly own thresholds are drawn to the common one (per-label)."),
]
Calibration = Annotated[
    str | None,
    _option("--calibration", metavar="none|temperature|platt", help="Make better probabilities of the scores first."),
]
AtLeastOne = Annotated[
    bool | None, _option("--at-least-one/--no-at-least-one", help="Give the best label where the rule gives none.")
]
Save = Annotated[bool, _option("--save", help="Keep the new decision in the run, in place of its own.")]

_OPTIONS = {
    "rule": "--rule",
    "threshold": "--threshold",
    "k": "--k",
    "metric": "--fit-for",
    "min_support": "--min-support",
    "shrinkage": "--shrinkage",
    "calibration": "--calibration",
    "at_least_one": "--at-least-one",
}
_WRITTEN = re.compile(rf'\b(?:decision\.)?({"|".join(_OPTIONS)}) = (?:"([^"]*)"|([^\s,;]+))')
_NAMED = re.compile(rf"\bdecision\.({'|'.join(_OPTIONS)})\b")


def asked_settings(own: Mapping[str, Any], options: Mapping[str, Any]) -> DecisionSettings | None:
    """The settings that `options` (by key of the spec, None where not given) ask for; None if there are none.

    What they do not name stays as the run has it in `own`; another rule starts from its own defaults. Raises SpecError
    that names the options.
    """
    from pydantic import ValidationError

    from labelloom.spec.decision import DecisionSettings, under_rule
    from labelloom.spec.problems import problems_of

    given = {key: value for key, value in options.items() if value is not None}
    if not given:
        return None
    kept = under_rule(given.get("rule", own["rule"]), own)
    try:
        return DecisionSettings.model_validate({**kept, **given})
    except ValidationError as error:
        raise SpecError.from_problems(in_options(problems_of(error, DecisionSettings))) from error


def in_options(problems: Iterable[Problem]) -> list[Problem]:
    """Problems of `[decision]` in terms of the command line."""
    return [
        Problem(
            _OPTIONS.get(problem.where.removeprefix("decision."), problem.where),
            _written(problem.message),
            tuple(_written(suggestion) for suggestion in problem.suggestions),
        )
        for problem in problems
    ]


def _written(text: str) -> str:
    text = _WRITTEN.sub(lambda found: f"{_OPTIONS[found[1]]} {found[2] or found[3]}", text)
    text = _NAMED.sub(lambda found: _OPTIONS[found[1]], text)
    return text.replace("with k", "with --k")
