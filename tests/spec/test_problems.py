"""pydantic's errors in plain words: what was expected, what was found, what may be meant."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labelloom.config import Config
from labelloom.spec.problems import problems_of


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    whole: int = 1
    number: float = 1.0
    flag: bool = True
    text: str = ""
    filled: str = Field("a", min_length=1)
    long: str = Field("abcd", min_length=3, max_length=5)
    name: str = Field("a", pattern=r"^[a-z][a-z0-9_-]*$")
    code: str = Field("1", pattern=r"^\d+$")
    choice: Literal["linear", "cosine"] = "linear"
    more: float = Field(1, gt=0, lt=2)
    least: float = Field(1, ge=0.5, le=1e6)
    items: list[int] = Field([1], min_length=1, max_length=2)
    pair: tuple[float, float] = (0.0, 1.0)
    table: dict[str, float] = {}
    either: int | list[str] = 1
    rates: dict[str, Annotated[float, Field(gt=0)]] | None = None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"whole": "big"}, "at.whole: must be a whole number, not 'big'"),
        ({"whole": 2.5}, "at.whole: must be a whole number, not 2.5"),
        ({"whole": None}, "at.whole: must be a whole number, not nothing"),
        ({"number": "fast"}, "at.number: must be a number, not 'fast'"),
        ({"number": [1]}, "at.number: must be a number, not a list"),
        ({"number": float("inf")}, "at.number: must be a finite number, not inf"),
        ({"flag": "perhaps"}, "at.flag: must be true or false, not 'perhaps'"),
        ({"text": 3}, "at.text: must be text in quotes, not 3"),
        ({"text": True}, "at.text: must be text in quotes, not true"),
        ({"filled": ""}, "at.filled: must not be empty"),
        ({"long": "ab"}, "at.long: must have at least 3 characters, not 'ab'"),
        ({"long": "abcdef"}, "at.long: must have at most 5 characters, not 'abcdef'"),
        ({"name": "A b"}, "at.name: must be lower-case letters, digits, _ and -, a letter first, not 'A b'"),
        ({"code": "x"}, r"at.code: must match ^\d+$, not 'x'"),
        ({"choice": "step"}, "at.choice: must be 'linear' or 'cosine', not 'step'"),
        ({"choice": "Linaer"}, "at.choice: must be 'linear' or 'cosine', not 'Linaer'\n    try: \"linear\""),
        ({"more": 0}, "at.more: must be more than 0, not 0"),
        ({"more": 2}, "at.more: must be less than 2, not 2"),
        ({"least": 0.25}, "at.least: must be at least 0.5, not 0.25"),
        ({"least": 2e6}, "at.least: must be at most 1e+06, not 2000000.0"),
        ({"items": []}, "at.items: must have at least 1 item, not 0"),
        ({"items": [1, 2, 3]}, "at.items: must have at most 2 items, not 3"),
        ({"items": 3}, "at.items: must be a list, not 3"),
        ({"pair": "x"}, "at.pair: must be a list, not 'x'"),
        ({"table": []}, "at.table: must be a table, not a list\n    try: [at.table] with single brackets"),
        ({"table": {"x": "y"}}, "at.table.x: must be a number, not 'y'"),
        ({"either": "x"}, "at.either: must be a whole number or a list, not 'x'"),
        ({"rates": {"model.encoder": 0}}, "at.rates.model.encoder: must be more than 0, not 0"),
        ({"int": 0}, "at.int: unknown key 'int'"),
    ],
)
def test_each_kind_of_error(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Options.model_validate(given)
    (problem,) = problems_of(caught.value, Options, "at")
    assert str(problem).startswith(message)


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_options_of_components_are_finite(number: float) -> None:
    class Options(Config):
        gamma: float = 2.0

    with pytest.raises(ValidationError) as told:
        Options.model_validate({"gamma": number})

    assert [str(problem) for problem in problems_of(told.value, Options)] == [
        f"gamma: must be a finite number, not {number}"
    ]
