"""Averages of weights: their formulas, and that they are what is validated and kept while training goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

import labelloom
from labelloom.errors import SpecError
from labelloom.spec import TrainingSettings, validate_spec
from labelloom.training import loop
from labelloom.training.average import Average

from .small import Killed, KilledAfter, assert_equal_runs, spec_on, two_stages, weights_of

Weights = dict[str, np.ndarray]


def by_hand(kind: str, seen: list[np.ndarray], decay: float = 0.999) -> np.ndarray:
    """The average of `seen` in float64, one after the other."""
    if kind == "swa":
        return np.mean(seen, axis=0)
    average = seen[0]
    for count, weights in enumerate(seen[1:], start=1):
        kept = min(decay, (1 + count) / (10 + count))
        average = kept * average + (1 - kept) * weights
    return average


@pytest.mark.parametrize(("kind", "decay"), [("ema", 0.9), ("ema", 0.2), ("swa", 0.999)])
def test_the_average_is_that_of_the_formula(kind: Any, decay: float) -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(3, 2))
    average = Average({"w": weight}, TrainingSettings(average=kind, average_decay=decay, average_start=0.25))
    seen = []
    for step in range(40):
        with torch.no_grad():
            weight.copy_(torch.randn(3, 2))
        average.add(step / 40)
        if step >= 10:
            seen.append(weight.detach().double().numpy().copy())
    assert average.count == 30
    np.testing.assert_allclose(average.tensors()["w"].numpy(), by_hand(kind, seen, decay), rtol=1e-4, atol=1e-6)


def test_weights_come_back_bit_for_bit_even_after_an_error() -> None:
    weight = nn.Parameter(torch.randn(5))
    average = Average({"w": weight}, TrainingSettings(average="swa", average_start=0.0))
    average.add(0.0)
    with torch.no_grad():
        weight.add_(1)
    before, made = weight.detach().clone(), average.tensors()["w"].clone()

    def fail() -> None:
        with average.in_place():
            assert weight.equal(made)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert weight.equal(before)
    assert average.tensors()["w"].equal(made)


def test_before_averaging_begins_the_weights_stand_for_themselves() -> None:
    weight = nn.Parameter(torch.randn(5))
    average = Average({"w": weight}, TrainingSettings(average="swa", average_start=0.9))
    average.add(0.5)
    before = weight.detach().clone()
    with average.in_place():
        assert weight.equal(before)
    assert average.tensors() == {}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Weights]:
    """The weights that train, after every step, as float64."""
    taken: list[Weights] = []
    add = Average.add

    def recorded(self: Average, share: float) -> None:
        taken.append({name: w.double().numpy().copy() for name, w in zip(self._names, self._weights, strict=True)})
        add(self, share)

    monkeypatch.setattr(Average, "add", recorded)
    return taken


@pytest.mark.parametrize(("kind", "start"), [("ema", None), ("swa", None), ("swa", 0.2)])
def test_the_average_is_what_is_kept(
    kind: str, start: float | None, corpus: Path, tmp_path: Path, seen: list[Weights]
) -> None:
    training = {"steps": 8, "keep": "last", "average": kind, "average_decay": 0.3 if kind == "ema" else 0.999}
    if start is not None:
        training["average_start"] = start
    run = labelloom.train(spec_on(corpus, training=training), output=tmp_path).path

    first = {("ema", None): 0, ("swa", None): 4, ("swa", 0.2): 2}[kind, start]
    kept = load_file(run / "model.safetensors")
    assert seen[0].keys() <= kept.keys()
    for name in seen[0]:
        expected = by_hand(kind, [weights[name] for weights in seen[first:]], 0.3)
        np.testing.assert_allclose(kept[name], expected, rtol=1e-4, atol=1e-6, err_msg=name)


def test_training_goes_on_with_the_raw_weights(corpus: Path, tmp_path: Path, seen: list[Weights]) -> None:
    """The steps are those of a run without an average, with a validation after each of them."""
    training = {"steps": 6, "keep": "last", "evaluate_every": 1}
    labelloom.train(spec_on(corpus, training=training), output=tmp_path / "raw")
    raw = list(seen)
    seen.clear()
    labelloom.train(spec_on(corpus, training={**training, "average": "ema"}), output=tmp_path / "averaged")
    assert len(raw) == len(seen) == 6
    for before, after in zip(raw, seen, strict=True):
        assert all(np.array_equal(before[name], after[name]) for name in before)


def test_the_best_checkpoint_holds_the_average_that_was_validated(
    corpus: Path, tmp_path: Path, seen: list[Weights], monkeypatch: pytest.MonkeyPatch
) -> None:
    validated: list[Weights] = []
    scores = iter([0.2, 0.9, 0.5])

    def say(ranking: object, *_: object) -> dict[str, float]:
        return {"micro_f1": next(scores)}

    rank = loop.rank_shared

    def recorded(assembly: Any, *rest: Any) -> Any:
        validated.append({name: w.detach().numpy().copy() for name, w in assembly.named_parameters()})
        return rank(assembly, *rest)

    monkeypatch.setattr(loop, "metrics_on", say)
    monkeypatch.setattr(loop, "rank_shared", recorded)
    training = {"steps": 6, "evaluate_every": 2, "average": "swa", "average_start": 0.0}
    run = labelloom.train(spec_on(corpus, training=training), output=tmp_path).path

    kept = load_file(run / "model.safetensors")
    for name in seen[0]:
        np.testing.assert_array_equal(kept[name], validated[1][name])
        np.testing.assert_allclose(kept[name], by_hand("swa", [each[name] for each in seen[:4]]), rtol=1e-4, atol=1e-6)


def test_each_stage_has_its_own_average_and_frozen_weights_have_none(
    corpus: Path, tmp_path: Path, seen: list[Weights]
) -> None:
    spec = two_stages(corpus, average="swa", average_start=0.0, keep="last")
    run = labelloom.train(spec, output=tmp_path).path
    first, second = seen[:3], seen[3:]
    assert len(second) == 5
    assert not any(name.startswith("model.encoder") for name in second[0])
    kept = load_file(run / "model.safetensors")
    for name in first[0]:
        if name.startswith("model.encoder"):
            np.testing.assert_allclose(kept[name], by_hand("swa", [w[name] for w in first]), rtol=1e-4, atol=1e-6)
    for name in second[0]:
        np.testing.assert_allclose(kept[name], by_hand("swa", [w[name] for w in second]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("steps", [1, 3, 5, 7])
def test_a_killed_run_goes_on_to_the_same_average(keep: str, steps: int, corpus: Path, tmp_path: Path) -> None:
    """Mid-stage, where the checkpoint is older than the average's start, at a stage's end, and after it."""
    spec = two_stages(corpus, checkpoint_every=2, keep=keep)
    spec["stages"][0]["training"] |= {"average": "ema", "average_decay": 0.4}
    spec["stages"][1]["training"] |= {"average": "swa", "average_start": 0.4}
    whole = labelloom.train(spec, output=tmp_path / "whole").path
    with pytest.raises(Killed):
        labelloom.train(spec, output=tmp_path, reporter=KilledAfter(steps))
    run = labelloom.resume(tmp_path / "small" / "0").path
    assert_equal_runs(run, whole)
    plain = labelloom.train(two_stages(corpus, checkpoint_every=2, keep=keep), output=tmp_path / "plain").path
    assert weights_of(run / "model.safetensors") != weights_of(plain / "model.safetensors")


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"average_decay": 0.9}, 'training.average_decay says nothing without training.average = "ema"'),
        ({"average": "swa", "average_decay": 0.9}, "training.average_decay says nothing without"),
        ({"average_start": 0.1}, 'training.average_start says nothing without training.average = "ema" or "swa"'),
    ],
)
def test_a_setting_that_nothing_reads_is_refused(training: dict[str, Any], message: str, corpus: Path) -> None:
    with pytest.raises(SpecError) as error:
        validate_spec(spec_on(corpus, training=training))
    assert message in str(error.value)
