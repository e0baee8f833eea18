"""Every spec of the bundle keeps what the contract promises."""

from __future__ import annotations

import pytest

from labelloom.testing import Case, Skipped, cases


@pytest.mark.parametrize("case", cases("mix"), ids=str)
def test_conformance(case: Case) -> None:
    try:
        case.run()
    except Skipped as skipped:
        pytest.skip(skipped.reason)
