"""Trackers: TensorBoard for real, any other as Accelerate's `GeneralTracker`."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import accelerate.tracking
import pytest
from accelerate.tracking import GeneralTracker
from tensorboard.summary.writer import event_file_writer

import labelloom
from labelloom.errors import LabelloomError, TrainingError

from .small import Killed, KilledAfter, Said, assert_equal_runs, events_of, two_stages, validations_of

Scalars = dict[str, list[tuple[int, float]]]


def scalars(run: Path) -> Scalars:
    """What TensorBoard shows of a run: steps and values by tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(each.step, each.value) for each in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return labelloom.train(
        two_stages(corpus, checkpoint_every=2), output=tmp_path_factory.mktemp("whole"), trackers=["tensorboard"]
    ).path


def test_tensorboard_shows_losses_rates_and_validations(whole: Path) -> None:
    """The steps go on through the stages: three, then five."""
    found = scalars(whole)
    steps = [event for event in events_of(whole) if "loss" in event]
    assert [step for step, _ in found["first/loss"]] == [1, 2, 3]
    assert [step for step, _ in found["second/loss"]] == [4, 5, 6, 7, 8]
    losses = [value for tag in ("first/loss", "second/loss") for _, value in found[tag]]
    assert losses == pytest.approx([event["loss"] for event in steps], rel=1e-6)
    tasks = [value for tag in ("first/loss.mean", "second/loss.bce") for _, value in found[tag]]
    assert tasks == pytest.approx([value for event in steps for value in event["tasks"].values()], rel=1e-6)
    # Three steps, one of warm-up: 1, 1, 1/2 of the rate. Five steps, one of warm-up: 1, 1, 3/4, 1/2, 1/4.
    assert [value for _, value in found["first/learning_rate"]] == pytest.approx([0.02, 0.02, 0.01])
    assert [value for _, value in found["second/learning_rate"]] == pytest.approx([0.02, 0.02, 0.015, 0.01, 0.005])
    validations = validations_of(whole, "second")
    assert found["second/validation/micro_f1"] == [
        (3 + event["step"], pytest.approx(event["validation"]["micro_f1"])) for event in validations
    ]
    assert [step for step, _ in found["first/validation/loss.mean"]] == [3]
    metrics = json.loads((whole / "metrics.json").read_text())
    assert found["final/test/macro_f1"] == [(8, pytest.approx(metrics["test"]["macro_f1"]))]


def test_the_spec_is_shown_once(whole: Path) -> None:
    (file,) = (whole / "tensorboard").rglob("hparams.yml")
    told = file.read_text()
    assert "model.encoder.hidden: 8" in told
    assert "stages.1.training.steps: 5" in told
    assert "seed: 0" in told


@pytest.mark.parametrize("steps", [1, 5, 7])
def test_a_resumed_run_goes_on_in_the_same_log(
    steps: int, corpus: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the killed process logged after its last checkpoint is not shown twice; nobody names the tracker again."""
    # Files of one process and second are told apart by this number, and read in the order of their names.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    spec = two_stages(corpus, checkpoint_every=2)
    with pytest.raises(Killed):
        labelloom.train(spec, output=tmp_path, trackers=["tensorboard"], reporter=KilledAfter(steps))
    run = labelloom.resume(tmp_path / "small" / "0").path
    assert_equal_runs(run, whole)
    found, expected = scalars(run), scalars(whole)
    assert found.keys() == expected.keys()
    for tag, values in expected.items():
        assert found[tag] == values, tag
    assert len(list((run / "tensorboard").rglob("hparams.yml"))) == 1


class Remembers(GeneralTracker):
    """A tracker as somebody else might write it."""

    name = "remembers"
    requires_logging_directory = False

    def __init__(self) -> None:
        super().__init__()
        self.config: dict[str, Any] = {}
        self.logged: list[tuple[int | None, dict[str, Any]]] = []
        self.finished = 0

    @property
    def tracker(self) -> Remembers:
        return self

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.config = values

    def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
        self.logged.append((step, values))

    def finish(self) -> None:
        self.finished += 1


def test_any_tracker_of_accelerate_is_told_the_same(corpus: Path, tmp_path: Path) -> None:
    tracker = Remembers()
    run = labelloom.train(two_stages(corpus), output=tmp_path, trackers=[tracker])
    assert tracker.config["training.learning_rate"] == 0.02
    assert tracker.config["stages.0.tasks.0.use"] == "standard/bce"
    assert all(isinstance(value, str | int | float | bool) for value in tracker.config.values())
    assert [step for step, values in tracker.logged if "second/loss" in values] == [4, 5, 6, 7, 8]
    final = next(values for _, values in tracker.logged if "final/test/micro_f1" in values)
    assert final["final/test/micro_f1"] == run.scores["micro_f1"]
    assert tracker.finished == 1


class Fails(Remembers):
    """A service that is out of reach from one moment on."""

    name = "fails"

    def __init__(self, when: str) -> None:
        super().__init__()
        self.when = when

    def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
        if any(name.startswith(self.when) for name in values):
            raise ConnectionError("no network")

    def finish(self) -> None:
        super().finish()
        if self.when == "finish":
            raise TimeoutError


@pytest.mark.parametrize(
    ("when", "lines"),
    [
        (
            "final/",
            [
                "tracker fails failed when told of end (the results are written), and is told no more of this run: "
                "ConnectionError: no network"
            ],
        ),
        ("finish", ["tracker fails was not closed: TimeoutError"]),
    ],
)
def test_a_tracker_that_fails_at_the_end_costs_nothing(
    when: str, lines: list[str], corpus: Path, tmp_path: Path
) -> None:
    fails, other, said = Fails(when), Remembers(), Said()
    run = labelloom.train(two_stages(corpus), output=tmp_path, trackers=[fails, other], reporter=said)
    assert [line for line in said.lines if line.startswith("tracker")] == lines
    for name in ("metrics.json", "model.safetensors", "decision.json", "predictions.parquet"):
        assert (run.path / name).is_file()
    assert sum("final/test/micro_f1" in values for _, values in other.logged) == 1
    assert (fails.finished, other.finished) == (1, 1)


def test_trackers_are_closed_when_training_fails(corpus: Path, tmp_path: Path) -> None:
    tracker = Remembers()
    with pytest.raises(Killed):
        labelloom.train(two_stages(corpus), output=tmp_path, trackers=[tracker], reporter=KilledAfter(2))
    assert tracker.finished == 1


def test_a_service_that_cannot_be_reached_leaves_no_run_behind(corpus: Path, tmp_path: Path) -> None:
    class Offline(Remembers):
        def start(self) -> None:
            raise ConnectionError

    with pytest.raises(TrainingError) as error:
        labelloom.train(two_stages(corpus), output=tmp_path, trackers=[Offline()])
    assert str(error.value).splitlines() == [
        f"{tmp_path / 'small' / '0'}: the tracker remembers cannot begin: ConnectionError",
        "    try: train without it",
    ]
    run = tmp_path / "small" / "0"
    assert not (run / "spec.toml").exists()
    tracker = Remembers()
    assert labelloom.train(two_stages(corpus), output=tmp_path, trackers=[tracker]).path == run
    assert tracker.config


def test_wandb_goes_on_with_the_run_that_it_knows(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for Accelerate's W&B tracker: the project is the spec's name, the id outlives the process."""
    opened: list[dict[str, Any]] = []

    class Fake(Remembers):
        def __init__(self, project: str, **options: Any) -> None:
            super().__init__()
            opened.append({"project": project, **options})

    monkeypatch.setattr(accelerate.tracking, "WandBTracker", Fake)
    find = importlib.util.find_spec
    monkeypatch.setattr("labelloom_standard.trackers.find_spec", lambda name: find("json" if name == "wandb" else name))
    with pytest.raises(Killed):
        labelloom.train(two_stages(corpus), output=tmp_path, trackers=["wandb"], reporter=KilledAfter(2), seed=7)
    run = labelloom.resume(tmp_path / "small" / "7").path
    first, second = opened
    assert first == second
    assert first == {
        "project": "small",
        "name": "small/7",
        "id": json.loads((run / "trackers.json").read_text())["id"],
        "resume": "allow",
        "dir": str(run),
    }


def test_a_listener_that_is_gone_can_be_left_out_when_its_run_goes_on(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Killed):
        labelloom.train(two_stages(corpus), output=tmp_path, trackers=["tensorboard"], reporter=KilledAfter(2))
    monkeypatch.setattr("labelloom_standard.trackers.find_spec", lambda name: None)
    run = tmp_path / "small" / "0"
    with pytest.raises(TrainingError) as error:
        labelloom.resume(run)
    assert str(error.value).splitlines()[1:] == [
        '    try: pip install "labelloom[tensorboard]"',
        f"    try: take it out of {run / 'trackers.json'}, to go on without it",
    ]
    known = json.loads((run / "trackers.json").read_text())
    assert known["names"] == ["standard/tensorboard"]
    (run / "trackers.json").write_text(json.dumps({**known, "names": []}))
    assert labelloom.resume(run).path == run


def test_without_trackers_nothing_is_written(corpus: Path, tmp_path: Path) -> None:
    run = labelloom.train(two_stages(corpus), output=tmp_path).path
    assert not (run / "trackers.json").exists()
    assert not (run / "tensorboard").exists()


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "wandb",
            [
                "trackers: the listener standard/wandb needs a library that is not installed",
                '    try: pip install "labelloom[wandb]"',
            ],
        ),
        (
            "tensorbord",
            [
                "trackers: no installed listener is called 'tensorbord' (installed bundles: …)",
                "    try: standard/tensorboard",
            ],
        ),
    ],
)
def test_a_tracker_that_cannot_be_had_is_refused_before_the_data_loads(
    name: str, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelloom_standard.trackers.find_spec", lambda name: None)
    with pytest.raises(LabelloomError) as error:
        labelloom.train(two_stages(tmp_path / "nowhere"), output=tmp_path, trackers=[name])
    told = re.sub(r"bundles: [^)]*", "bundles: …", str(error.value))
    assert told.splitlines() == lines
    assert not (tmp_path / "small").exists()
