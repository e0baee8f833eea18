"""Choosing the best checkpoint, stopping early, and the metrics that may choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import labelloom
from labelloom.compose.build import encoder_of_texts
from labelloom.data.corpus import load_corpus
from labelloom.errors import BundleError, NonFiniteLossError, SpecError
from labelloom.evaluation import depth
from labelloom.evaluation.metrics import evaluate
from labelloom.evaluation.propensity import propensities
from labelloom.runs.classifier import load
from labelloom.spec import validate_spec
from labelloom.spec.data import DataSettings
from labelloom.training import loop
from labelloom.training.metric import is_of_tasks

from .small import PARTS, Killed, KilledAfter, Said, metrics_of, spec_on, two_stages, validations_of, weights_of

TASKS: list[dict[str, Any]] = [{"use": "standard/bce"}, {"use": f"{PARTS}:Cardinality", "weight": 0.5}]


def trained(corpus: Path, output: Path, tasks: list[dict[str, Any]] | None = None, **training: Any) -> Path:
    spec = spec_on(corpus, tasks=tasks or [{"use": "standard/bce"}], training=training)
    return labelloom.train(spec, output=output, allow_local_code=True).path


CONSTANT: dict[str, Any] = {"evaluate_every": 1, "decay": "constant", "warmup": 0.0}
"""What a step does then depends on no later step: a shorter run is the beginning of a longer one."""


def script(monkeypatch: pytest.MonkeyPatch, metric: str, values: list[float]) -> None:
    """Let the validations say these values, one after the other."""
    left = iter(values)

    def say(*_: object) -> dict[str, float]:
        return {metric: next(left)}

    monkeypatch.setattr(loop, "losses_on" if is_of_tasks(metric) else "metrics_on", say)


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        ("micro_f1", [0.2, 0.5, 0.4, 0.5, 0.3], 2),  # the first of equal ones
        ("precision@7", [0.5, 0.4, 0.3], 1),
        ("one_error", [0.5, 0.7, 0.4, 0.6], 3),
        ("hamming_loss", [0.3, 0.2], 2),
        ("loss", [9.0, 3.0, 4.0], 2),
        ("loss.cardinality", [-1.0, -2.0, -1.5, -3.0, 0.0], 4),
        ("cardinality.exact", [0.2, 0.5, 0.4], 2),
    ],
)
def test_the_weights_of_the_best_validation_are_kept(
    metric: str, values: list[float], best: int, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, metric, values)
    run = trained(corpus, tmp_path / "best", TASKS, **CONSTANT, metric=metric, steps=len(values))
    assert [event["validation"][metric] for event in validations_of(run)] == values
    assert [event["step"] for event in validations_of(run) if event["better"]][-1] == best

    monkeypatch.undo()
    until = trained(corpus, tmp_path / "until", TASKS, **CONSTANT, steps=best, keep="last")
    assert weights_of(run / "model.safetensors") == weights_of(until / "model.safetensors")


def test_the_last_weights_are_kept_where_that_is_asked(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, "micro_f1", [0.9, 0.5, 0.4])
    last = trained(corpus, tmp_path / "last", **CONSTANT, steps=3, keep="last")

    monkeypatch.undo()
    whole = trained(corpus, tmp_path / "whole", **CONSTANT, steps=3, keep="last", metric="loss")
    assert weights_of(last / "model.safetensors") == weights_of(whole / "model.safetensors")


@pytest.mark.parametrize(
    ("patience", "values", "better"),
    [
        (1, [0.1, 0.2, 0.2, 0.9], [True, True, False]),
        (2, [0.3, 0.2, 0.4, 0.1, 0.4, 0.9], [True, False, True, False, False]),
        (3, [0.3, 0.2, 0.1, 0.0, 0.9], [True, False, False, False]),
    ],
)
def test_training_stops_after_so_many_validations_without_a_better_one(
    patience: int,
    values: list[float],
    better: list[bool],
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script(monkeypatch, "micro_f1", values)
    run = trained(corpus, tmp_path, evaluate_every=3, steps=60, patience=patience)

    assert [event["better"] for event in validations_of(run)] == better
    assert [event["step"] for event in validations_of(run)] == [3 * (place + 1) for place in range(len(better))]


def test_stopping_early_survives_an_interruption(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second validation of three in vain has been seen when the process ends."""
    spec = spec_on(corpus, training={"evaluate_every": 2, "steps": 60, "patience": 3})
    script(monkeypatch, "micro_f1", [0.3, 0.2, 0.1])
    with pytest.raises(Killed):
        labelloom.train(spec, output=tmp_path, reporter=KilledAfter(7))
    script(monkeypatch, "micro_f1", [0.0, 0.9])

    run = labelloom.resume(tmp_path / "small" / "0").path

    assert [event["better"] for event in validations_of(run)] == [True, False, False, False]


def test_validation_comes_once_an_epoch_and_at_the_end(corpus: Path, tmp_path: Path) -> None:
    assert [event["step"] for event in validations_of(trained(corpus, tmp_path, epochs=2.5))] == [3, 6, 8]


def test_a_precision_at_another_depth_joins_the_usual_ones(corpus: Path, tmp_path: Path) -> None:
    said = Said()
    spec = spec_on(corpus, training={"metric": "precision@7", "epochs": 1})
    run = labelloom.train(spec, output=tmp_path, reporter=said).path

    [event] = validations_of(run)
    assert {"precision@1", "precision@3", "precision@5", "precision@7"} <= event["validation"].keys()
    [(step, shown, better)] = said.validations
    assert (step, list(shown), better) == (3, ["precision@7", "micro_f1", "macro_f1"], True)
    # Six labels only: the seventh place is always wrong.
    assert event["validation"]["precision@7"] == pytest.approx(np.mean(label_counts(corpus)) / 7)


def label_counts(corpus: Path) -> np.ndarray:
    return load_corpus(DataSettings(source=str(corpus))).validation.label_sets.counts


def test_losses_on_validation_are_those_of_the_saved_model(corpus: Path, tmp_path: Path) -> None:
    """Summed over all documents, in eval mode, and divided once: not a mean of batches of unequal size."""
    run = trained(corpus, tmp_path, TASKS, metric="loss", epochs=1, batch_size=5)

    validation = load_corpus(DataSettings(source=str(corpus))).validation
    scores = load(run, allow_local_code=True).predictions(validation).ranking.to_dense().astype(np.float64)
    truth = np.zeros_like(scores)
    truth[validation.label_sets.rows, validation.label_sets.values] = 1
    by_hand = -(truth * np.log(scores) + (1 - truth) * np.log(1 - scores)).sum() / len(validation)
    found = validations_of(run)[-1]["validation"]
    assert found["loss.bce"] == pytest.approx(by_hand, rel=1e-4)
    assert found["loss"] == pytest.approx(found["loss.bce"] + 0.5 * found["loss.cardinality"])


def test_what_tasks_count_is_told_over_what_they_count(corpus: Path, tmp_path: Path) -> None:
    """Over documents with two labels or more, of which the batches of five have different numbers."""
    said = Said()
    training = {"metric": "cardinality.near", "epochs": 8, "batch_size": 5, "keep": "last"}
    spec = spec_on(corpus, tasks=TASKS, training=training)
    run = labelloom.train(spec, output=tmp_path, reporter=said, allow_local_code=True).path

    split = load_corpus(DataSettings(source=str(corpus))).validation
    assembly = load(run, allow_local_code=True).model.assembly
    counts = split.label_sets.counts
    with torch.no_grad():
        document = encoder_of_texts(assembly.model, 6)([split.texts[place] for place in range(len(split))]).document
        out = np.abs(assembly.tasks["cardinality"].get_submodule("out")(document)[:, 0].numpy() - counts)
    assert 0 < (counts >= 2).sum() < len(counts)
    found = validations_of(run)[-1]["validation"]
    assert found["cardinality.near"] == pytest.approx((out < 1)[counts >= 2].mean())
    assert found["cardinality.exact"] == pytest.approx((out < 0.5)[counts >= 2].mean())
    assert found["cardinality.near"] > 0
    assert list(found) == ["loss", "loss.bce", "loss.cardinality", "cardinality.exact", "cardinality.near"]
    assert said.validations[-1][1] == {name: found[name] for name in ("cardinality.near", "cardinality.exact")}


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            "cardinality.exakt",
            "training.metric: the stage 'main' has no 'cardinality.exakt'; its losses are loss, loss.bce, "
            "loss.cardinality, and its tasks count cardinality.exact, cardinality.near\n    try: cardinality.exact",
        ),
        ("bce.accuracy", "training.metric: the stage 'main' has no 'bce.accuracy'; its losses are loss, loss.bce"),
    ],
)
def test_a_log_that_no_task_has_is_refused_before_the_data_loads(metric: str, message: str, tmp_path: Path) -> None:
    spec = spec_on(tmp_path / "nowhere", tasks=TASKS, training={"metric": metric})
    with pytest.raises(SpecError) as error:
        labelloom.train(spec, output=tmp_path, allow_local_code=True)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("logs", "said"),
    [(["share", "extra"], "extra, share"), ([], "none")],
)
def test_logs_other_than_the_record_says_are_refused_before_training(
    logs: list[str], said: str, corpus: Path, tmp_path: Path
) -> None:
    spec = spec_on(corpus, tasks=[{"use": f"{PARTS}:Unrecorded", "logs": logs}])
    with pytest.raises(BundleError) as error:
        labelloom.train(spec, output=tmp_path, allow_local_code=True)
    assert f"its loss has the logs {said}, its record says share\n    try: logs=" in str(error.value)
    assert str(error.value).startswith("tasks.0 (")
    assert not list((tmp_path / "small" / "0").glob("history.jsonl"))


def test_a_log_that_is_not_finite_ends_training(corpus: Path, tmp_path: Path) -> None:
    spec = spec_on(corpus, tasks=[{"use": f"{PARTS}:Unrecorded"}], training={"metric": "loss"})
    with pytest.raises(NonFiniteLossError) as error:
        labelloom.train(spec, output=tmp_path, allow_local_code=True)
    assert "unrecorded.share on validation is not finite after step 3 of stage 'main'" in str(error.value)


def test_no_task_is_called_loss(corpus: Path) -> None:
    with pytest.raises(SpecError) as error:
        validate_spec(spec_on(corpus, tasks=[{"use": "standard/bce", "name": "loss"}]))
    assert "loss is what the sum of a stage's losses is called: give the task another name" in str(error.value)


def test_the_metrics_on_validation_are_those_of_the_fitted_rule(corpus: Path, tmp_path: Path) -> None:
    run = trained(corpus, tmp_path, epochs=1)

    classifier = load(run)
    validation = load_corpus(DataSettings(source=str(corpus))).validation
    answers = classifier.predictions(validation)
    expected = evaluate(
        validation.label_sets,
        answers.predicted,
        answers.ranking,
        probabilities=True,
        propensities=propensities(load_corpus(DataSettings(source=str(corpus))).statistics.frequency, 21),
    )
    assert validations_of(run)[-1]["validation"] == pytest.approx(expected, abs=1e-6)
    assert metrics_of(run)["validation"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("mikro_f1", 'training.metric: no metric is called "mikro_f1"; expected one of micro_f1, macro_f1'),
        ("loss.bse", "training.metric: the stage 'main' has no 'loss.bse'; its losses are loss, loss.bce"),
    ],
)
def test_an_unknown_metric_is_refused_before_the_data_loads(metric: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as error:
        labelloom.train(spec_on(tmp_path / "nowhere", training={"metric": metric}), output=tmp_path)
    assert message in str(error.value)
    assert "try: micro_f1" in str(error.value) or "try: loss.bce" in str(error.value)
    assert not (tmp_path / "small").exists()


def test_what_another_stage_s_task_counts_is_near_no_metric(tmp_path: Path) -> None:
    spec = spec_on(tmp_path / "nowhere", training={"metric": "label-wise-ranking.accuracy"})
    with pytest.raises(SpecError) as error:
        labelloom.train(spec, output=tmp_path)
    assert str(error.value) == (
        "training.metric: the stage 'main' has no 'label-wise-ranking.accuracy'; its losses are loss, loss.bce"
    )


def test_a_stage_hands_on_its_best_weights(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the second stage freezes is what the first one's best validation saw."""
    spec = two_stages(corpus)
    first = spec["stages"][0]
    first["training"] |= {**CONSTANT, "steps": 3, "metric": "micro_f1"}
    script(monkeypatch, "micro_f1", [0.1, 0.5, 0.2, *(0.1 * place for place in range(3))])
    whole = labelloom.train(spec, output=tmp_path).path

    monkeypatch.undo()
    first["training"] |= {"steps": 2, "keep": "last"}
    until = labelloom.train({**spec, "name": "until", "stages": [first]}, output=tmp_path).path
    expected = load_file(until / "model.safetensors")
    for name, weight in load_file(whole / "model.safetensors").items():
        assert weight.equal(expected[name]) == name.startswith(("model.encoder", "tasks.mean")), name


def test_what_cannot_be_measured_or_decided_is_refused_before_training(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depth, "_ENTRIES", 0)
    monkeypatch.setattr(depth, "_LEAST", 4)
    spec = spec_on(corpus, training={"metric": "precision@5"}, decision={"rule": "top-k", "k": 5})
    with pytest.raises(SpecError) as error:
        labelloom.train(spec, output=tmp_path)
    assert str(error.value) == (
        "training.metric: precision@5 needs the best 5 labels; the ranking of 12 documents keeps the best 4 "
        "of 6 labels\n    try: precision@4\n"
        "decision.k: 5 labels cannot be given to every document: of 6 the best 4 are ranked\n    try: k = 4 or less"
    )
    assert not (tmp_path / "small" / "0" / "spec.toml").exists()


def test_a_rare_labels_metric_and_one_of_probabilities_may_choose(corpus: Path, tmp_path: Path) -> None:
    for metric in ("psp@3", "calibration_error", "lrap"):
        run = trained(corpus, tmp_path / metric, epochs=1, metric=metric)
        assert validations_of(run)[-1]["validation"][metric] == pytest.approx(metrics_of(run)["validation"][metric])


def test_a_decision_fitted_on_few_documents_is_warned_of(corpus: Path, tmp_path: Path) -> None:
    said = Said()
    labelloom.train(spec_on(corpus, training={"epochs": 1}), output=tmp_path, reporter=said)
    assert "the decision rule is fitted on 12 documents: with fewer than 50 it may be far off" in said.lines
