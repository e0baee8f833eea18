"""Compositions that once went wrong without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

import labelloom
from labelloom.components import Component
from labelloom.compose.check import check
from labelloom.errors import CompositionError, SpecError
from labelloom.spec import read_spec, validate_spec

from .cases import BCE, BERT, BILSTM, LINEAR, spec, stage
from .conftest import WriteSpec
from .refusals import main, model, only


def test_a_branch_may_not_be_called_as_the_only_one_of_a_plain_model() -> None:
    branches = [{"name": "main", "predictor": LINEAR}]
    whole = spec("main", {"encoder": BERT, "branches": branches}, stage("main", [BCE]))
    with pytest.raises(SpecError, match="main is what the only branch of a plain model is called"):
        validate_spec(whole)


def test_a_record_for_another_contract_is_only_a_number() -> None:
    assert Component(kind="decoder", api=2).api == 2  # type: ignore[arg-type]


def test_a_part_that_falls_away_in_predictions(write_spec: WriteSpec, workplace: Path) -> None:
    (workplace / "falling.py").write_text(
        "from labelloom import Component, LabelModule\n"
        "class Falling(LabelModule):\n"
        '    component = Component(kind="label_module", needs={"document", "given"}, gives={"document"})\n'
    )
    stages = main(BCE, samplers=({"use": "lmmtc/reveal"},))
    file = write_spec(spec("falling", model(BERT, LINEAR, {"use": "./falling.py:Falling"}), stages))
    with pytest.raises(CompositionError) as caught:
        check(*read_spec(file), allow_local_code=True)
    problem = only(list(caught.value.problems), "model.label_modules.0")
    assert "not in predictions, where nothing is drawn: it needs given" in problem.message


@pytest.mark.parametrize("name", ["half", "update"])
def test_a_name_that_a_table_of_modules_needs_for_itself(name: str, write_spec: WriteSpec, tmp_path: Path) -> None:
    whole = spec(f"taken-{name}", model(BILSTM, LINEAR), stage("main", [{**BCE, "name": name}]))
    with pytest.raises(CompositionError, match=f"'{name}' cannot be a name here"):
        labelloom.train(write_spec(whole), output=tmp_path)
