from __future__ import annotations

import pytest

from labelloom.wording import counted, with_article


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 labels"), (1, "1 label"), (2, "2 labels"), (12345, "12,345 labels")]
)
def test_counted(number: int, text: str) -> None:
    assert counted(number, "label") == text


def test_another_plural() -> None:
    assert [counted(number, "branch", "branches") for number in (1, 2)] == ["1 branch", "2 branches"]


@pytest.mark.parametrize(
    ("noun", "text"), [("encoder", "an encoder"), ("label_module", "a label module"), ("task", "a task")]
)
def test_with_article(noun: str, text: str) -> None:
    assert with_article(noun) == text
