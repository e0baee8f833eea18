"""The conformance kit: how cases are run, what is reported, with which options components are looked at."""

from __future__ import annotations

import pytest

from labelloom import Component
from labelloom.bundles import UnknownNameError
from labelloom.testing import Case, ConformanceError, Failure, Report, Skipped, cases, cases_of, check_bundle
from labelloom.testing.checks import CHECKS
from labelloom.testing.options import options_in
from labelloom.testing.workshop import With, Workshop
from labelloom.testing.worlds import worlds_of

from .planted.bundles import BUNDLE, install

FAILURE = Failure("scores are finite", "3 of 8 are NaN", "0 / 0")


def test_a_failure_says_what_was_promised_what_happened_and_what_usually_causes_it() -> None:
    assert str(FAILURE) == "promised: scores are finite\nhappened: 3 of 8 are NaN\nusually:  0 / 0"


def test_a_report_names_each_skip_with_its_reason_and_counts() -> None:
    one, two = (Case("acme", "part", check, lambda: None) for check in ("padding", "rank"))
    report = Report((one,), ((two, "predictions draw nothing"),), ())
    assert str(report) == "acme/part::rank: skipped, predictions draw nothing\n1 passed, 1 skipped, 0 failed"


def test_an_error_lists_every_failure() -> None:
    failed = [(Case("acme", "part", check, lambda: None), FAILURE) for check in ("shapes", "names")]
    text = str(ConformanceError(failed))
    assert text.startswith("2 promises of the contract not kept\n\nacme/part::shapes\n    promised: scores are finite")
    assert "acme/part::names" in text
    assert str(ConformanceError(failed[:1])).startswith("1 promise of the contract not kept")


def test_an_error_has_the_traceback_of_what_a_component_raised() -> None:
    failure = Failure("scores are finite", "ZeroDivisionError: division by zero", "its traceback is above")
    try:
        print(1 / (len("") + 0))
    except ZeroDivisionError as error:
        failure.__cause__ = error
    text = str(ConformanceError([(Case("acme", "part", "shapes", lambda: None), failure)]))
    assert "test_kit.py" in text
    assert text.index("print(1 / (len") < text.index("promised: scores are finite")


def test_a_whole_bundle_is_checked_and_skips_are_printed(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path_factory.mktemp("site")
    install(folder, BUNDLE)
    monkeypatch.syspath_prepend(str(folder))
    report = check_bundle("grown")
    names = [str(case) for case in report.passed]
    assert names[:3] == ["grown/bundle::light", "grown/bundle::specs", "grown/scaled::builds"]
    assert report.failed == ()
    told = capsys.readouterr().out
    assert told.splitlines()[-1] == f"{len(report.passed)} passed, {len(report.skipped)} skipped, 0 failed"
    assert all(reason and f"{case}: skipped, {reason}" in told for case, reason in report.skipped)


def test_a_bundle_that_is_not_installed_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="'clmill'"):
        cases("clmill")


def test_what_rests_on_a_failing_check_is_skipped_and_says_so() -> None:
    record = Component(kind="predictor", name="acme/gone", target="labelloom_acme.gone:Gone", gives={"scores"})
    ends: dict[str, Exception] = {}
    for case in cases_of(record):
        try:
            case.run()
        except (Failure, Skipped) as ended:
            ends[case.check] = ended
    assert isinstance(ends["builds"], Failure)
    assert "labelloom_acme" in str(ends["builds"])
    rests = {check: str(ended) for check, ended in ends.items() if check not in ("builds", "light")}
    assert set(rests.values()) == {"it rests on the check 'builds', which fails: mend that first"}
    assert rests.keys() == CHECKS["predictor"].keys() - {"builds"}


def test_a_case_ends_the_same_whenever_it_is_run() -> None:
    record = Component(kind="predictor", name="acme/gone", target="labelloom_acme.gone:Gone", gives={"scores"})
    case = next(case for case in cases_of(record) if case.check == "builds")
    told = []
    for _ in range(2):
        with pytest.raises(Failure) as failed:
            case.run()
        told.append(str(failed.value))
    assert told[0] == told[1]


def test_checks_rest_on_checks_of_their_kind() -> None:
    for checks in CHECKS.values():
        names = list(checks)
        for place, name in enumerate(names):
            assert set(checks[name].after) <= set(names[:place]), name


# Options.


@pytest.fixture(scope="module")
def workshop() -> Workshop:
    return Workshop(With())


def test_a_pretrained_model_is_replaced_in_held_parts_too(workshop: Workshop) -> None:
    node = workshop.node(workshop.catalogue.component("maacf/multi-aspect"))
    pretrained = [below.config.pretrained for below in node.walk() if hasattr(below.config, "pretrained")]
    assert set(pretrained) <= {str(workshop.folder / "bert")}
    assert all(not getattr(below.config, "sha256", None) for below in node.walk())


def test_options_that_hold_parts_are_filled_where_no_spec_does(workshop: Workshop) -> None:
    node = workshop.node(workshop.catalogue.component("standard/chain"))
    assert {below.component.bundle for below in node.walk()} == {"standard"}
    assert [below.component.kind for below in node.held.values()] == ["encoder", "label_module"]


def test_an_authors_example_goes_before_defaults() -> None:
    own = Workshop(With(), {"standard/bilstm": {"hidden": 3}})
    assert own.node(own.catalogue.component("standard/bilstm")).config.hidden == 3  # type: ignore[attr-defined]


def test_a_pretrained_model_that_an_example_names_is_taken() -> None:
    own = Workshop(With(), {"standard/transformer": {"pretrained": "vectors.txt", "sha256": "0"}})
    (options,) = own.finder.of(own.catalogue.component("standard/transformer"))
    assert options == {"pretrained": "vectors.txt", "sha256": "0"}


def test_keys_of_the_spec_are_no_options_but_of_tasks_alone(workshop: Workshop) -> None:
    table = {"use": "any", "weight": 2.0, "hidden": 3}
    assert options_in(table, workshop.catalogue.component("standard/bce")) == {"hidden": 3}
    assert options_in(table, workshop.catalogue.component("standard/bilstm")) == {"weight": 2.0, "hidden": 3}


def test_what_cannot_be_made_up_comes_from_the_component_that_gives_it(workshop: Workshop) -> None:
    (world,) = worlds_of(workshop, workshop.catalogue.component("maacf/ncf"))
    assert [node.component.name for node in world.suppliers] == ["maacf/co-attention"]
    assert world.made_up == {"aspects", "label_table", "labels"}
    ranking = worlds_of(workshop, workshop.catalogue.component("lwpt/label-wise-ranking"))
    assert [node.component.name for node in ranking[0].samplers] == ["lwpt/candidates"]


def test_alternatives_and_optional_needs_make_two_worlds(workshop: Workshop) -> None:
    worlds = worlds_of(workshop, workshop.catalogue.component("laco/cross-attention"))
    assert [world.chosen for world in worlds] == [{"tokens", "labels"}, {"tokens", "label_table"}]
    told = worlds_of(workshop, workshop.catalogue.component("lmmtc/label-mask-encoder"))
    assert [world.chosen for world in told] == [set(), {"given"}]


def test_each_of_three_alternatives_has_a_world(workshop: Workshop) -> None:
    record = Component(
        kind="predictor",
        name="acme/any",
        target="labelloom_acme.any:Any",
        needs={"labels | aspects | document", "tokens?"},
        gives={"scores"},
    )
    worlds = worlds_of(Workshop(With([record])), record)
    assert [world.chosen for world in worlds] == [{"labels"}, {"aspects"}, {"document", "tokens"}]


def test_a_need_that_nothing_gives_is_a_reason_to_skip(workshop: Workshop) -> None:
    record = Component(
        kind="predictor", name="acme/odd", target="labelloom_acme.odd:Odd", needs={"acme.view"}, gives={"scores"}
    )
    with pytest.raises(Skipped, match=r"nothing that is installed gives acme\.view"):
        worlds_of(Workshop(With([record])), record)
