"""Which weights train at which rate and decay, and how the rate moves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import labelloom
from labelloom.compose.build import build, prepare
from labelloom.compose.check import check
from labelloom.compose.model import Assembly
from labelloom.data.corpus import load_corpus
from labelloom.errors import SpecError
from labelloom.spec import TrainingSettings, read_spec, validate_spec
from labelloom.training.optimiser import (
    make_optimiser,
    optimiser_tensors,
    rate_factor,
    restore_optimiser,
    set_rates,
)

from .small import PARTS, Killed, KilledAfter, assert_equal_runs, spec_on, two_stages, weights_of


@pytest.fixture(scope="module")
def assembly(corpus: Path) -> Assembly:
    """An encoder that holds another one, label vectors of two dimensions, a norm, two tasks."""
    spec = spec_on(corpus, tasks=[{"use": "standard/bce"}, {"use": f"{PARTS}:Cardinality"}])
    inner = spec["model"]["encoder"]
    table = {"use": "standard/label-table", "width": 5}
    spec["model"]["encoder"] = {"use": "standard/chain", "encoder": inner, "label_modules": [table]}
    spec["model"]["label_modules"] = [{"use": "standard/label-query", "width": 4}]
    spec["model"]["predictor"] = {"use": "standard/label-linear", "weights": "per-label"}
    plan = check(*read_spec(spec), allow_local_code=True)
    loaded = load_corpus(plan.spec.data)
    return build(plan, loaded.labels, prepare(plan, loaded))


def rates_and_decays(assembly: Assembly, **options: Any) -> dict[str, tuple[float, float]]:
    names = {id(weight): name for name, weight in assembly.named_parameters()}
    optimiser = make_optimiser(assembly, TrainingSettings(**options))
    return {
        names[id(weight)]: (group["lr"], group["weight_decay"])
        for group in optimiser.param_groups
        for weight in group["params"]
    }


def test_the_longest_path_gives_the_rate(assembly: Assembly) -> None:
    rates = {"model.encoder": 2e-5, "model": 3e-4, "model.encoder.label_modules.0": 5e-3, "tasks.cardinality": 0.1}
    found = rates_and_decays(assembly, learning_rate=1e-3, rates=rates)
    assert found.keys() == dict(assembly.named_parameters()).keys()
    for name, (rate, _) in found.items():
        if name.startswith("model.encoder.label_modules.0"):
            assert rate == 5e-3, name
        elif name.startswith("model.encoder"):
            assert rate == 2e-5, name
        elif name.startswith("model"):
            assert rate == 3e-4, name
        else:
            assert (name.startswith("tasks.cardinality"), rate) == (True, 0.1)
    assert {rate for rate, _ in found.values()} == {5e-3, 2e-5, 3e-4, 0.1}


def test_biases_norms_and_embeddings_do_not_decay(assembly: Assembly) -> None:
    found = rates_and_decays(assembly, weight_decay=0.3)
    decays = {name: decay for name, (_, decay) in found.items()}
    embeddings = {
        f"{name}.weight" for name, module in assembly.named_modules() if isinstance(module, torch.nn.Embedding)
    }
    assert embeddings
    for name, weight in assembly.named_parameters():
        free = weight.dim() < 2 or name in embeddings or name.endswith("bias")
        assert decays[name] == (0.0 if free else 0.3), name
    assert set(decays.values()) == {0.0, 0.3}


def test_frozen_weights_are_left_out(assembly: Assembly) -> None:
    weight = assembly.get_submodule("tasks.cardinality").get_parameter("out.weight")
    weight.requires_grad_(False)
    try:
        assert "tasks.cardinality.out.weight" not in rates_and_decays(assembly)
    finally:
        weight.requires_grad_(True)


STEPS, WARM = 40, 8


@pytest.mark.parametrize("step", range(STEPS))
def test_rates_rise_and_fall_as_the_formulas_say(step: int) -> None:
    """From 1/W to 1 in W steps, then from 1 towards 0 as (S - s) / (S - W), its cosine, or not at all."""
    progress = (step - WARM) / (STEPS - WARM)
    after = {"linear": 1 - progress, "cosine": (1 + math.cos(math.pi * progress)) / 2, "constant": 1.0}
    for decay, expected in after.items():
        settings = TrainingSettings(warmup=0.2, decay=decay)
        factor = rate_factor(step, STEPS, settings, step, 10)
        assert factor == pytest.approx((step + 1) / WARM if step < WARM else expected)
        assert 0 < factor <= 1


@pytest.mark.parametrize("decay", ["linear", "cosine", "constant", "exponential"])
def test_without_warm_up_the_first_rate_is_the_base(decay: str) -> None:
    assert rate_factor(0, 1, TrainingSettings(warmup=0.0, decay=decay), 0, 1) == 1
    assert rate_factor(0, 1, TrainingSettings(warmup=0.9, decay=decay), 0, 1) == 1


@pytest.mark.parametrize(("every", "length"), [(None, 7), (5, 5), (100, 100)])
@pytest.mark.parametrize("warmup", [0.0, 0.2])
def test_an_exponential_decay_falls_in_stairs(every: int | None, length: int, warmup: float) -> None:
    """Step by step: times the factor at each stair, an epoch's steps long by default, while the warm-up rises."""
    settings = TrainingSettings(warmup=warmup, decay="exponential", decay_factor=0.9, decay_every=every)
    height, warm = 1.0, warmup * STEPS
    for step in range(STEPS):
        if step > 0 and step % length == 0:
            height *= 0.9
        rise = min(1.0, (step + 1) / warm) if warm else 1.0
        assert rate_factor(step, STEPS, settings, step, 7) == pytest.approx(height * rise), step


def test_an_exponential_decay_goes_by_steps_and_not_by_the_clock() -> None:
    settings = TrainingSettings(warmup=0.2, decay="exponential", decay_factor=0.5, decay_every=3)
    assert rate_factor(35.5, STEPS, settings, 2, 7) == 1
    assert rate_factor(35.5, STEPS, settings, 6, 7) == 0.25
    assert rate_factor(3.0, STEPS, settings, 6, 7) == 0.25 * 4 / WARM


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"decay_factor": 0.5}, 'training.decay_factor says nothing without training.decay = "exponential"'),
        ({"decay": "cosine", "decay_every": 9}, 'training.decay_every says nothing without training.decay = "exp'),
        ({"decay": "exponential", "decay_factor": 1.5}, "training.decay_factor: "),
        ({"decay": "exponential", "decay_every": 0}, "training.decay_every: "),
    ],
)
def test_a_decay_that_nothing_reads_is_refused(training: dict[str, Any], message: str, corpus: Path) -> None:
    with pytest.raises(SpecError) as error:
        validate_spec(spec_on(corpus, training=training))
    assert message in str(error.value)


def test_one_stage_may_decay_as_the_others_do_not(corpus: Path) -> None:
    spec = two_stages(corpus)
    spec["stages"][0]["training"] |= {"decay": "exponential", "decay_factor": 0.5, "decay_every": 2}
    first, second = (validate_spec(spec).phase_training(place) for place in (0, 1))
    assert (first.decay, first.decay_factor, second.decay) == ("exponential", 0.5, "linear")
    del spec["stages"][0]["training"]["decay"]
    with pytest.raises(SpecError, match="decay_factor says nothing"):
        validate_spec(spec)


def test_a_resumed_run_decays_as_the_whole_one_does(corpus: Path, tmp_path: Path) -> None:
    """Three steps an epoch: the interruption lies between two stairs."""
    training = {"epochs": 4, "decay": "exponential", "decay_factor": 0.3, "checkpoint_every": 2, "warmup": 0.0}
    whole = labelloom.train(spec_on(corpus, training=training), output=tmp_path / "whole").path
    with pytest.raises(Killed):
        labelloom.train(spec_on(corpus, training=training), output=tmp_path, reporter=KilledAfter(5))
    assert_equal_runs(labelloom.resume(tmp_path / "small" / "0").path, whole)
    flat = {**training, "decay": "constant", "decay_factor": 0.9}
    constant = labelloom.train(spec_on(corpus, training=flat), output=tmp_path / "constant").path
    assert weights_of(whole / "model.safetensors") != weights_of(constant / "model.safetensors")


def test_every_group_moves_by_the_same_factor(assembly: Assembly) -> None:
    optimiser = make_optimiser(assembly, TrainingSettings(rates={"model.encoder": 1e-5}, learning_rate=1e-2))
    for factor in (0.25, 0.5):
        set_rates(optimiser, factor)
        assert {group["lr"] for group in optimiser.param_groups} == {1e-5 * factor, 1e-2 * factor}


def test_its_state_goes_through_a_file_unchanged(assembly: Assembly, tmp_path: Path) -> None:
    """One more step from the restored state moves the weights as one more step of the original does."""
    named = dict(assembly.named_parameters())
    names = {id(weight): name for name, weight in named.items()}
    settings = TrainingSettings(learning_rate=0.1)

    def stepped(optimiser: torch.optim.Optimizer, seed: int) -> None:
        torch.manual_seed(seed)
        for weight in named.values():
            weight.grad = torch.randn_like(weight)
        optimiser.step()

    before = {name: weight.detach().clone() for name, weight in named.items()}
    optimiser = make_optimiser(assembly, settings)
    stepped(optimiser, 0)
    save_file(optimiser_tensors(optimiser, names), tmp_path / "optimiser.safetensors")
    middle = {name: weight.detach().clone() for name, weight in named.items()}
    stepped(optimiser, 1)
    after = {name: weight.detach().clone() for name, weight in named.items()}

    with torch.no_grad():
        for name, weight in named.items():
            weight.copy_(middle[name])
    restored = make_optimiser(assembly, settings)
    restore_optimiser(restored, load_file(tmp_path / "optimiser.safetensors"), named)
    stepped(restored, 1)
    assert all(torch.equal(weight, after[name]) for name, weight in named.items())
    with torch.no_grad():
        for name, weight in named.items():
            weight.copy_(before[name]).grad = None
