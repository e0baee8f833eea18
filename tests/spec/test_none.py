"""Options that may be None: how TOML, which has no null, says so, and that it comes back."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, model_validator

from labelloom.compose.check import check
from labelloom.compose.resolved import resolved
from labelloom.config import Config, none_words, taken_away, written_out
from labelloom.errors import CompositionError
from labelloom.spec import read_spec, spec_to_toml, validate_spec
from labelloom.spec.describe import type_text

from .cases import changed


class Options(Config):
    margin: float | None = Field(1.0, gt=0)
    name: str | None = "x"
    floor: int | None
    mode: Literal["none", "mean"] | None = "mean"
    limit: int | None = None
    word: str | None = None
    width: int = 3


def test_what_may_be_none_takes_the_word_unless_it_is_one_of_its_own() -> None:
    assert none_words(Options) == {"margin", "name", "floor", "limit", "word"}


def test_the_word_is_none_where_it_must_be() -> None:
    options = Options.model_validate(
        {"margin": "none", "name": "none", "floor": "none", "limit": "none", "word": "none", "mode": "none"}
    )
    assert (options.margin, options.name, options.floor, options.limit, options.word) == (None, None, None, None, None)
    assert options.mode == "none"
    assert options.model_fields_set == {"margin", "name", "floor", "mode"}
    with pytest.raises(ValueError, match="valid integer"):
        Options.model_validate({"floor": 1, "width": "none"})
    assert Options(floor="none").floor is None  # type: ignore[arg-type]


class Halved(Config):
    whole: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _half(cls, values: Any) -> Any:
        return {name: value if value is None else value // 2 for name, value in values.items()}


def test_a_config_s_own_validators_see_none_and_not_the_word() -> None:
    assert Halved.model_validate({"whole": "none"}).whole is None
    assert Halved.model_validate({"whole": 6}).whole == 3


@pytest.mark.parametrize(
    "given",
    [{"floor": None}, {"margin": None, "name": None, "floor": 2}, {"floor": 1, "width": 4}, {"floor": 1, "limit": 5}],
)
def test_what_is_written_out_reads_the_same(given: dict[str, object]) -> None:
    options = Options.model_validate(given)
    written = {name: value for name, value in written_out(options).items() if value is not None}
    assert Options.model_validate(written) == options


def test_what_is_none_by_default_is_left_out_where_a_spec_is_written() -> None:
    options = Options.model_validate({"floor": "none", "limit": "none", "margin": "none"})
    told = {"margin": "none", "name": "x", "floor": "none", "mode": "mean", "limit": None, "word": None, "width": 3}
    assert written_out(options) == told


def test_what_a_refusal_says_to_do() -> None:
    assert taken_away("a") == 'remove a, or say a = "none" where the spec extends another'
    assert taken_away("a", "b") == 'remove a and b, or say a = "none" and b = "none" where the spec extends another'


def test_a_reference_says_that_the_word_may_stand_there() -> None:
    told = Options.model_json_schema()["properties"]
    assert type_text(told["margin"]) == 'number > 0 | "none"'
    assert type_text(told["floor"]) == 'integer | "none"'
    assert type_text(told["limit"]) == "integer"


HINGE = """
from labelloom import Component, Loss, Task
from labelloom.config import Config


class Hinge(Task):
    component = Component(kind="task", needs={"scores"}, trains="ranks")

    class Config(Config):
        margin: float | None = 1.0

    def forward(self, states, batch, targets):
        return Loss.over(states.scores, batch.countable)
"""


def test_a_resolved_spec_keeps_it(tmp_path) -> None:
    (tmp_path / "hinge.py").write_text(HINGE)
    tasks = [{"use": f"{tmp_path}/hinge.py:Hinge", "margin": "none"}]
    plan = check(validate_spec(changed({"tasks": tasks})), allow_local_code=True)
    text = spec_to_toml(resolved(plan))
    assert 'margin = "none"' in text
    again = check(validate_spec(tomllib.loads(text)), allow_local_code=True)
    assert again.stages[0].tasks[0].node.config.margin is None  # type: ignore[attr-defined]
    with pytest.raises(CompositionError, match=r"tasks\.0\.margin: must be a number, not 'nothing'"):
        check(validate_spec(changed({"tasks": [{**tasks[0], "margin": "nothing"}]})), allow_local_code=True)


def test_an_inherited_option_is_taken_away(tmp_path: Path) -> None:
    """By a child spec and by --set, and the resolved spec, which leaves it out, reads back the same."""
    (tmp_path / "parent.toml").write_text(spec_to_toml(validate_spec(changed({}))))
    child = {"extends": str(tmp_path / "parent.toml"), "model": {"encoder": {"max_length": 7, "vector_window": 3}}}
    with pytest.raises(CompositionError) as told:
        check(read_spec(child)[0])
    assert str(told.value) == (
        'model.encoder: vector_window would be ignored: only vectors = "skip-gram" or "cbow" are trained: '
        'remove vector_window, or say vector_window = "none" where the spec extends another'
    )
    plan = check(read_spec(child, ["model.encoder.vector_window=none"])[0])
    assert plan.model.encoder.config.vector_window is None  # type: ignore[attr-defined]
    text = spec_to_toml(resolved(plan))
    assert "vector_window" not in text
    assert check(validate_spec(tomllib.loads(text))).model.encoder.config == plan.model.encoder.config
