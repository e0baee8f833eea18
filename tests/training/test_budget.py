"""A time budget, by a clock that the tests move."""

from __future__ import annotations

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
from labelloom.training.processes import make_accelerator

from .small import Killed, Said, events_of, spec_on, two_stages


class Time:
    """Stands for the module `time`."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    """Time stands still, but a step takes one second and a validation, in training or at the end, three."""
    time = Time()
    step, rank = loop.gradients, loop.rank_shared

    def slow_step(*arguments: Any) -> Any:
        time.now += 1
        return step(*arguments)

    def slow_rank(*arguments: Any) -> Any:
        time.now += 3
        return rank(*arguments)

    for module in (budget_module, loop, train_module):
        monkeypatch.setattr(module, "time", time)
    monkeypatch.setattr(loop, "gradients", slow_step)
    monkeypatch.setattr(loop, "rank_shared", slow_rank)
    monkeypatch.setattr(train_module, "rank_shared", slow_rank)
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
    # 60 = steps + 3 * validations + 6 for the scoring of two splits.
    assert 50 <= clock.now <= 60
    steps = len(rates.factors)
    assert 35 <= steps <= 45
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
    # 100 s, less 6 for scoring: a quarter and three quarters of it, each less 3 for the validation at its end.
    assert run.metrics["steps"]["first"] == pytest.approx(94 / 4 - 3, abs=2)
    assert run.metrics["steps"]["second"] == pytest.approx(94 * 3 / 4 - 3, abs=3)
    assert 95 <= clock.now <= 100


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
    for _ in range(5):
        before.stepped(1.2)
    # A validation: 4 * 1.2 / 3 = 1.6; the scoring: 1.6 * 2 * 10 / 4 = 8; allowed: 100 - 8 - 10 - 1.6 - 1.2 = 79.2.
    assert before.share(5, 1000) == pytest.approx(10 / 79.2)
    before.validated(4.0)
    before.validated(3.0)
    # The scoring: 4 * 5 = 20; allowed: 100 - 20 - 10 - 4 - 1.2 = 64.8.
    assert before.share(5, 1000) == pytest.approx(10 / 64.8)
    half = budget(Clock(began=10.0), part=0.5)
    half.stepped(1.2)
    assert half.share(1, 1000) == pytest.approx(10 / (0.5 * 82 - 2.8))


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
