"""Layer-wise rates, worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import nn

import labelloom
from labelloom.compose.build import build, prepare
from labelloom.compose.check import check
from labelloom.compose.model import Assembly
from labelloom.data.corpus import load_corpus
from labelloom.errors import SpecError
from labelloom.spec import TrainingSettings, read_spec
from labelloom.training.layers import layer_factors
from labelloom.training.optimiser import make_optimiser
from labelloom_standard.bilstm import BiLSTM

from .small import spec_on


def assembly_of(spec: dict[str, Any]) -> Assembly:
    plan = check(*read_spec(spec))
    loaded = load_corpus(plan.spec.data)
    return build(plan, loaded.labels, prepare(plan, loaded))


def rates(assembly: Assembly, **options: Any) -> dict[str, float]:
    names = {id(weight): name for name, weight in assembly.named_parameters()}
    optimiser = make_optimiser(assembly, TrainingSettings(**options))
    return {names[id(weight)]: group["lr"] for group in optimiser.param_groups for weight in group["params"]}


def test_each_layer_has_less_than_the_one_above(corpus: Path) -> None:
    """Two recurrent layers on the words' vectors, held by a chain; the pooling and all other parts are the top."""
    spec = spec_on(corpus)
    inner = {**spec["model"]["encoder"], "layers": 2}
    table = {"use": "standard/label-table", "width": 5}
    spec["model"]["encoder"] = {"use": "standard/chain", "encoder": inner, "label_modules": [table]}
    assembly = assembly_of(spec | {"model": spec["model"] | {"predictor": {"use": "standard/label-linear"},
                                   "label_modules": [{"use": "standard/label-query"}]}})  # fmt: skip
    found = rates(assembly, layer_decay=0.5, learning_rate=0.8, rates={"model.encoder.encoder": 0.4})
    assert found.keys() == dict(assembly.named_parameters()).keys()
    below = "model.encoder.encoder."
    for name, rate in found.items():
        if not name.startswith(below):
            expected = 0.8
        elif name.startswith(f"{below}embedding"):
            expected = 0.4 * 0.5**2
        elif name.startswith((f"{below}recurrent.forwards.0", f"{below}recurrent.backwards.0")):
            expected = 0.4 * 0.5
        else:
            expected = 0.4
        assert rate == pytest.approx(expected), name
    assert set(found.values()) == {0.8, 0.4, 0.2, 0.1}


def test_one_rate_makes_as_many_groups_as_without_layers(corpus: Path) -> None:
    assembly = assembly_of(spec_on(corpus))
    assert len(make_optimiser(assembly, TrainingSettings()).param_groups) == 2
    assert layer_factors(assembly, 1.0) == {}


class Layered(nn.Module):
    """A part with three layers, a head tied to the first of them, and a weight that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.low, self.high = nn.Embedding(4, 3), nn.Linear(3, 3), nn.Linear(3, 3)
        self.high.bias = self.low.bias
        self.head = nn.Linear(3, 4)

    def rate_layers(self) -> list[list[nn.Module]]:
        return [[self.embedding], [self.low], [self.high]]


def test_tied_weights_count_for_the_highest_place() -> None:
    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = Layered()
            self.parts = {"part": self.part}

    whole = Whole()
    factors = layer_factors(whole, 0.5)  # type: ignore[arg-type]
    found = {name: factors[id(weight)] for name, weight in whole.named_parameters()}
    assert found == {
        "part.embedding.weight": 0.25,
        "part.low.weight": 0.5,
        "part.low.bias": 1.0,
        "part.high.weight": 1.0,
        "part.head.weight": 1.0,
        "part.head.bias": 1.0,
    }
    whole.part.head.weight = whole.part.embedding.weight
    assert layer_factors(whole, 0.5)[id(whole.part.embedding.weight)] == 1.0  # type: ignore[arg-type]


def test_a_weight_of_two_parts_counts_for_the_highest_in_any_order() -> None:
    """The lowest layer of one part is the highest of the other."""
    shared = nn.Embedding(4, 3)

    class Low(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.high = shared, nn.Linear(3, 3)

        def rate_layers(self) -> list[list[nn.Module]]:
            return [[self.embedding], [self.high]]

    class High(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = shared

        def rate_layers(self) -> list[list[nn.Module]]:
            return [[self.embedding]]

    for parts in ([Low(), High()], [High(), Low()]):
        whole = nn.Module()
        whole.of = nn.ModuleList(parts)
        whole.parts = dict(enumerate(parts))  # type: ignore[assignment]
        assert layer_factors(whole, 0.5)[id(shared.weight)] == 1.0  # type: ignore[arg-type]


def test_a_model_without_layers_is_refused_before_it_trains(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BiLSTM, "rate_layers", lambda self: ())
    with pytest.raises(SpecError) as error:
        labelloom.train(spec_on(corpus, training={"layer_decay": 0.9}), output=tmp_path)
    assert str(error.value).splitlines() == [
        "training.layer_decay: no part of this model says what its layers are, so there is nothing to decay over",
        "    try: leave it out",
        '    try: an encoder with layers, such as use = "standard/transformer"',
    ]
    assert not (tmp_path / "small" / "0" / "spec.toml").exists()
