"""A spec that extends another may use the other way to say a thing."""

from __future__ import annotations

from labelloom.spec.merging import merge

PARENT = {
    "model": {"encoder": {"use": "a/b", "width": 3}, "predictor": {"use": "a/c"}},
    "tasks": [{"use": "a/d"}],
    "samplers": [{"use": "a/e"}],
}


def test_branches_take_the_place_of_a_predictor() -> None:
    merged = merge(PARENT, {"model": {"branches": [{"name": "one"}]}})
    assert merged["model"] == {"encoder": {"use": "a/b", "width": 3}, "branches": [{"name": "one"}]}
    assert merge(merged, {"model": {"predictor": {"use": "a/f"}}})["model"].keys() == {"encoder", "predictor"}


def test_stages_take_the_place_of_losses_at_the_top() -> None:
    merged = merge(PARENT, {"stages": [{"name": "one"}]})
    assert merged == {"model": PARENT["model"], "stages": [{"name": "one"}]}
    assert merge(merged, {"tasks": [{"use": "a/g"}]}) == {"model": PARENT["model"], "tasks": [{"use": "a/g"}]}


def test_other_keys_stay() -> None:
    assert merge(PARENT, {"model": {"encoder": {"width": 4}}})["model"]["predictor"] == {"use": "a/c"}
