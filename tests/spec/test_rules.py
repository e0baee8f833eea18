"""What a spec may say: every rule of its models, with the message that a person reads."""

from __future__ import annotations

import math

import pytest

from labelloom.spec import StageSpec, TrainingSettings, validate_spec

from .cases import changed, problems

BRANCH = {"name": "one", "predictor": {"use": "standard/linear"}}
STAGE = {"name": "one", "tasks": [{"use": "standard/bce"}]}


def test_the_smallest_spec():
    spec = validate_spec(changed({}))
    assert (spec.seed, spec.tasks[0].name, spec.tasks[0].weight) == (0, "bce", 1.0)
    assert [stage.name for stage in spec.phases] == ["main"]
    assert spec.phase_key(0) == ""
    assert spec.phase_training(0) is spec.training


@pytest.mark.parametrize(
    ("use", "name"),
    [("standard/bce", "bce"), ("clmil/info-nce", "info-nce"), ("./my_part.py:MyTask", "mytask")],
)
def test_a_task_is_called_like_its_component(use, name):
    assert validate_spec(changed({"tasks": [{"use": use}]})).tasks[0].name == name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # Missing.
        ({"name": None}, "name: missing: this key is required"),
        ({"data": None}, "data: missing: this key is required"),
        ({"data.source": None}, "data.source: missing: this key is required"),
        ({"model": None}, "model: missing: this key is required"),
        ({"model.encoder": None}, "model.encoder: missing: this key is required"),
        ({"model.encoder.use": None}, "model.encoder.use: missing: this key is required"),
        ({"tasks": [{}]}, "tasks.0.use: missing: this key is required"),
        ({"tasks": None}, 'there is nothing to train: add [[tasks]], for example use = "standard/bce"'),
        # Of another type.
        ({"name": 3}, "name: must be text in quotes, not 3"),
        ({"data": "arxiv-mini"}, "data: must be a table, not 'arxiv-mini'"),
        ({"model": []}, "model: must be a table, not a list\n    try: [model] with single brackets"),
        (
            {"model.encoder": [{"use": "standard/bilstm"}]},
            "model.encoder: must be a table, not a list\n    try: [model.encoder] with single brackets",
        ),
        (
            {"tasks": {"use": "standard/bce"}},
            "tasks: must be a list, not a table\n    try: [[tasks]] with double brackets",
        ),
        ({"tasks": ["standard/bce"]}, "tasks.0: must be a table, not 'standard/bce'"),
        ({"model.predictor": "standard/linear"}, "model.predictor: must be a table, not 'standard/linear'"),
        ({"model.encoder.use": ["standard/bilstm"]}, "model.encoder.use: must be text in quotes, not a list"),
        ({"training.rates": 3}, "training.rates: must be a table, not 3"),
        ({"seed": "x"}, "seed: must be a whole number, not 'x'"),
        ({"seed": {}}, "seed: must be a whole number, not a table"),
        # Out of range.
        ({"seed": -1}, "seed: must be at least 0, not -1"),
        ({"name": "../x"}, "name: must be letters, digits, ., _ and -, a letter or digit first, not '../x'"),
        ({"data.source": ""}, "data.source: must not be empty"),
        ({"data.validation": 0.6}, "data.validation: must be at most 0.5, not 0.6"),
        ({"training.epochs": 0}, "training.epochs: must be more than 0, not 0"),
        ({"training.epochs": math.inf}, "training.epochs: must be a finite number, not inf"),
        ({"training.learning_rate": math.nan}, "training.learning_rate: must be a finite number, not nan"),
        ({"training.steps": 0}, "training.steps: must be more than 0, not 0"),
        (
            {"training.steps": 2.5},
            "training.steps: must be a whole number, not 2.5",
        ),
        ({"training.warmup": 1}, "training.warmup: must be less than 1, not 1"),
        ({"training.betas": [0.9, 1.0]}, "training.betas.1: must be less than 1, not 1.0"),
        ({"training.betas": [0.9]}, "training.betas.1: missing: this key is required"),
        (
            {"training.rates": {"model.encoder": 0}},
            "training.rates.model.encoder: must be more than 0, not 0",
        ),
        ({"training.clip_norm": 0}, "training.clip_norm: must be more than 0, not 0"),
        ({"training.precision": "fp8"}, "training.precision: must be 'fp32', 'bf16' or 'fp16', not 'fp8'"),
        (
            {"training.decay": "step"},
            "training.decay: must be 'linear', 'cosine', 'constant' or 'exponential', not 'step'",
        ),
        ({"tasks.0.weight": -1}, "tasks.0.weight: must be at least 0, not -1"),
        ({"tasks.0.weight": math.inf}, "tasks.0.weight: must be a finite number, not inf"),
        ({"tasks.0.name": "a.b"}, "tasks.0.name: must be lower-case letters, digits, _ and -, not 'a.b'"),
        ({"decision": {"rule": "top-k"}}, 'decision: rule = "top-k" needs k'),
        # Contradictions.
        (
            {"model.predictor": None},
            "model: a model has either a predictor or branches, each with its own",
        ),
        (
            {"model.branches": [BRANCH]},
            "model: a model has either a predictor or branches, each with its own",
        ),
        ({"stages": [STAGE]}, "with [[stages]], tasks and samplers belong inside each stage"),
    ],
)
def test_what_a_spec_may_not_say(changes, message):
    (problem,) = problems(changed(changes))
    assert problem.startswith(message)


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ([BRANCH, BRANCH], "model: two branches share a name among one, one"),
        (
            [{**BRANCH, "share": 0.5}, {**BRANCH, "name": "two"}],
            "model: either every branch has a share or none has",
        ),
        (
            [{**BRANCH, "share": 0.5}, {**BRANCH, "name": "two", "share": 0.25}],
            "model: the shares of the branches must add up to 1, not 0.75",
        ),
        ([{**BRANCH, "share": 0}], "model.branches.0.share: must be more than 0, not 0"),
        (
            [{**BRANCH, "name": "One"}],
            "model.branches.0.name: must be lower-case letters, digits, _ and -, a letter first, not 'One'",
        ),
        ([{"name": "one"}], "model.branches.0.predictor: missing: this key is required"),
    ],
)
def test_branches(branches, message):
    (problem,) = problems(changed({"model.predictor": None, "model.branches": branches}))
    assert problem.startswith(message)


def test_shares_that_add_up_but_for_rounding():
    shares = [0.1, 0.2, 0.7]
    branches = [{**BRANCH, "name": f"b{place}", "share": share} for place, share in enumerate(shares)]
    model = validate_spec(changed({"model.predictor": None, "model.branches": branches})).model
    assert [branch.share for branch in model.branches] == shares


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([STAGE, STAGE], "two stages share a name among one, one"),
        ([{"name": "one", "tasks": []}], "stages.0.tasks: must have at least 1 item, not 0"),
        ([{"tasks": [{"use": "standard/bce"}]}], "stages.0.name: missing: this key is required"),
        ([{**STAGE, "training": {"epoch": 3}}], "stages.0.training.epoch: unknown key 'epoch'\n    try: epochs"),
        ([{**STAGE, "options": {"model.encoder": 3}}], "stages.0.options.model.encoder: must be a table, not 3"),
        ([{**STAGE, "freeze": "model.encoder"}], "stages.0.freeze: must be a list, not 'model.encoder'"),
    ],
)
def test_stages(stages, message):
    (problem,) = problems(changed({"tasks": None, "stages": stages}))
    assert problem.startswith(message)


def test_every_problem_is_told_at_once():
    found = problems(changed({"seed": -1, "training.epochs": 0, "tasks.0.weight": -1, "modle": {}}))
    assert [problem.partition(":")[0] for problem in found] == ["tasks.0.weight", "training.epochs", "seed", "modle"]


# A stage's settings over those of the whole run.


def merged(base: dict[str, object], stage: dict[str, object] | None) -> TrainingSettings:
    raw = {**STAGE, **({} if stage is None else {"training": stage})}
    return validate_spec(changed({"tasks": None, "stages": [raw], "training": base})).phase_training(0)


def test_a_stage_overrides_what_it_names_and_nothing_else():
    settings = merged({"epochs": 3, "learning_rate": 0.5, "clip_norm": "none"}, {"batch_size": 8, "learning_rate": 0.1})
    assert (settings.epochs, settings.batch_size, settings.learning_rate, settings.clip_norm) == (3, 8, 0.1, None)


def test_a_stage_may_set_a_value_back_to_its_default():
    settings = merged({"batch_size": 8, "keep": "last", "clip_norm": 5}, {"batch_size": 32, "clip_norm": "none"})
    assert (settings.batch_size, settings.keep, settings.clip_norm) == (32, "last", None)


def test_epochs_of_a_stage_replace_steps_of_the_run():
    assert merged({"steps": 100}, {"epochs": 2}).steps is None
    assert merged({"steps": 100}, {"epochs": 2, "steps": 7}).steps == 7
    assert merged({"steps": 100}, {"batch_size": 2}).steps == 100
    assert merged({"epochs": 4}, {"steps": 7}).steps == 7


def test_a_stage_without_settings_has_those_of_the_run():
    assert merged({"epochs": 3}, None).epochs == 3


def test_the_key_of_a_stage():
    spec = validate_spec(changed({"tasks": None, "stages": [STAGE, {**STAGE, "name": "two"}]}))
    assert [spec.phase_key(index) for index in (0, 1)] == ["stages.0.", "stages.1."]
    assert all(isinstance(stage, StageSpec) for stage in spec.phases)
