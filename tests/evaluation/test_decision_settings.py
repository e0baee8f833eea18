from __future__ import annotations

import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from labelloom.spec.decision import DecisionSettings


def test_defaults():
    settings = DecisionSettings()
    assert (settings.rule, settings.fitted_for, settings.k, settings.at_least_one) == (
        "fitted",
        "micro_f1",
        None,
        False,
    )
    assert DecisionSettings(rule="per-label").fitted_for == "macro_f1"
    assert DecisionSettings(rule="per-label", metric="micro_f1").fitted_for == "micro_f1"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"metric": "macro_f1", "at_least_one": True},
        {"rule": "fixed", "threshold": 0.3},
        {"rule": "top-k", "k": 5, "at_least_one": True},
        {"rule": "per-label", "metric": "micro_f1", "min_support": 5, "shrinkage": 0.0},
        {"rule": "fixed", "metric": "micro_f1"},
        {"calibration": "platt"},
    ],
)
def test_settings_written_out_with_all_defaults_are_still_valid(values):
    settings = DecisionSettings(**values)
    assert DecisionSettings(**settings.model_dump()) == settings
    assert DecisionSettings(**settings.model_dump(exclude_none=True)) == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rule": "top-k"}, 'rule = "top-k" needs k, the number of labels that each document gets: write k = 5, say'),
        ({"k": 5}, 'k = 5 means something only with rule = "top-k"; the rule here is "fitted"'),
        ({"rule": "fixed", "k": 5}, 'k = 5 means something only with rule = "top-k"; the rule here is "fixed"'),
        ({"threshold": 0.3}, 'threshold = 0.3 means something only with rule = "fixed"; the rule here is "fitted"'),
        (
            {"rule": "top-k", "k": 1, "threshold": 0.3},
            'threshold = 0.3 means something only with rule = "fixed"; the rule here is "top-k"',
        ),
        (
            {"rule": "fixed", "metric": "macro_f1"},
            'metric = "macro_f1" means something only with rule = "fitted" or rule = "per-label"; the rule here is '
            '"fixed"',
        ),
        ({"min_support": 2}, 'min_support = 2 means something only with rule = "per-label"; the rule here is "fitted"'),
        (
            {"rule": "top-k", "k": 1, "shrinkage": 0.5},
            'shrinkage = 0.5 means something only with rule = "per-label"; the rule here is "top-k"',
        ),
        ({"rule": "per-label", "min_support": 0}, "Input should be greater than or equal to 1"),
        ({"rule": "per-label", "shrinkage": -1}, "Input should be greater than or equal to 0"),
        ({"rule": "per-label", "shrinkage": float("inf")}, "Input should be a finite number"),
        ({"calibration": "isotonic"}, "Input should be 'none', 'temperature' or 'platt'"),
        ({"rule": "top-k", "k": 0}, "Input should be greater than or equal to 1"),
        ({"rule": "fixed", "threshold": 0}, "Input should be greater than 0"),
        ({"rule": "fixed", "threshold": 1}, "Input should be less than 1"),
        ({"rule": "fixed", "threshold": float("nan")}, "Input should be a finite number"),
        ({"rule": "best"}, "Input should be 'fitted', 'fixed', 'top-k' or 'per-label'"),
        ({"treshold": 0.3}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_contradict_themselves(values, message):
    with pytest.raises(ValidationError) as caught:
        DecisionSettings(**values)
    (error,) = caught.value.errors()
    assert error["msg"].removeprefix("Value error, ") == message


def test_settings_are_light():
    code = "import sys, labelloom.spec.decision; print(sorted({'numpy', 'scipy', 'torch'} & set(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
