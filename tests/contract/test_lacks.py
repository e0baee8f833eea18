"""A lack is told once, at the part that it begins with, with what leaves the other parts of the spec theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelloom.compose.check import check
from labelloom.spec import read_spec

from .cases import BCE, BERT, BILSTM, CLCP, CLRL, LABEL_LINEAR, LINEAR, LW_LSTM, TABLE, Table, paired, spec
from .conftest import WriteSpec
from .refusals import Refuse, main, model, only

GROUPS = {"use": "maacf/label-groups"}
ASPECTS = {"use": "maacf/multi-aspect", "encoder": BILSTM, "n": 2}
NAMED = {**TABLE, "init": "names"}


def branched(encoder: Table, *modules: Table) -> Table:
    branches = [{"name": "text", "predictor": LINEAR}, {"name": "labels", "predictor": LABEL_LINEAR}]
    return {"encoder": encoder, "label_modules": list(modules), "branches": branches}


TASKS = ({**BCE, "name": "a", "branch": "text"}, {**BCE, "name": "b", "branch": "labels"}, CLCP, CLRL)


def test_one_root_of_many_followers_and_the_option_that_asks_for_it(refuse: Refuse, write_spec: WriteSpec) -> None:
    problem = only(refuse(branched(ASPECTS, NAMED, GROUPS), main(*TASKS)), "model.label_modules.0")
    assert problem.message == (
        "standard/label-table needs tokens, and nothing here gives it (there: aspects, document); without it "
        "model.label_modules.1 (maacf/label-groups), model.branches.1.predictor (standard/label-linear), "
        "tasks.2 (laco/clcp) and tasks.3 (clmil/clrl) cannot run either"
    )
    # Every encoder that gives tokens would take the aspects away: none is offered beside what mends it all.
    assert problem.suggestions == (
        'init = "random", the default, which needs tokens | document (init = "names" asks for tokens)',
    )
    # And it does mend it all.
    check(*read_spec(write_spec(spec("mended", branched(ASPECTS, TABLE, GROUPS), main(*TASKS)))))


def test_an_option_whose_default_would_not_help_is_no_hint(refuse: Refuse) -> None:
    alone = paired(LW_LSTM)  # labels and nothing else
    table = {**NAMED, "std": 0.5}
    query = {"use": "standard/label-query"}
    problems = refuse(model(alone, LABEL_LINEAR, table, query), main(BCE))
    assert [problem.message.split(",")[0] for problem in problems] == [
        "standard/label-table needs tokens",
        "standard/label-query needs tokens",
    ]
    for problem in problems:
        assert problem.suggestions[0] == '[model.encoder] use = "laco/joint-encoder" gives tokens'
        assert not any("the default" in hint for hint in problem.suggestions)


def test_hints_beyond_the_tries_are_not_judged(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    """`lwpt/paired` gives no document, which the predictor reads."""
    wrong = model(BILSTM, LINEAR), main(BCE, CLRL)
    alone = '[model.encoder] use = "lwpt/paired" gives labels'
    (judged,) = refuse(*wrong)
    assert judged.suggestions[-1] == f"{alone}, but then model.predictor lacks document"
    monkeypatch.setattr("labelloom.compose.remedies._TRIES", 0)
    (unjudged,) = refuse(*wrong)
    assert alone in unjudged.suggestions
    assert len(unjudged.suggestions) == len(judged.suggestions)


def test_two_roots_are_two_problems(refuse: Refuse) -> None:
    problems = refuse(model(BERT, LABEL_LINEAR, {"use": "standard/label-query"}, GROUPS), main(BCE))
    assert {(each.where, each.message.split(",")[0]) for each in problems} == {
        ("model.label_modules.0", "standard/label-query needs label_table"),
        ("model.label_modules.1", "maacf/label-groups needs aspects"),
        ("model.label_modules.1", "maacf/label-groups needs label_table"),
    }
    for problem in problems:
        assert problem.message.endswith("; without it model.predictor (standard/label-linear) cannot run either")


def test_a_giver_that_comes_too_late_and_lacks_something_itself(refuse: Refuse) -> None:
    query = {"use": "standard/label-query"}
    problems = refuse(branched(ASPECTS, query, NAMED), main(*TASKS[:2]))
    told = {problem.message.split(",")[0]: problem for problem in problems}
    first, second = told["standard/label-query needs label_table"], told["standard/label-table needs tokens"]
    assert (first.where, second.where) == ("model.label_modules.0", "model.label_modules.1")
    late = "model.label_modules.1 (standard/label-table) would give it after that, but lacks tokens"
    assert late in first.message
    assert "without it model.branches.1.predictor (standard/label-linear) cannot run either" in first.message


def test_two_parts_that_wait_for_one_another_are_told_at_the_first(refuse: Refuse, workplace: Path) -> None:
    (workplace / "waiting.py").write_text(
        "from labelloom import Component, LabelModule\n"
        "class One(LabelModule):\n"
        '    component = Component(kind="label_module", needs={"label_table"}, gives={"labels"})\n'
        "class Other(LabelModule):\n"
        '    component = Component(kind="label_module", needs={"labels"}, gives={"label_table"})\n'
    )
    one, other = {"use": "./waiting.py:One"}, {"use": "./waiting.py:Other"}
    problem = only(refuse(model(BILSTM, LABEL_LINEAR, one, other), main(BCE), local=True), "model.label_modules.0")
    file = workplace / "waiting.py"
    assert problem.message == (
        f"{file}:One needs label_table, and nothing here gives it (there: document, tokens); "
        f"model.label_modules.1 ({file}:Other) would give it after that, but lacks labels; without it "
        f"model.label_modules.1 ({file}:Other) and model.predictor (standard/label-linear) cannot run either"
    )
