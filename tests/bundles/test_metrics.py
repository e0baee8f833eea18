"""Metrics that bundles bring: how they are named and measured, and what a wrong one does to others."""

from __future__ import annotations

import numpy as np
import pytest

from labelloom.cli.extras import refuse_unmeasured
from labelloom.components import API
from labelloom.compose.checked import read_checked
from labelloom.data.label_sets import LabelSets
from labelloom.errors import BundleError, LabelloomError, SpecError, UnknownNameError
from labelloom.evaluation.bootstrap import bootstrapped, resamples
from labelloom.evaluation.metrics import computable, evaluate, find_metric, find_metrics, lacking
from labelloom.evaluation.outcome import Outcome
from labelloom.evaluation.ranking import Ranking
from labelloom.evaluation.summary import table
from labelloom.metrics import ExtraMetric

HOOK = "from labelloom import ExtraMetric\n\n@hookimpl\ndef labelloom_metrics():\n    return "
CODE = """
import numpy as np

from labelloom.errors import DataError


def answers(outcome):
    "Mean number of answers."
    return outcome.mean(outcome.predicted.counts)


def hit_rate(outcome, k):
    return outcome.mean_of_labelled(outcome.facts.found(k) > 0)


def highest(outcome):
    return outcome.ranking.scores.max()


def text(outcome):
    return "much"


def truth(outcome):
    return True


def undefined(outcome):
    return np.float64(0) / np.float64("inf") * np.float64("nan")


def failing(outcome):
    return {}["answers"]


def leaving(outcome):
    raise SystemExit(3)


def refusing(outcome):
    raise DataError("there is nothing to measure", where="here")


number = 3
"""


def record(name: str = "office/answers", function: str = "", **changes: object) -> str:
    """The source of a record."""
    function = function or name.partition("/")[2].replace("-", "_")
    fields = {"name": name, "target": f"bundle_office.measuring:{function}", "summary": "Counts answers", **changes}
    return f"ExtraMetric({', '.join(f'{key}={value!r}' for key, value in fields.items())})"


@pytest.fixture
def office(site):
    """Installs the bundle `office` with these records."""

    def install(*records: str) -> None:
        site.hooks("office", f"{HOOK}[{', '.join(records)}]")
        site.package("bundle_office", {"measuring.py": CODE})

    return install


TRUTH = LabelSets.from_lists([[0], [1, 2], [], [3]], 4)
PREDICTED = LabelSets.from_lists([[0, 1], [1], [2], []], 4)
SCORES = np.array([[0.9, 0.8, 0.1, 0.2], [0.7, 0.6, 0.5, 0.1], [0.4, 0.3, 0.2, 0.1], [0.4, 0.3, 0.2, 0.1]])


def outcome(depth: int | None = None, **options: object) -> Outcome:
    return Outcome(TRUTH, PREDICTED, Ranking.from_dense(SCORES, depth), **options)


def test_a_metric_is_measured_beside_the_core_s(office):
    office(record(), record("office/hit-rate", needs={"ranking"}, at_k=True))
    extra = find_metrics(["office/answers", "office/hit-rate@2"])
    scores = evaluate(TRUTH, PREDICTED, Ranking.from_dense(SCORES), extra=extra)
    assert scores["office/answers"] == 1.0
    assert scores["office/hit-rate@2"] == pytest.approx(2 / 3)
    assert list(scores)[-3:] == ["office/answers", "office/hit-rate@2", "documents_without_labels"]
    assert ("office/hit-rate@2", "0.6667") in table(scores)
    assert "office/answers" not in evaluate(TRUTH, PREDICTED)


def test_its_record_says_which_way_is_better(office):
    office(record(higher_is_better=False))
    assert not find_metric("office/answers").higher_is_better


def test_it_is_bootstrapped(office):
    office(record())
    extra = find_metrics(["office/answers"])
    values = bootstrapped(outcome(), 20, 3, extra=extra)["office/answers"]
    counts = np.array([2, 1, 1, 0])
    assert values == pytest.approx([weights @ counts / 4 for weights in resamples(4, 20, 3)])
    assert len(set(values)) > 1


@pytest.mark.parametrize(
    ("needs", "there", "missing"),
    [
        (set(), {"depth": 2}, []),
        ({"ranking"}, {"depth": 2}, []),
        ({"complete ranking"}, {"depth": 2}, ["complete ranking"]),
        ({"complete ranking"}, {}, []),
        ({"probabilities"}, {}, ["probabilities"]),
        ({"probabilities"}, {"probabilities": True}, []),
        ({"propensities"}, {}, ["propensities"]),
        ({"propensities"}, {"propensities": np.full(4, 0.5)}, []),
        ({"label scores"}, {}, ["label scores"]),
    ],
)
def test_what_it_needs_decides_whether_it_is_measured(office, needs, there, missing):
    office(record(needs=needs))
    extra, given = find_metrics(["office/answers"]), outcome(**there)
    assert lacking(extra["office/answers"], given) == missing
    assert ("office/answers" in computable(given, extra=extra)) == (not missing)


def test_at_a_number_it_needs_as_many_labels_of_each_document(office):
    office(
        record("office/hit-rate", needs={"ranking"}, at_k=True),
        record("office/found", "hit_rate", needs={"label scores"}, at_k=True),
    )
    extra = find_metrics(["office/hit-rate@2", "office/hit-rate@3", "office/hit-rate@9", "office/found@9"])
    cut = outcome(depth=2)
    assert lacking(extra["office/hit-rate@2"], cut) == []
    assert lacking(extra["office/hit-rate@3"], cut) == [
        "the best 3 labels of each document (the ranking keeps the best 2 of 4 labels)"
    ]
    # A run that names it is scored without it, and of a ranking of every label there are no more.
    assert [key for key in computable(cut, (1,), extra) if key.startswith("office/")] == ["office/hit-rate@2"]
    assert lacking(extra["office/hit-rate@9"], outcome()) == []
    # There the number is one of documents.
    assert lacking(extra["office/found@9"], cut) == ["label scores"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "office/hit-rate@3",
            "--metric: office/hit-rate@3 needs what this run and these documents do not have: the best 3 labels of "
            "each document (the ranking keeps the best 2 of 4 labels)\n    try: office/hit-rate@2",
        ),
        (
            "office/sure@3",
            "--metric: office/sure@3 needs what this run and these documents do not have: probabilities, the best 3 "
            "labels of each document (the ranking keeps the best 2 of 4 labels)\n    try: --calibration platt\n"
            "    try: office/sure@2",
        ),
    ],
)
def test_one_that_is_asked_for_beyond_the_ranking_is_refused_and_blames_no_bundle(office, key, message):
    office(
        record("office/hit-rate", needs={"ranking"}, at_k=True),
        record("office/sure", "hit_rate", needs={"probabilities"}, at_k=True),
    )
    with pytest.raises(SpecError) as caught:
        refuse_unmeasured([key], find_metrics([key]), outcome(depth=2))
    assert str(caught.value) == message
    short = key.replace("@3", "@2")
    refuse_unmeasured([short], find_metrics([short]), outcome(depth=2, probabilities=True))


def test_what_is_about_scores_needs_a_ranking(office):
    office(record("office/highest", needs={"probabilities"}))
    extra = find_metrics(["office/highest"])
    assert lacking(extra["office/highest"], Outcome(TRUTH, PREDICTED, probabilities=True)) == ["ranking"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "office/hit-rate",
            "metrics.0: office/hit-rate is measured at a whole number from 1\n    try: office/hit-rate@5",
        ),
        ("office/hit-rate@0", "metrics.0: office/hit-rate is measured at a whole number from 1\n    try: office/hit"),
        ("office/hit-rate@x", "metrics.0: office/hit-rate is measured at a whole number from 1\n    try: office/hit"),
        ("office/answers@5", "metrics.0: office/answers is not measured at a number\n    try: office/answers"),
    ],
)
def test_whether_it_takes_a_number(office, key, message):
    office(record(), record("office/hit-rate", at_k=True))
    with pytest.raises(SpecError) as caught:
        find_metrics([key])
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text", "answered 'much', not a number"),
        ("truth", "answered True, not a number"),
        ("undefined", "answered nan; a metric that nothing defines is 0"),
        ("failing", "raised KeyError: 'answers'"),
        ("leaving", "raised SystemExit: 3"),
        ("number", "bundle_office.measuring:number is no function"),
        ("nothing", "the module 'bundle_office.measuring' has no 'nothing'"),
    ],
)
def test_code_that_is_no_metric(office, name, message):
    office(record(f"office/{name}"))
    with pytest.raises(BundleError) as caught:
        find_metric(f"office/{name}").compute(outcome())
    assert str(caught.value).startswith(f"metric office/{name} (labelloom-office 1.0): ")
    assert message in str(caught.value)


def test_what_it_refuses_itself_is_told_as_it_is(office):
    office(record("office/refusing"))
    with pytest.raises(LabelloomError) as caught:
        find_metric("office/refusing").compute(outcome())
    assert str(caught.value) == "here: there is nothing to measure"


BROKEN = {
    "another bundle's name": (record("other/answers"), "'other/answers' must start with 'office/', the bundle's own"),
    "no full name": (record("answers"), "the name 'answers' is not bundle/metric in lower case\n    try: \"mybundle/c"),
    "no function": (record(target="measuring"), "target 'measuring' is not module:function"),
    "another contract": (record(api=API + 1), f"office/answers is written for API {API + 1}; this labelloom has API"),
    "one name twice": (f"{record()}, {record()}", "names 'office/answers' twice"),
    "no record": ("'answers'", "labelloom_metrics returned 'answers', not an ExtraMetric"),
    "needs that are a string": (record(needs="ranking"), 'needs is a string\n    try: needs={"ranking"}'),
    "a need that there is not": (record(needs={"rankings"}), "'rankings' in needs is not one of ranking, complete"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_records_that_are_wrong(office, site, what):
    code, message = BROKEN[what]
    office(code)
    site.hooks("good", f"{HOOK}[ExtraMetric(name='good/answers', target='bundle_good.parts:Part')]")
    with pytest.raises(BundleError) as caught:
        site.catalogue.record(ExtraMetric, "office/answers")
    assert str(caught.value).startswith("bundle office (labelloom-office 1.0)")
    assert message in str(caught.value)
    assert [each.name for each in site.catalogue.records(ExtraMetric)] == ["good/answers"]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("office/anwsers", "office/answers"),
        ("offce/answers", "office/answers"),
        ("laco/conditional-kl", "pip install labelloom-laco"),
        ("elsewhere/quite-other", "labelloom list metrics"),
    ],
)
def test_a_misspelt_metric_names_close_ones(office, site, name, suggestion):
    office(record())
    with pytest.raises(UnknownNameError) as caught:
        site.catalogue.record(ExtraMetric, name, "training.metric")
    (problem,) = caught.value.problems
    assert problem.where == "training.metric"
    assert problem.message == f"no installed metric is called {name!r} (installed bundles: office)"
    assert problem.suggestions[0] == suggestion


SPEC = {
    "name": "small",
    "data": {"source": "arxiv-mini"},
    "model": {"encoder": {"use": "standard/bilstm"}, "predictor": {"use": "standard/linear"}},
    "tasks": [{"use": "standard/bce"}],
}


def test_a_spec_names_metrics_of_bundles_alone(office):
    office(record())
    assert read_checked({**SPEC, "metrics": ["office/answers"]}).spec.metrics == ["office/answers"]
    for metrics, message in (
        (["office/anwsers"], "metrics.0: no installed metric is called 'office/anwsers'"),
        (["micro_f1"], "metrics: micro_f1 is no metric of a bundle; the core's own are measured always"),
        (["office/answers"] * 2, "metrics: names one twice: office/answers, office/answers"),
    ):
        with pytest.raises(LabelloomError) as caught:
            read_checked({**SPEC, "metrics": metrics})
        assert str(caught.value).startswith(message)
