from __future__ import annotations

from collections.abc import Callable

from .cases import Case
from .conftest import Trained


def test_trains(case: Case, trained: Callable[[Case], Trained]) -> None:
    made = trained(case)
    print(made.run.scores)
