"""A spec written as TOML reads as the same spec."""

from __future__ import annotations

import tomllib

from hypothesis import HealthCheck, given, settings

from labelloom.spec import Spec, read_spec, spec_to_toml, validate_spec

from .cases import changed, specs


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(specs)
def test_every_spec_survives_being_written_and_read(spec: Spec) -> None:
    text = spec_to_toml(spec)
    again = validate_spec(tomllib.loads(text))
    assert again == spec
    for index in range(len(spec.phases)):
        assert again.phase_training(index) == spec.phase_training(index)
    assert spec_to_toml(again) == text


def test_the_written_spec_holds_every_default(tmp_path):
    spec = validate_spec(changed({}))
    written = tomllib.loads(spec_to_toml(spec))
    assert written["training"]["epochs"] == 10
    assert written["training"]["clip_norm"] == 1.0
    assert written["data"]["text"] == "text"
    assert written["decision"]["rule"] == "fitted"
    assert written["tasks"] == [{"use": "standard/bce", "name": "bce", "weight": 1.0}]
    (tmp_path / "spec.toml").write_text(spec_to_toml(spec), encoding="utf-8")
    assert read_spec(tmp_path / "spec.toml")[0] == spec


def test_no_clipping_is_written_as_a_word():
    spec = validate_spec(changed({"training.clip_norm": "none"}))
    assert spec.training.clip_norm is None
    assert 'clip_norm = "none"' in spec_to_toml(spec)


def test_a_stage_writes_only_what_it_overrides():
    stage = {"name": "one", "tasks": [{"use": "standard/bce"}], "training": {"batch_size": 8}}
    spec = validate_spec(changed({"tasks": None, "stages": [stage], "training.epochs": 3}))
    again = validate_spec(tomllib.loads(spec_to_toml(spec)))
    assert again.stages[0].training == spec.stages[0].training
    assert (again.phase_training(0).epochs, again.phase_training(0).batch_size) == (3, 8)
