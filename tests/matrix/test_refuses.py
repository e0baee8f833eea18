"""What does not fit is refused in a message that names what is missing and who supplies it."""

from __future__ import annotations

import re

import pytest

from labelloom.components import Need
from labelloom.compose.flow import Flow
from labelloom.testing.matrix import Covering, Form, Parts, encoders, reason, refusal, runs

LATE = ("label_module", "predictor", "task")


@pytest.fixture(scope="module")
def alone(parts: Parts) -> list[Form]:
    """The encoders that hold no others."""
    return encoders(parts, 0)[0]


def forms(parts: Parts) -> list[Form]:
    return [form for name, each in parts.components.items() if each.kind in LATE for form in parts.forms_of(name)]


def test_every_unmet_need_is_told_with_all_that_would_meet_it(parts: Parts, alone: list[Form]) -> None:
    told = 0
    for encoder in alone:
        flow = Flow().run([encoder.node])
        for form in forms(parts):
            _, missing = flow.choose(form.node)
            missing = [need for need in missing if set(need.alternatives) - {"scores"}]
            if runs(form, flow) or not missing:
                continue
            problem = refusal(parts, encoder, form)
            assert problem is not None, (encoder.name, form.name)
            match = re.match(r"\S+ needs (.+?), and nothing here gives it \(there: ", problem.message)
            assert match, problem.message
            need = Need.parse(match[1])
            assert need in missing, problem.message
            suppliers = {each.name for name in need.alternatives for each in parts.catalogue.suppliers(name)}
            hints = "\n".join(problem.suggestions)
            for name in suppliers - {encoder.name, form.name}:
                assert re.search(rf'use = ("\S+" \| )*"{name}"( \| "\S+")* gives ', hints), (form.name, name, problem)
            told += 1
    assert told > len(alone)


def test_a_label_module_that_is_suggested_without_a_condition_meets_the_need(parts: Parts, alone: list[Form]) -> None:
    tried = 0
    for encoder in alone:
        start = Flow().run([encoder.node])
        for form in forms(parts):
            problem = None if runs(form, start) else refusal(parts, encoder, form)
            for hint in problem.suggestions if problem else ():
                match = re.fullmatch(r'\[\[model\.label_modules\]\] use = "(\S+)" gives (\S+)', hint)
                if match:
                    name, gift = match.groups()
                    flow = start.copy().run([parts.forms_of(name)[0].node])
                    assert gift in flow.given_by, (encoder.name, hint)
                    tried += 1
    assert tried > 0


def test_what_is_told_apart_is_refused_by_the_checker(covering: Covering, parts: Parts) -> None:
    assert covering.apart
    for pair in covering.apart:
        problem = reason(parts, pair)
        assert problem is not None, pair
        match = re.match(
            r"(\S+) (needs .+, and nothing here gives it|draws .+, which nothing .+ reads)", problem.message
        )
        assert match, problem.message
        assert match[1] in pair
        assert problem.suggestions
