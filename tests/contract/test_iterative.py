"""Predictions in several passes, whichever part makes them so: a part of a paper that is none of the bundles'."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import labelloom
from labelloom.bundles import load_target
from labelloom.compose.batches import make_batch, plain_draw
from labelloom.compose.check import check
from labelloom.compose.iteration import iterative_nodes
from labelloom.compose.model import Model
from labelloom.data.labels import LabelSpace
from labelloom.interfaces import Batch, Context, Part, States
from labelloom.spec import read_spec

from .cases import BCE, BPR, CNN, LABEL_MASK, MLP, NEGATIVES, paired, spec
from .conftest import WriteSpec
from .refusals import Refuse, main, model, only

ITERATIVE = {**LABEL_MASK, "iterative": 2}
SLOTS = {"use": "lmmtc/slot-linear"}
TOLD = {"use": "./told.py:Told"}
SPACE = LabelSpace(tuple("abcd"), tuple("abcd"))

PREDICTOR = '''
import torch
from torch import nn

from labelloom import Component
from labelloom.config import Config, Signature
from labelloom.interfaces import Predictor


class Told(Predictor):
    """A label's score rises and falls with the labels that are told; those above 0.6 and below 0.4 are told next."""

    component = Component(kind="predictor", needs={"document", "given?"}, gives={"scores"})

    class Config(Config):
        def signature(self, record, parts):
            return Signature(record.needs, record.gives, iterative=True)

    def __init__(self, config, context):
        super().__init__(config, context)
        count = len(context.labels)
        self.out = nn.Linear(context.width("document"), count)
        self.between = nn.Linear(count, count, bias=False)

    def forward(self, states, batch):
        told = (batch.given == 1).float() - (batch.given == 0).float()
        return states.add(scores=batch.pick(self.out(states.document) + self.between(told)))

    def unmask(self, probabilities, given):
        return torch.where((probabilities - 0.5).abs() > 0.1, (probabilities > 0.5).to(given.dtype), -1)
'''


class Numbers(Part):
    """An encoder for which a document is a row of numbers."""

    def forward(self, states: States, batch: Batch) -> States:
        return states.add(document=batch.inputs["numbers"])


@pytest.fixture
def made(workplace: Path, write_spec: WriteSpec) -> Model:
    """A model whose predictor tells of four labels, with weights that matter."""
    (workplace / "told.py").write_text(PREDICTOR)
    plan = check(*read_spec(write_spec(spec("told", model(CNN, TOLD), main(BCE)))), allow_local_code=True)
    torch.manual_seed(1)
    target = load_target(plan.model.branches[0].predictor.component.target, "told")
    numbers = Numbers(None, Context("model.encoder", {}, SPACE))
    predictor = target(None, Context("model.predictor", {"document": 3}, SPACE))
    parts = {"model.encoder": numbers, "model.predictor": predictor}
    return Model(plan.model, parts, plan.inference, plan.scale).eval()


def by_hand(part: Any, numbers: Tensor) -> list[float]:
    """One document: what is told so far moves the scores of all, and labels that are sure enough are told next."""
    weight, bias, between = part.out.weight.tolist(), part.out.bias.tolist(), part.between.weight.tolist()
    told = [0] * 4  # 1 and -1 for what is told, 0 for what is masked
    kept = [0.0] * 4
    while True:
        new = False
        found = [
            sum(w * x for w, x in zip(weight[label], numbers.tolist(), strict=True))
            + bias[label]
            + sum(between[label][other] * told[other] for other in range(4))
            for label in range(4)
        ]
        sure = []
        for label in range(4):
            if told[label] == 0:
                kept[label] = 1 / (1 + math.exp(-found[label]))
                if abs(kept[label] - 0.5) > 0.1:
                    sure.append(label)
        for label in sure:
            told[label] = 1 if kept[label] > 0.5 else -1
            new = True
        if not new or 0 not in told:
            return kept


@torch.no_grad()
def test_any_part_may_tell_the_next_pass(made: Model) -> None:
    numbers = torch.randn(40, 3) / 3
    batch = make_batch({"numbers": numbers}, plain_draw(40), 4)
    predictor = made.predictor
    predictor.between.weight.mul_(2)
    found = made(batch)
    passes = []
    plain = predictor.forward
    predictor.forward = lambda states, batch: (passes.append(batch.given), plain(states, batch))[1]
    assert torch.equal(made(batch), found)
    assert len(passes) > 3
    for row in range(40):
        expected = torch.tensor(by_hand(predictor, numbers[row]))
        torch.testing.assert_close(found[row], expected)
    # Some documents tell all of their labels, some stop before, in different passes.
    told = (passes[-1] >= 0).sum(1)
    assert {0, 4} < set(told.tolist())
    labels, scores = made.rank(batch, 2, chunk=3)
    assert torch.equal(scores, found.topk(2).values)
    assert torch.equal(found.gather(1, labels), scores)


def test_two_parts_that_tell(refuse: Refuse) -> None:
    problem = only(refuse(model(paired(ITERATIVE), MLP), main(BCE)), "model.encoder.candidate")
    assert problem.message == (
        "model.encoder.target (lmmtc/label-mask-encoder) and model.encoder.candidate (lmmtc/label-mask-encoder) both "
        "say which labels a pass of a prediction tells the next"
    )
    assert problem.suggestions == (
        "let model.encoder.target alone say it, and give model.encoder.candidate options of its own: all parts read "
        "what is told",
    )


def test_one_of_two_twins_tells_both(workplace: Path, write_spec: WriteSpec) -> None:
    whole = spec("told-twins", model(paired(ITERATIVE, LABEL_MASK), MLP), main(BCE))
    classifier = labelloom.load(labelloom.train(write_spec(whole), output=workplace / "runs").path, device="cpu")
    network = classifier.model
    assert [node.path for node in iterative_nodes(network.plan.model, network.plan.inference)] == [
        "model.encoder.target"
    ]
    seen: dict[str, list[int]] = {"target": [], "candidate": []}
    for role, told in seen.items():
        network.assembly.parts[f"model.encoder.{role}"].register_forward_pre_hook(
            lambda _, arguments, told=told: told.append(int((arguments[1].given >= 0).sum()))
        )
    classifier.predict(["one text"])
    passes = -(-len(classifier.labels) // 2)
    assert seen["target"] == seen["candidate"] == [2 * place for place in range(passes)]


def test_scores_that_only_rank_do_not_say_how_sure(refuse: Refuse) -> None:
    problem = only(refuse(model(ITERATIVE, SLOTS), main(BPR, samplers=(NEGATIVES,))), "model.encoder")
    assert problem.message.endswith("under the losses of this model the scores only rank labels")
