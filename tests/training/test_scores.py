"""How scores are read: in each stage as its losses made them, in full precision, and never above 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import labelloom
from labelloom.components import Scale
from labelloom.compose import model as model_module
from labelloom.compose.model import Assembly
from labelloom.data.columns import Columns
from labelloom.errors import SpecError
from labelloom.evaluation.ranking import Ranking
from labelloom.runs.scoring import rank_columns
from labelloom.training import loop

from .small import LABELS, spec_on
from .test_layers import assembly_of

SOFTMAX = {"use": "standard/softmax"}
BCE = {"use": "standard/bce"}


def stages_on(corpus: Path, *stages: list[dict[str, Any]], metric: str = "micro_f1", **fields: Any) -> dict[str, Any]:
    """A stage for each list of tasks; tasks of one loss are one task."""
    made = [{"name": f"stage{place}", "tasks": tasks} for place, tasks in enumerate(stages)]
    made[0]["training"] = {"metric": metric}
    return spec_on(corpus, stages=made, training={"steps": 1, "metric": "micro_f1"}, **fields)


def test_a_stage_is_validated_as_its_own_losses_made_the_scores(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Ranking, Scale]] = []
    metrics_on = loop.metrics_on

    def recorded(ranking: Ranking, *rest: Any) -> dict[str, float]:
        seen.append((ranking, rest[3]))
        return metrics_on(ranking, *rest)

    monkeypatch.setattr(loop, "metrics_on", recorded)
    run = labelloom.train(stages_on(corpus, [SOFTMAX], [BCE], [SOFTMAX]), output=tmp_path)
    assert [scale for _, scale in seen] == ["distribution", "probabilities", "distribution"]
    sums = [torch.from_numpy(ranking.scores).sum(1) for ranking, _ in seen]
    for total, (_, scale) in zip(sums, seen, strict=True):
        assert bool(((total - 1).abs() < 1e-5).all()) == (scale == "distribution")
    assert labelloom.load(run.path).model.assembly.model.scale == "distribution"


def branches(*losses: list[str]) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    """A model with the branches a and b, and the tasks of stages: "a/softmax" trains the branch a."""
    part = {"use": "standard/linear"}
    model = {
        "encoder": {"use": "standard/bilstm", "embedding": 8, "hidden": 8, "min_count": 1},
        "branches": [{"name": name, "predictor": part} for name in "ab"],
    }
    stages = []
    for stage in losses:
        pairs = [each.split("/") for each in stage]
        stages.append([{"use": f"standard/{use}", "branch": at, "name": f"{at}-{use}"} for at, use in pairs])
    return model, stages


def test_branches_that_are_not_of_one_kind_yet(corpus: Path, tmp_path: Path) -> None:
    model, stages = branches(["a/softmax", "b/bce"], ["a/bce", "b/bce"])
    with pytest.raises(SpecError) as error:
        labelloom.train(stages_on(corpus, *stages, model=model), output=tmp_path)
    assert str(error.value) == (
        "stages.0.training.metric: after the losses up to stage 'stage0' the branches' scores are of several kinds, or "
        "only rank: they have no average to measure\n"
        '    try: metric = "loss"'
    )
    labelloom.train(stages_on(corpus, *stages, model=model, metric="loss"), output=tmp_path)


def test_a_branch_that_is_not_trained_yet_is_read_as_the_others(corpus: Path, tmp_path: Path) -> None:
    model, stages = branches(["a/softmax"], ["b/softmax"])
    labelloom.train(stages_on(corpus, *stages, model=model), output=tmp_path)


def test_a_decision_that_a_stage_cannot_be_measured_under(corpus: Path, tmp_path: Path) -> None:
    spec = stages_on(corpus, [SOFTMAX], [BCE], decision={"rule": "fixed"})
    with pytest.raises(SpecError) as error:
        labelloom.train(spec, output=tmp_path)
    assert str(error.value) == (
        "stages.0.training.metric: micro_f1 is measured under [decision], which needs probabilities (decision.rule), "
        "but the scores of stage 'stage0' share 1 among all labels\n"
        '    try: metric = "loss"\n'
        '    try: rule = "fitted"\n'
        '    try: rule = "top-k"\n'
        '    try: calibration = "platt"'
    )
    spec["stages"][0]["training"]["metric"] = "loss"
    labelloom.train(spec, output=tmp_path)


def with_biases(assembly: Assembly, biases: list[float]) -> Assembly:
    """Its predictors give these logits, whatever the text."""
    for path, part in assembly.parts.items():
        if path.endswith("predictor"):
            for name, weight in part.named_parameters():
                torch.nn.init.zeros_(weight)
                if name.endswith("bias"):
                    weight.data.copy_(torch.tensor(biases))
    return assembly.eval()


def test_validation_in_bf16_tells_high_probabilities_apart(corpus: Path) -> None:
    assembly = with_biases(assembly_of(spec_on(corpus)), [6.5, 9.0, 7.5, 8.0, 0.0, 1.0])
    columns = Columns.from_texts(["sign0", "sign1"], assembly.model.encoder.reader)
    with torch.autocast("cpu", torch.bfloat16):
        ranking = rank_columns(assembly.model, columns, LABELS, 2)
    assert ranking.labels.tolist() == [[1, 3, 2, 0, 5, 4]] * 2
    assert len(set(ranking.scores[0].tolist())) == LABELS


@pytest.mark.parametrize("shares", [[0.4, 0.3, 0.1, 0.2], [0.3, 0.7000009], [0.3, 0.6999991]])
@pytest.mark.parametrize("use", ["bce", "softmax"])
def test_certain_branches_are_certain_together(shares: list[float], use: str, corpus: Path) -> None:
    spec = spec_on(corpus)
    spec["model"]["branches"] = [
        {"name": f"b{place}", "share": share, "predictor": spec["model"]["predictor"]}
        for place, share in enumerate(shares)
    ]
    del spec["model"]["predictor"]
    spec["tasks"] = [
        {"use": f"standard/{use}", "name": f"t{place}", "branch": f"b{place}"} for place in range(len(shares))
    ]
    assembly = with_biases(assembly_of(spec), [18.0, 18.0 if use == "bce" else -50.0, -50.0, -50.0, -50.0, -50.0])
    columns = Columns.from_texts(["sign0"], assembly.model.encoder.reader)
    highest = rank_columns(assembly.model, columns, LABELS, 1).scores.max()
    assert 1 - 2e-7 < highest <= 1


def test_only_a_distribution_is_divided(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it takes costs a pass over every score."""
    sums: list[Any] = []
    log_sums = model_module.log_sums

    def counted(*arguments: Any) -> Any:
        sums.append(arguments)
        return log_sums(*arguments)

    monkeypatch.setattr(model_module, "log_sums", counted)
    for task, calls in ((BCE, 0), (SOFTMAX, 1)):
        assembly = assembly_of(spec_on(corpus, tasks=[task]))
        columns = Columns.from_texts(["sign0"], assembly.model.encoder.reader)
        rank_columns(assembly.model, columns, LABELS, 1)
        assert len(sums) == calls
