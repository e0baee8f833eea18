"""Steps cut into parts, and the weights of tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

import labelloom

from .small import PARTS, assert_close, events_of, spec_on, without_dropout

BCE = {"use": "standard/bce"}
CARDINALITY = {"use": f"{PARTS}:Cardinality", "weight": 0.3}


def trained(corpus: Path, output: Path, tasks: list[dict[str, Any]], **training: Any) -> Path:
    spec = without_dropout(spec_on(corpus, name=output.name, tasks=tasks, training=training))
    return labelloom.train(spec, output=output, allow_local_code=True).path


@pytest.mark.parametrize("tasks", [[BCE], [{**BCE, "reduction": "mean"}], [BCE, CARDINALITY]])
@pytest.mark.parametrize("clip_norm", [0.5, "none"])
def test_a_step_in_three_parts_equals_the_whole(
    tasks: list[dict[str, Any]], clip_norm: object, corpus: Path, tmp_path: Path
) -> None:
    """Parts of three, three and two documents; five in the last step."""
    whole = trained(corpus, tmp_path / "whole", tasks, clip_norm=clip_norm)
    parts = trained(corpus, tmp_path / "parts", tasks, clip_norm=clip_norm, accumulation=3)

    assert_close(parts / "model.safetensors", whole / "model.safetensors")
    for here, there in zip(events_of(parts), events_of(whole), strict=True):
        if "loss" in there:
            assert here["loss"] == pytest.approx(there["loss"], rel=1e-5)
            assert here["tasks"] == pytest.approx(there["tasks"], rel=1e-5)


def test_the_loss_is_the_weighted_sum_of_the_means(corpus: Path, tmp_path: Path) -> None:
    for event in events_of(trained(corpus, tmp_path, [BCE, CARDINALITY], accumulation=2)):
        if "loss" in event:
            assert event["loss"] == pytest.approx(event["tasks"]["bce"] + 0.3 * event["tasks"]["cardinality"])


def test_a_task_of_weight_zero_trains_nothing_but_is_measured(corpus: Path, tmp_path: Path) -> None:
    alone = trained(corpus, tmp_path / "alone", [BCE], weight_decay=0.0)
    beside = trained(corpus, tmp_path / "beside", [BCE, {**CARDINALITY, "weight": 0.0}], weight_decay=0.0)

    expected, weights = load_file(alone / "model.safetensors"), load_file(beside / "model.safetensors")
    assert {name: values.tobytes() for name, values in weights.items() if name.startswith("model.encoder")} == {
        name: values.tobytes() for name, values in expected.items() if name.startswith("model.encoder")
    }
    assert all(event["tasks"]["cardinality"] > 0 for event in events_of(beside) if "loss" in event)


def test_counting_first_moves_no_running_statistics(corpus: Path, tmp_path: Path) -> None:
    """Two tasks in two parts are counted before they train; only the second pass may count as one."""
    spec = spec_on(corpus, tasks=[BCE, CARDINALITY], training={"accumulation": 2, "keep": "last"})
    spec["model"]["predictor"] = {"use": f"{PARTS}:Normed"}

    run = labelloom.train(spec, output=tmp_path, allow_local_code=True).path

    steps = sum("loss" in event for event in events_of(run))
    assert load_file(run / "model.safetensors")["model.predictor.norm.num_batches_tracked"] == 2 * steps == 12
