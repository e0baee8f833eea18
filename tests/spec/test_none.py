"""Options that may be None: how TOML, which has no null, says so, and that it comes back."""

from __future__ import annotations

import tomllib
from typing import Literal

import pytest
from pydantic import Field

from labelloom.compose.check import check
from labelloom.compose.resolved import resolved
from labelloom.config import Config, none_words, written_out
from labelloom.errors import CompositionError
from labelloom.spec import spec_to_toml, validate_spec
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


def test_only_what_is_something_else_by_default_needs_the_word() -> None:
    assert none_words(Options) == {"margin", "name", "floor"}


def test_the_word_is_none_where_it_must_be() -> None:
    options = Options.model_validate(
        {"margin": "none", "name": "none", "floor": "none", "mode": "none", "word": "none"}
    )
    assert (options.margin, options.name, options.floor) == (None, None, None)
    assert (options.mode, options.word) == ("none", "none")
    with pytest.raises(ValueError, match="valid integer"):
        Options.model_validate({"floor": 1, "limit": "none"})


@pytest.mark.parametrize(
    "given", [{"floor": None}, {"margin": None, "name": None, "floor": 2}, {"floor": 1, "width": 4}]
)
def test_what_is_written_out_reads_the_same(given: dict[str, object]) -> None:
    options = Options.model_validate(given)
    written = {name: value for name, value in written_out(options).items() if value is not None}
    assert Options.model_validate(written) == options


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
