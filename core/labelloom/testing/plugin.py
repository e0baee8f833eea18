"""The pytest plugin: `pytest --labelloom-bundle mybundle` makes a test of every promise of a bundle.

Loaded in every pytest run where labelloom is installed, so it imports nothing of it before a bundle is named.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from labelloom.testing.outcome import Case


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option, and the setting of the same meaning."""
    group = parser.getgroup("labelloom")
    group.addoption(
        "--labelloom-bundle",
        action="append",
        default=[],
        metavar="BUNDLE",
        help="check that the components of this installed bundle keep the contract; may be given several times",
    )
    parser.addini("labelloom_bundles", "bundles whose components are checked, as by --labelloom-bundle", type="args")


def pytest_collection(session: pytest.Session) -> None:
    """Named bundles are looked for before anything runs."""
    session.config.stash[_BUNDLES] = list(
        dict.fromkeys([*session.config.getini("labelloom_bundles"), *session.config.getoption("--labelloom-bundle")])
    )


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Adds the bundles to what a session collects."""
    report = yield
    bundles = collector.config.stash.get(_BUNDLES, [])
    if isinstance(collector, pytest.Session) and bundles:
        collector.config.stash[_BUNDLES] = []
        report.result = [*report.result, *(Bundle.from_parent(collector, name=name) for name in bundles)]
    return report


_BUNDLES = pytest.StashKey[list[str]]()


class Bundle(pytest.Collector):
    """One bundle: an item for each of its cases."""

    def collect(self) -> Iterable[pytest.Item]:
        """Its cases. Raises BundleError when it is not installed."""
        from labelloom.testing import cases

        for case in cases(self.name):
            yield Promise.from_parent(self, name=str(case), case=case)


class Promise(pytest.Item):
    """One check of one component."""

    def __init__(self, *, case: Case, **options: Any) -> None:
        super().__init__(**options)
        self.case = case

    def runtest(self) -> None:
        """Make the check; what the kit skips is skipped with its reason."""
        from labelloom.testing import Skipped

        try:
            self.case.run()
        except Skipped as skipped:
            pytest.skip(skipped.reason)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The three lines of a failure, and the traceback of what a component raised."""
        from labelloom.testing import Failure

        error = excinfo.value
        if not isinstance(error, Failure):
            return super().repr_failure(excinfo, style)
        if error.__cause__ is None:
            return str(error)
        raised = super().repr_failure(pytest.ExceptionInfo.from_exception(error.__cause__), style)
        return f"{raised}\n\n{error}"

    def reportinfo(self) -> tuple[str, None, str]:
        """What a listing shows."""
        return self.case.bundle, None, str(self.case)
