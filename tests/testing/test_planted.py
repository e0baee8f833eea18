"""The conformance kit finds every planted mistake, each by the one check that is about it, and accuses nobody else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from labelloom import BundleError
from labelloom.testing import ConformanceError, Failure, Skipped, cases_of, check_bundle

from .planted.bundles import BUNDLE, WRONG_BUNDLES, WrongBundle, install
from .planted.records import Wrong, record_of
from .planted.table import CORRECT, WRONG

Install = Callable[[Mapping[str, str]], None]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh interpreter finds the planted modules where this one did."""
    top = Path(__file__).parents[__name__.count(".")]
    monkeypatch.syspath_prepend(str(top))


def failures(part: type) -> dict[str, Failure]:
    """The checks that a planted component fails, by name; each of the others passes, or says why it is skipped."""
    failed: dict[str, Failure] = {}
    reasons: list[str] = []
    for case in cases_of(record_of(part)):
        try:
            case.run()
        except Failure as failure:
            failed[case.check] = failure
        except Skipped as skipped:
            reasons.append(skipped.reason)
    assert all(reasons)
    return failed


@pytest.mark.parametrize("part", CORRECT, ids=lambda part: part.__name__)
def test_who_keeps_all_promises_passes_every_check(part: type) -> None:
    assert failures(part) == {}


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_mistake_fails_the_one_check_that_is_about_it(wrong: Wrong) -> None:
    found = failures(wrong.part)
    assert list(found) == [wrong.check], "\n".join(f"{check}\n{failure}" for check, failure in found.items())
    failure = found[wrong.check]
    print(failure)
    assert all([failure.promised, failure.happened, failure.cause])
    assert wrong.told in str(failure)


def test_every_check_has_a_mistake_that_it_catches() -> None:
    checks = {case.check for part in CORRECT for case in cases_of(record_of(part))}
    assert {wrong.check for wrong in WRONG} == checks


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs the bundle `grown` for one test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield lambda files: install(tmp_path, files)
    for name in [name for name in sys.modules if name.partition(".")[0] == "labelloom_grown"]:
        del sys.modules[name]


def test_a_whole_bundle_that_keeps_all_promises_passes(installed: Install) -> None:
    installed(BUNDLE)
    report = check_bundle("grown")
    assert {case.component for case in report.passed} == {"bundle", "scaled"}
    assert all(reason for _, reason in report.skipped)


@pytest.mark.parametrize("wrong", [bundle for bundle in WRONG_BUNDLES if bundle.case], ids=str)
def test_a_mistake_in_a_bundle_fails_its_one_case(wrong: WrongBundle, installed: Install) -> None:
    installed(wrong.files)
    with pytest.raises(ConformanceError) as told:
        check_bundle("grown")
    print(told.value)
    assert [str(case) for case, _ in told.value.failures] == [f"grown/{wrong.case}"]
    assert wrong.told in str(told.value)


@pytest.mark.parametrize("wrong", [bundle for bundle in WRONG_BUNDLES if not bundle.case], ids=str)
def test_a_bundle_that_cannot_be_loaded_is_refused(wrong: WrongBundle, installed: Install) -> None:
    installed(wrong.files)
    with pytest.raises(BundleError) as told:
        check_bundle("grown")
    print(told.value)
    assert wrong.told in str(told.value)


def test_a_bundle_that_is_not_installed_is_refused() -> None:
    with pytest.raises(BundleError) as told:
        check_bundle("grown")
    print(told.value)
    assert "grown" in str(told.value)
