"""Metrics of bundles in training: they choose checkpoints, and stand in the run's scores where the spec names them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import labelloom
from labelloom.errors import BundleError, LabelloomError

from .small import spec_on, validations_of

HOOKS = """
from labelloom import ExtraMetric, hookimpl

@hookimpl
def labelloom_metrics():
    return [
        ExtraMetric(name="desk/answers", target="labelloom_desk.measuring:answers", higher_is_better=False),
        ExtraMetric(name="desk/late", target="labelloom_desk.measuring:late"),
        ExtraMetric(name="desk/hits", target="labelloom_desk.measuring:hits", needs={"ranking"}, at_k=True),
    ]
"""
CODE = """
from pathlib import Path

def answers(outcome):
    return outcome.mean(outcome.predicted.counts)

def late(outcome):
    if (Path(__file__).parent / "mended").exists():
        return 1
    raise RuntimeError("not yet")

def hits(outcome, k):
    return outcome.mean_of_labelled(outcome.facts.found(k))
"""


@pytest.fixture(autouse=True, scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The bundle `desk`, as if it were installed."""
    site = tmp_path_factory.mktemp("desk")
    (site / "labelloom_desk").mkdir()
    for name, text in (("__init__.py", ""), ("hooks.py", HOOKS), ("measuring.py", CODE)):
        (site / "labelloom_desk" / name).write_text(text)
    (site / "labelloom_desk-1.0.dist-info").mkdir()
    entry = "[labelloom.bundles]\ndesk = labelloom_desk.hooks\n"
    (site / "labelloom_desk-1.0.dist-info" / "entry_points.txt").write_text(entry)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        yield site / "labelloom_desk"


def test_a_spec_names_metrics_that_its_run_is_scored_by(corpus: Path, tmp_path: Path) -> None:
    spec = spec_on(corpus, metrics=["desk/answers", "desk/hits@3"], training={"epochs": 1})
    run = labelloom.train(spec, output=tmp_path)
    metrics = json.loads((run.path / "metrics.json").read_text())
    for scores in (metrics["validation"], metrics["test"], metrics["test_at_0.5"]):
        assert scores["desk/hits@3"] == pytest.approx(3 * scores["precision@3"])
        assert "desk/answers" in scores
    classifier = labelloom.load(run.path)
    counts = classifier.predictions(labelloom.load_corpus(classifier.data).splits["test"]).predicted.counts
    assert metrics["test"]["desk/answers"] == pytest.approx(counts.mean())
    assert "desk/answers" not in validations_of(run.path)[0]["validation"]


def test_one_that_fails_at_the_end_loses_nothing(corpus: Path, desk: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError) as error:
        labelloom.train(spec_on(corpus, metrics=["desk/late"], training={"epochs": 1}), output=tmp_path)
    run = tmp_path / "small" / "0"
    assert str(error.value).splitlines() == [
        "metric desk/late (labelloom-desk 1.0): labelloom_desk.measuring:late raised RuntimeError: not yet",
        f"    try: mend it, then labelloom train --resume {run}: nothing is lost",
    ]
    (desk / "mended").touch()
    assert labelloom.resume(run).scores["desk/late"] == 1.0


@pytest.mark.parametrize(("key", "upward"), [("desk/answers", False), ("desk/hits@2", True)])
def test_it_chooses_the_best_checkpoint(key: str, upward: bool, corpus: Path, tmp_path: Path) -> None:
    run = labelloom.train(spec_on(corpus, training={"metric": key, "epochs": 3}), output=tmp_path)
    validations = validations_of(run.path)
    values = [event["validation"][key] for event in validations]
    best = (max if upward else min)(values)
    assert values[max(place for place, event in enumerate(validations) if event["better"])] == best
    assert "precision@2" not in validations[0]["validation"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"training": {"metric": "desk/anwsers"}},
            "training.metric: no installed metric is called 'desk/anwsers'",
        ),
        (
            {"training": {"metric": "desk/hits"}},
            "training.metric: desk/hits is measured at a whole number from 1\n    try: desk/hits@5",
        ),
        ({"metrics": ["desk/hits"]}, "metrics.0: desk/hits is measured at a whole number from 1"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_the_data_loads(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(LabelloomError) as error:
        labelloom.train(spec_on(tmp_path / "nowhere", **changes), output=tmp_path)
    assert str(error.value).startswith(message)
