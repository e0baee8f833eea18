"""`--set key=value`: the key is TOML's, the value is TOML or else a plain string."""

from __future__ import annotations

import pytest

from labelloom.errors import SpecError
from labelloom.spec import Spec, read_spec
from labelloom.spec.overrides import typed_keys

from .cases import changed

TASKS = [{"use": "standard/bce"}, {"use": "clmil/clrl", "weight": 0.35}, {"use": "standard/bce", "name": "again"}]


def overridden(*overrides: str, **changes: object) -> Spec:
    return read_spec(changed({"tasks": [dict(task) for task in TASKS], **changes}), overrides)[0]


def refusal(*overrides: str) -> str:
    with pytest.raises(SpecError) as caught:
        overridden(*overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("model.encoder.x=3", 3),
        ("model.encoder.x=3.0", 3.0),
        ("model.encoder.x=1e-3", 1e-3),
        ("model.encoder.x=true", True),
        ("model.encoder.x=word", "word"),
        ("model.encoder.x=two words", "two words"),
        ('model.encoder.x="3"', "3"),
        ("model.encoder.x='3'", "3"),
        ("model.encoder.x=[1, 2]", [1, 2]),
        ("model.encoder.x={y = 1}", {"y": 1}),
        ("model.encoder.x=True", "True"),
        ("model.encoder.x=a=b", "a=b"),
        ("model.encoder.x=a#b", "a#b"),
        ("model.encoder.x=", ""),
        (" model . encoder . x = 3 ", 3),
        ("model.encoder.\"x\"=3", 3),
    ],
)  # fmt: skip
def test_the_type_of_a_value(override, value):
    assert overridden(override).model.encoder.options == {"x": value}


def test_later_ones_win():
    assert overridden("seed=1", "seed=2").seed == 2


def test_tables_that_are_not_there_are_made():
    spec = overridden("training.epochs=3", "decision.rule=top-k", "decision.k=2")
    assert (spec.training.epochs, spec.decision.k) == (3, 2)


def test_whole_tables_and_lists():
    assert overridden('tasks=[{use = "standard/bce"}]').tasks[0].name == "bce"
    assert overridden("training={epochs = 2}").training.epochs == 2


def test_a_key_with_a_dot_of_its_own_stands_in_quotes():
    spec = overridden('training.rates."model.encoder"=2e-5', "training.rates.model=1e-3")
    assert spec.training.rates == {"model.encoder": 2e-5, "model": 1e-3}
    stage = {"name": "one", "tasks": [{"use": "standard/bce"}]}
    spec = overridden("stages.one.options.'model.encoder'.max_length=9", tasks=[], stages=[stage])
    assert spec.stages[0].options == {"model.encoder": {"max_length": 9}}


def test_an_item_of_a_list_by_number_by_name_and_by_component():
    spec = overridden("tasks.0.weight=5", "tasks.clrl.weight=6", "tasks.again.weight=7")
    assert [task.weight for task in spec.tasks] == [5, 6, 7]
    spec = overridden("tasks.1={use = 'standard/other'}", "tasks.other.weight=2", "tasks.bce.weight=3")
    assert [(task.name, task.weight) for task in spec.tasks] == [("bce", 3), ("other", 2), ("again", 1)]


def test_a_stage_by_name():
    stages = [{"name": name, "tasks": [{"use": "standard/bce"}]} for name in ("first", "second")]
    spec = overridden("stages.second.training.epochs=4", "stages.second.tasks.bce.weight=2", tasks=[], stages=stages)
    assert spec.stages[0].training is None
    assert spec.phase_training(1).epochs == 4
    assert spec.stages[1].tasks[0].weight == 2


def test_another_component_drops_the_options_of_the_old_one_but_not_weight_and_name():
    spec = overridden(
        "model.encoder.use=standard/transformer",
        "model.encoder.max_length=9",
        "tasks.again.use=clmil/info-nce",
        **{"model.encoder": {"use": "standard/bilstm", "hidden": 3}, "tasks.2.weight": 4, "tasks.2.reduction": "mean"},
    )
    assert spec.model.encoder.model_dump() == {"use": "standard/transformer", "max_length": 9}
    assert spec.tasks[2].model_dump(exclude_none=True) == {"use": "clmil/info-nce", "name": "again", "weight": 4}
    same = overridden("model.encoder.use=standard/bilstm", **{"model.encoder.hidden": 3})
    assert same.model.encoder.options == {"hidden": 3}


def test_paths_start_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "specs").mkdir()
    monkeypatch.chdir(tmp_path / "specs")
    assert overridden("data.source=../corpus").data.source == str(tmp_path / "corpus")
    assert overridden("data.source=corpus").data.source == "corpus"


@pytest.mark.parametrize("override", ["training.epochs", "=3", "", "a b=3", "a..b=3", '"a=3', "[a]=3"])
def test_what_is_no_key_and_value(override):
    assert refusal(override) == (
        f"--set {override}: expected key=value, the key as in TOML\n"
        "    try: --set training.epochs=3\n"
        """    try: --set 'training.rates."model.encoder"=2e-5'"""
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "tasks.7.weight=1",
            "'tasks.7': the list has no '7'\n    try: bce | clrl | again | a number from 0 to 2",
        ),
        ("tasks.clr.weight=1", "'tasks.clr': the list has no 'clr'\n    try: clrl"),
        ("tasks.nothing.weight=1", "'tasks.nothing': the list has no 'nothing'"),
        ("tasks.-1.weight=1", "'tasks.-1': the list has no '-1'"),
        ("tasks.3=1", "'tasks.3': the list has no '3'"),
        ("name.first=1", "'name' is a value, not a table"),
        ("name.first.second=1", "'name.first' lies below a value, not a table"),
        ("tasks.1.weight.x=1", "'tasks.1.weight' is a value, not a table"),
    ],
)
def test_a_place_that_is_not_there(override, message):
    assert refusal(override).startswith(f"--set {override}: {message}")


def test_a_component_that_two_items_have_is_no_name():
    raw = {"tasks": [{"use": "standard/bce", "name": ""}, {"use": "standard/bce"}]}
    with pytest.raises(SpecError, match="the list has no 'bce'"):
        read_spec(changed(raw), ["tasks.bce.weight=2"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainig.epochs=3", "trainig: unknown key 'trainig'\n    try: training"),
        ("training.epoch=3", "training.epoch: unknown key 'epoch'\n    try: epochs"),
        ("training.epochs=many", "training.epochs: must be a number, not 'many'"),
        ("tasks.0.weight=-1", "tasks.0.weight: must be at least 0, not -1"),
        ("name=2024", "name: must be text in quotes, not 2024"),
        ("extends=other.toml", "extends: unknown key 'extends'"),
    ],
)
def test_what_is_set_is_validated_like_the_file(override, message):
    assert message in refusal(override)


def test_what_is_clearly_meant_is_tried_alone():
    assert refusal("training.step=3") == "training.step: unknown key 'step'\n    try: steps"
    where = "--set tasks.clr.weight=3"
    assert refusal("tasks.clr.weight=3") == f"{where}: 'tasks.clr': the list has no 'clr'\n    try: clrl"


def typed(*overrides: str) -> dict[str, str]:
    return typed_keys({"tasks": [dict(task) for task in TASKS], "seed": 1}, overrides)


def test_items_of_lists_that_were_named_are_known_by_their_numbers():
    assert typed("tasks.clrl.weight=3", "tasks.0.weight=3", "seed=3") == {"tasks.1": "tasks.clrl"}
    # What is no longer called so, or lies below a value, has its number.
    assert typed("tasks.gone.weight=3", "tasks.2.weight.x=3", "seed.x.y=3", "nonsense") == {}
