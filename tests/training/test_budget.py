"""A time budget, by a clock that the tests move."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import labelloom
from labelloom.errors import SpecError
from labelloom.spec import TrainingSettings, validate_spec
from labelloom.training import budget as budget_module
from labelloom.training import loop
from labelloom.training import train as train_module
from labelloom.training.budget import Budget, Clock
from labelloom.training.checkpoints import Checkpoints
from labelloom.training.processes import make_accelerator

from .small import Killed, Said, events_of, spec_on, two_stages, write_corpus


class Time:
    """Stands for the module `time`."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    """Time stands still, but a step takes one second, a validation, in training or at the end, three, a checkpoint half
    a second."""
    time = Time()
    step, rank, save = loop.gradients, loop.rank_shared, Checkpoints.save

    def slow_step(*arguments: Any) -> Any:
        time.now += 1
        return step(*arguments)

    def slow_rank(*arguments: Any) -> Any:
        time.now += 3
        return rank(*arguments)

    def slow_save(*arguments: Any) -> None:
        time.now += 0.5
        save(*arguments)

    for module in (budget_module, loop, train_module):
        monkeypatch.setattr(module, "time", time)
    monkeypatch.setattr(loop, "gradients", slow_step)
    monkeypatch.setattr(loop, "rank_shared", slow_rank)
    monkeypatch.setattr(train_module, "rank_shared", slow_rank)
    monkeypatch.setattr(Checkpoints, "save", slow_save)
    return time


class Rates(Said):
    """Remembers what the rates are multiplied by in each step, and what it was told to expect."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.factors: list[float] = []
        self.expected: list[int] = []
        set_rates = loop.set_rates

        def recorded(optimiser: Any, factor: float) -> None:
            self.factors.append(factor)
            set_rates(optimiser, factor)

        monkeypatch.setattr(loop, "set_rates", recorded)

    def expect(self, steps: int) -> None:
        self.expected.append(steps)


def test_training_ends_in_time_with_its_schedule_finished(
    clock: Time, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = Rates(monkeypatch)
    training = {"epochs": 1000, "time_budget": "60s", "warmup": 0.1, "evaluate_every": 10}
    run = labelloom.train(spec_on(corpus, training=training), output=tmp_path, reporter=rates)
    # 60 = steps + 3.5 * validations + 0.5 for the checkpoint at the end + 6 for the scoring of two splits.
    assert 50 <= clock.now <= 60
    steps = len(rates.factors)
    assert 35 <= steps <= 42
    peak = rates.factors.index(max(rates.factors))
    assert rates.factors[: peak + 1] == sorted(rates.factors[: peak + 1])
    assert rates.factors[peak:] == sorted(rates.factors[peak:], reverse=True)
    assert max(rates.factors) > 0.9
    assert rates.factors[-1] < 0.1
    assert rates.expected[-1] == pytest.approx(steps, abs=2)
    assert run.metrics["steps"] == {"main": steps}
    assert run.metrics["seconds"] == clock.now
    assert f"main: the time budget ended it after {steps} of 3,000 planned steps" in rates.lines
    last = events_of(run.path)[-1]
    assert (last["step"], "validation" in last) == (steps, True)


def test_an_exponential_decay_goes_by_the_steps_that_were_taken(
    clock: Time, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock the run would be through hundreds of its planned epochs after a few steps."""
    rates = Rates(monkeypatch)
    decay = {"decay": "exponential", "decay_factor": 0.5, "warmup": 0.0}
    training = {"epochs": 1000, "time_budget": "60s", "evaluate_every": 10, **decay}
    labelloom.train(spec_on(corpus, training=training), output=tmp_path, reporter=rates)
    assert len(rates.factors) > 30
    assert rates.factors == [0.5 ** (step // 3) for step in range(len(rates.factors))]


def test_planned_steps_are_an_upper_bound(clock: Time, corpus: Path, tmp_path: Path) -> None:
    said = Said()
    spec = spec_on(corpus, training={"steps": 5, "time_budget": "1h"})
    run = labelloom.train(spec, output=tmp_path / "timed", reporter=said)
    assert run.metrics["steps"] == {"main": 5}
    assert not any("time budget" in line for line in said.lines)
    free = labelloom.train(spec_on(corpus, training={"steps": 5}), output=tmp_path / "free")
    assert said.losses == [event["loss"] for event in events_of(free.path) if "loss" in event]


def test_stages_share_the_time_by_their_planned_steps(clock: Time, corpus: Path, tmp_path: Path) -> None:
    spec = two_stages(corpus, time_budget="100s")
    spec["stages"][0]["training"] |= {"steps": 1000, "evaluate_every": 20, "metric": "micro_f1"}
    spec["stages"][1]["training"] |= {"steps": 3000, "evaluate_every": 1000}
    run = labelloom.train(spec, output=tmp_path)
    # 100 s, less 6 for scoring and 0.5 for the model: a quarter and three quarters of it, each less 4 for the
    # validation at its end and two checkpoints.
    assert run.metrics["steps"]["first"] == pytest.approx(93.5 / 4 - 4, abs=2)
    assert run.metrics["steps"]["second"] == pytest.approx(93.5 * 3 / 4 - 4, abs=3)
    assert 94 <= clock.now <= 100


def test_however_little_time_there_is_every_stage_takes_a_step(clock: Time, corpus: Path, tmp_path: Path) -> None:
    run = labelloom.train(two_stages(corpus, time_budget="1s"), output=tmp_path)
    assert run.metrics["steps"] == {"first": 1, "second": 1}


class KilledAt(Said):
    """Ends training once the clock shows so much."""

    def __init__(self, clock: Time, at: float) -> None:
        super().__init__()
        self.clock, self.at = clock, at

    def validated(self, step: int, scores: Mapping[str, float], better: bool) -> None:
        if self.clock.now >= self.at:
            raise Killed


def test_the_time_before_an_interruption_counts(clock: Time, corpus: Path, tmp_path: Path) -> None:
    training = {"epochs": 1000, "time_budget": "60s", "evaluate_every": 5}
    with pytest.raises(Killed):
        labelloom.train(spec_on(corpus, training=training), output=tmp_path, reporter=KilledAt(clock, 40))
    run = tmp_path / "small" / "0"
    (checkpoint,) = [entry for entry in (run / "checkpoints").iterdir() if entry.is_dir()]
    done = int(checkpoint.name.partition("-")[2])
    assert 0 < done < 30
    clock.now = 1000.0  # nobody knows how long the interruption took
    said = Said()
    resumed = labelloom.resume(run, reporter=said)
    assert said.starts == [("main", 3000, done)]
    assert resumed.metrics["seconds"] <= 60
    assert 2 <= len(said.losses) <= 60 - done


def budget(clock: Clock, seconds: float = 100, part: float = 1.0) -> Budget:
    return Budget(seconds, 0.0, clock, part, (4, 10), 2.0, make_accelerator(TrainingSettings()))


def test_what_is_kept_for_validation_and_scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked by hand: 4 batches of validation, 10 to score at the end, twice as slow in full precision."""
    time = SimpleNamespace(monotonic=lambda: 20.0)
    monkeypatch.setattr(budget_module, "time", time)
    before = budget(Clock(began=10.0))
    before.stepped(60.0)
    # The first step says how long a step may take, and nothing of a batch: allowed: 100 - 10 - 60 = 30.
    assert before.share(1, 1000) == pytest.approx(10 / 30)
    before = budget(Clock(began=10.0))
    for seconds in (60.0, 1.1, 1.2, 1.3):
        before.stepped(seconds)
    # The model in a validation: 4 * 1.2 / 3 = 1.6; in the scoring: 1.6 * 2 * 10 / 4 = 8; allowed: 100 - 8 - 10 - 1.6 -
    # 1.2 = 79.2.
    assert before.share(4, 1000) == pytest.approx(10 / 79.2)
    before.validated(4.0, 1.0)
    before.validated(2.0, 3.0)
    before.saved(5.0)
    before.saved(4.0)
    # The model: 3; in the scoring: 3 * 2 * 10 / 4 = 15. Besides: 2; a checkpoint: 5; allowed: 100 - (15 + 2 + 5) - 10 -
    # (3 + 2 + 2 * 5) - 1.2 = 51.8.
    assert before.share(4, 1000) == pytest.approx(10 / 51.8)
    half = budget(Clock(began=10.0), part=0.5)
    half.stepped(60.0)
    half.stepped(1.2)
    assert half.share(2, 1000) == pytest.approx(10 / (0.5 * 82 - 2.8))


def test_what_does_not_grow_with_the_documents_is_not_taken_to(
    clock: Time, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One batch of validation and 29 to score at the end: a second of metrics, half a one for a checkpoint and a slow
    first step are no reason to stop early."""
    corpus = write_corpus(tmp_path / "corpus", validation=8, test=28 * 8)
    step, rank, metrics = loop.gradients, loop.rank_shared, loop.metrics_on
    took: list[float] = []

    def slow_at_first(*arguments: Any) -> Any:
        clock.now += 0 if took else 10
        took.append(1)
        return step(*arguments)

    def ranked(*arguments: Any) -> Any:
        clock.now -= 2.9  # of the three seconds that the fixture adds
        return rank(*arguments)

    def measured(*arguments: Any) -> Any:
        clock.now += 1
        return metrics(*arguments)

    monkeypatch.setattr(loop, "gradients", slow_at_first)
    monkeypatch.setattr(loop, "rank_shared", ranked)
    monkeypatch.setattr(loop, "metrics_on", measured)
    training = {"epochs": 1000, "time_budget": "60s", "evaluate_every": 5}
    run = labelloom.train(spec_on(corpus, training=training), output=tmp_path)
    # 60 - 10 - 2.9 for scoring - 1 - 0.5; every 5 steps 1.6 s.
    assert run.metrics["steps"]["main"] == pytest.approx(45 / (1 + 1.6 / 5), abs=4)


def test_a_checkpoint_knows_the_validation_before_it(clock: Time, corpus: Path, tmp_path: Path) -> None:
    """Or the resumed run would guess its time anew, and take another step though time is up."""

    class KilledAtCheckpoint(Said):
        def step(self, loss: float, documents_per_second: float) -> None:
            if list((tmp_path / "small" / "0" / "checkpoints").glob("*-*/progress.json")):
                raise Killed

    training = {"epochs": 1000, "time_budget": "60s", "evaluate_every": 5}
    with pytest.raises(Killed):
        labelloom.train(spec_on(corpus, training=training), output=tmp_path, reporter=KilledAtCheckpoint())
    (file,) = (tmp_path / "small" / "0" / "checkpoints").glob("*-*/progress.json")
    kept = json.loads(file.read_text())["clock"]
    assert (kept["validations"], kept["ranking"]) == (1, 3.0)
    # 8 s of 60 - 3 * 2 - 3 - 1, since when it was saved no checkpoint was known.
    assert kept["share"] == pytest.approx(8 / 50)


def test_the_share_never_falls_and_follows_what_is_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(budget_module, "time", SimpleNamespace(monotonic=lambda: now))
    timed = budget(Clock())
    assert timed.share(30, 100) == 0.3, "the steps are ahead"
    now = 50.0
    assert timed.share(31, 100) == 0.5, "the clock is ahead"
    now = 10.0
    assert timed.share(32, 100) == 0.5
    assert timed.share(100, 100) == 1
    now = 99999.0
    assert budget(Clock()).share(1, 100) == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("20", "training.time_budget: expected a number with s, m or h, such as \"20m\", not '20'"),
        (20, 'training.time_budget: expected a number with s, m or h, such as "20m", not 20'),
        ("20 min", "expected a number with s, m or h"),
        ("0s", "training.time_budget: no time at all: nothing could be trained"),
    ],
)
def test_what_is_no_time_is_refused(value: Any, message: str, corpus: Path) -> None:
    with pytest.raises(SpecError) as error:
        validate_spec(spec_on(corpus, training={"time_budget": value}))
    assert message in str(error.value)


def test_a_stage_has_no_budget_of_its_own(corpus: Path) -> None:
    spec = two_stages(corpus)
    spec["stages"][1]["training"]["time_budget"] = "5m"
    with pytest.raises(SpecError) as error:
        validate_spec(spec)
    assert str(error.value) == (
        "stages.1.training: time_budget is for the whole run, whose stages share it: put it in the top-level [training]"
    )


def test_units() -> None:
    found = {text: TrainingSettings(time_budget=text).seconds for text in ("90s", "20m", "1.5h")}
    assert found == {"90s": 90.0, "20m": 1200.0, "1.5h": 5400.0}
    assert TrainingSettings().seconds is None
    assert math.isclose(TrainingSettings(time_budget="0.5s").seconds or 0, 0.5)
