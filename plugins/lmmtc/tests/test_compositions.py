"""The models of the paper's tables learn, and each stage trains what its tasks reach."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from labelloom.bundles import Catalogue
from labelloom.compose.build import build, build_samplers, initialise, prepare, use_options
from labelloom.compose.check import check
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus
from labelloom.spec import validate_spec
from labelloom.training.feed import Feed

SLOTS, LINEAR = {"use": "lmmtc/slot-linear"}, {"use": "standard/linear"}
BCE, REVEAL = {"use": "standard/bce"}, {"use": "lmmtc/reveal"}
MLM, WORDS = {"use": "lmmtc/label-mlm", "weight": 0.05}, {"use": "lmmtc/label-mlm", "weight": 0.05, "targets": "words"}
HIDING, ALONE = {"mask_words": 0.15}, {"text_alone": True, "mask_words": 0.15}
MODELS: dict[str, tuple[dict[str, Any], Any, Any, Any]] = {
    "LM": ({}, SLOTS, [BCE], [REVEAL]),
    "LM all masked": ({}, SLOTS, [BCE], []),
    "LM+MLM": (HIDING, SLOTS, [BCE, MLM], [REVEAL]),
    "LM+MLM of labels": ({}, SLOTS, [BCE, {**MLM, "targets": "labels"}], [REVEAL]),
    "LM+MLM, same tokens": ({**HIDING, "tokens": "same"}, SLOTS, [BCE, MLM], [REVEAL]),
    "LM, per label": ({"mask_init": "model"}, {**SLOTS, "weights": "per-label"}, [BCE], [REVEAL]),
    "BERT+MLM": (ALONE, LINEAR, [BCE, WORDS], []),
    "LM+MLM before [CLS], segments": (
        {**HIDING, "place": "before-cls", "segments": "label"},
        SLOTS,
        [BCE, MLM],
        [REVEAL],
    ),
}


def raw(bert: Path, encoder: dict[str, Any], predictor: Any, **more: Any) -> dict[str, Any]:
    return {
        "name": "made",
        "data": {"source": "arxiv-mini"},
        "model": {
            "encoder": {"use": "lmmtc/label-mask-encoder", "pretrained": str(bert), **encoder},
            "predictor": predictor,
        },
        "training": {"batch_size": 16},
        **more,
    }


LEARN = ["LM", "LM+MLM", "BERT+MLM"]
"""Those that train for long enough to find out which word makes which label; the others take a few steps."""


@pytest.mark.parametrize("name", MODELS)
def test_a_model_learns(name: str, catalogue: Catalogue, bert: Path, corpus: Corpus) -> None:
    encoder, predictor, tasks, samplers = MODELS[name]
    spec = raw(bert, {"dropout": 0.0, **encoder}, predictor, tasks=tasks, samplers=samplers)
    plan = check(validate_spec(spec), catalogue=catalogue)
    assert plan.scale == "probabilities"
    (stage,) = plan.stages
    torch.manual_seed(0)
    assembly = build(plan, corpus.labels, prepare(plan, corpus))
    initialise(assembly, corpus)
    reader = assembly.model.encoder.reader
    columns = Columns.from_texts(list(corpus.train.texts), reader)
    feed = Feed(corpus.train, columns, reader, build_samplers(stage, corpus.labels, {}), stage.settings, 0)
    optimiser = torch.optim.Adam(assembly.parameters(), lr=3e-3)
    losses = []
    assembly.train()
    for step in range(110 if name in LEARN else 3):
        (part,) = feed.step(step)
        states = assembly.model.states(part[0], stage.live)["main"]
        means = [assembly.tasks[task.name](states, *part) for task in stage.tasks]
        loss = sum(task.weight * mean.total / mean.count for task, mean in zip(stage.tasks, means, strict=True))
        optimiser.zero_grad()
        loss.backward()
        assert [each for each, weight in assembly.named_parameters() if weight.grad is None] == []
        optimiser.step()
        losses.append((means[0].total / means[0].count).item())
    assert all(math.isfinite(loss) for loss in losses)
    if name in LEARN:
        assert sum(losses[-10:]) < 0.6 * sum(losses[:10])


def test_a_later_stage_hides_no_words(catalogue: Catalogue, bert: Path, corpus: Corpus) -> None:
    stages = [
        {"name": "both", "tasks": [BCE, MLM], "samplers": [REVEAL]},
        {
            "name": "labels",
            "tasks": [BCE],
            "samplers": [REVEAL],
            "options": {"model.encoder": {"mask_words": 0.0}},
        },
    ]
    plan = check(validate_spec(raw(bert, HIDING, SLOTS, stages=stages)), catalogue=catalogue)
    assembly = build(plan, corpus.labels, prepare(plan, corpus))
    reader = assembly.model.encoder.reader
    columns = Columns.from_texts(list(corpus.train.texts), reader)
    assembly.train()
    found = []
    for stage in plan.stages:
        use_options(assembly, stage, plan)
        feed = Feed(corpus.train, columns, reader, build_samplers(stage, corpus.labels, {}), stage.settings, 0)
        ((batch, _),) = feed.step(0)
        found.append(assembly.model.states(batch, stage.live)["main"].get("lmmtc.words"))
    assert len(found[0]()) > 0
    assert found[1] is None
