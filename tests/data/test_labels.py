from __future__ import annotations

import pytest

from labelloom.data.labels import LabelSpace, close_codes
from labelloom.errors import DataError

SPACE = LabelSpace(("cs.CL", "cs.LG", "stat.ML"), ("Language", "Learning", "Statistics: Learning"))


def test_ids_are_places() -> None:
    assert len(SPACE) == 3
    assert [SPACE.index(code) for code in SPACE.codes] == [0, 1, 2]


def test_unknown_code_names_close_ones() -> None:
    with pytest.raises(DataError) as caught:
        SPACE.index("stat.LM")
    assert str(caught.value).startswith("no label has the code 'stat.LM'; there are 3\n    try: stat.ML")


def test_json_round_trip_keeps_order_and_names() -> None:
    space = LabelSpace(("ü", "b", "a"), ("Ü", "bee", "a"))
    assert LabelSpace.from_json(space.to_json()) == space
    assert '"ü"' in space.to_json()


def test_descriptions_go_with_the_codes_and_are_stored_where_there_are_any() -> None:
    assert SPACE.descriptions == ("", "", "")
    assert "descriptions" not in SPACE.to_json()
    told = LabelSpace(SPACE.codes, SPACE.names, ("words", "", "\u00fc"))
    assert LabelSpace.from_json(told.to_json()) == told
    assert told.digest == SPACE.digest
    with pytest.raises(DataError, match="one description a code, found 3 and 1"):
        LabelSpace(SPACE.codes, SPACE.names, ("words",))


def test_of_very_many_codes_those_with_the_same_beginning_are_looked_at() -> None:
    codes = [f"{letter}{number:05}" for letter in "abcdef" for number in range(5000)]
    assert close_codes("c04x21", codes)[0] in {"c04021", "c04121", "c04221", "c04921"}
    assert close_codes("zzzzzz", codes) == []


def test_digest_is_of_the_order_and_not_of_the_names() -> None:
    assert SPACE.digest == LabelSpace(SPACE.codes, SPACE.codes).digest
    assert SPACE.digest != LabelSpace(SPACE.codes[::-1], SPACE.names).digest
    assert LabelSpace(("ab", "c"), ("", "")).digest != LabelSpace(("a", "bc"), ("", "")).digest
    assert len(SPACE.digest) == 64


def test_a_code_twice_is_refused() -> None:
    with pytest.raises(DataError, match="names each code once, found 'a' 2 times"):
        LabelSpace(("a", "b", "a"), ("a", "b", "c"))


def test_codes_without_names_are_refused() -> None:
    with pytest.raises(DataError, match="one name a code, found 2 and 1"):
        LabelSpace(("a", "b"), ("a",))
