"""A misspelt key is an error at its own place, with the nearest right one."""

from __future__ import annotations

import pytest

from labelloom.bundles import Catalogue
from labelloom.compose.check import check
from labelloom.compose.checked import read_checked
from labelloom.errors import CompositionError, SpecError
from labelloom.spec import validate_spec
from labelloom.spec.data import DataSettings

from .cases import MINIMAL, changed, problems

BRANCH = {"name": "one", "predictor": {"use": "standard/linear"}}
STAGE = {"name": "one", "tasks": [{"use": "standard/bce"}]}


@pytest.mark.parametrize(
    ("changes", "key", "nearest"),
    [
        ({"sede": 1}, "sede", "seed"),
        ({"modle": {}}, "modle", "model"),
        ({"task": []}, "task", "tasks"),
        ({"model-encoder": {}}, "model-encoder", "model"),
        ({"function-": 1}, "function-", None),
        ({"model.encodr": {}}, "model.encodr", "encoder"),
        ({"model.label_module": []}, "model.label_module", "label_modules"),
        ({"training.learning_rat": 1}, "training.learning_rat", "learning_rate"),
        ({"training.rate": {}}, "training.rate", "rates"),
        ({"decision": {"treshold": 0.5}}, "decision.treshold", "threshold"),
    ],
)
def test_in_a_table(changes, key, nearest):
    (problem,) = problems(changed(changes))
    assert problem.startswith(f"{key}: unknown key {key.rpartition('.')[2]!r}")
    if nearest:
        assert problem.splitlines()[1] == f"    try: {nearest}"


@pytest.mark.parametrize(
    ("table", "raw", "nearest"),
    [
        (
            "model.branches.1",
            {"model.branches": [BRANCH, {**BRANCH, "name": "two", "label_modul": []}]},
            "label_modules",
        ),
        ("model.branches.0", {"model.branches": [{**BRANCH, "shar": 0.5}]}, "share"),
        ("stages.0", {"tasks": None, "stages": [{**STAGE, "freez": []}]}, "freeze"),
        ("stages.0.training", {"tasks": None, "stages": [{**STAGE, "training": {"epoch": 1}}]}, "epochs"),
    ],
)
def test_in_a_list_of_tables(table, raw, nearest):
    changes = {**raw, "model.predictor": None} if "model.branches" in raw else raw
    (problem,) = problems(changed(changes))
    lines = problem.splitlines()
    assert lines[0].startswith(f"{table}.")
    assert "unknown key" in lines[0]
    assert lines[1] == f"    try: {nearest}"


# Keys of [data] that are not the core's own may be options of who reads it, so the catalogue is asked.


def data_problems(**data: object) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read_checked(changed({f"data.{key}": value for key, value in data.items()}))
    return [str(problem) for problem in caught.value.problems]


def test_in_the_table_of_data():
    assert data_problems(sauce="x") == ["data.sauce: unknown key 'sauce'\n    try: source"]
    assert data_problems(sauce="x", delimeter=3) == [
        "data.sauce: unknown key 'sauce'\n    try: source",
        "data.delimeter: unknown key 'delimeter'\n    try: delimiter",
    ]


def test_in_the_table_of_data_and_elsewhere_at_once():
    with pytest.raises(SpecError) as caught:
        read_checked(changed({"data.sauce": "x", "sede": 1, "model.encoder.hiden": 3}))
    assert [problem.where for problem in caught.value.problems] == ["sede", "data.sauce", "model.encoder.hiden"]
    with pytest.raises(SpecError) as caught:
        read_checked(changed({"data.sauce": "x", "model.encoder.hiden": 3}))
    assert [problem.where for problem in caught.value.problems] == ["data.sauce", "model.encoder.hiden"]


def test_nothing_near_brings_every_key():
    (problem,) = data_problems(qqqqqq=1)
    keys = [line.removeprefix("    try: ") for line in problem.splitlines()[1:]]
    assert keys == sorted(DataSettings.model_fields)


# Options of parts are checked by the part's own config.


def part_problems(raw: dict[str, object]) -> list[str]:
    with pytest.raises(CompositionError) as caught:
        check(validate_spec(raw), catalogue=Catalogue())
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model.encoder.hiden": 3}, "model.encoder.hiden: unknown key 'hiden'\n    try: hidden"),
        ({"model.encoder.usee": "x"}, "model.encoder.usee: unknown key 'usee'\n    try: use"),
        ({"model.predictor.drop_out": 0.1}, "model.predictor.drop_out: unknown key 'drop_out'\n    try: dropout"),
        ({"tasks.0.wieght": 0.5}, "tasks.0.wieght: unknown key 'wieght'\n    try: weight"),
        ({"tasks.0.branhc": "x"}, "tasks.0.branhc: unknown key 'branhc'\n    try: branch"),
        ({"tasks.0.reducton": "sum"}, "tasks.0.reducton: unknown key 'reducton'\n    try: reduction"),
        ({"model.encoder.hidden": "big"}, "model.encoder.hidden: must be a whole number, not 'big'"),
        ({"model.encoder.hidden": {"x": 1}}, "model.encoder.hidden: must be a whole number, not a table"),
        ({"model.encoder.cell": "rnn"}, "model.encoder.cell: must be 'lstm' or 'gru', not 'rnn'"),
        (
            {"model.encoder": {"use": "standard/chain", "encoder": {"use": "standard/bilstm", "hiden": 3},
             "label_modules": [{"use": "standard/label-attention"}]}},
            "model.encoder.encoder.hiden: unknown key 'hiden'\n    try: hidden",
        ),
        (
            {"model.encoder": {"use": "standard/chain", "encoder": {"use": "standard/bilstm"},
             "label_modules": [{"use": "standard/label-attention"}, {"use": "standard/label-attention", "droput": 1}]}},
            "model.encoder.label_modules.1.droput: unknown key 'droput'\n    try: dropout",
        ),
        (
            {"model.encoder": {"use": "standard/chain", "encoder": {"use": "standard/bilstm"}, "label_modules": []}},
            "model.encoder.label_modules: must have at least 1 item, not 0",
        ),
        (
            {"model.encoder": {"use": "standard/chain", "encoder": "standard/bilstm",
             "label_modules": [{"use": "standard/label-attention"}]}},
            "model.encoder.encoder: must be a table, not 'standard/bilstm'",
        ),
        (
            {"model.encoder": {"use": "standard/transformer", "random_init": True, "sha256": "0" * 64}},
            "model.encoder: sha256 says which weights to read, but random_init = true reads none",
        ),
        (
            {"model.encoder.use": "standard/bilstn"},
            "model.encoder.use: no installed component is called 'standard/bilstn'",
        ),
        (
            {"model.encoder.use": "standard/bce"},
            "model.encoder.use: standard/bce is a task; an encoder is expected here",
        ),
    ],
)  # fmt: skip
def test_an_option_of_a_part(changes, message):
    first, *_ = part_problems(changed(changes))
    assert first.startswith(message)


@pytest.mark.parametrize(
    ("changes", "suggestions"),
    [
        ({"model.encoder.use": "standard/bilstn"}, ("standard/bilstm",)),
        ({"model.encoder.use": "standrad/bilstm"}, ("standard/bilstm",)),
        ({"tasks.0.use": "standard/bec"}, ("standard/bce",)),
        # Nothing of the kind is called alike: what is, is told as what it is.
        ({"model.encoder.use": "standard/bcee"}, ("standard/bce, but that is a task",)),
        ({"model.predictor.use": "standard/bilstn"}, ("standard/bilstm, but that is an encoder",)),
        # The kind is wrong: a name would be a guess.
        ({"model.encoder.use": "standard/bce"}, ("labelloom list encoders",)),
        ({"model.label_modules": [{"use": "standard/bce"}]}, ("labelloom list label-modules",)),
    ],
)
def test_names_of_the_right_kind_come_first(changes, suggestions):
    with pytest.raises(CompositionError) as caught:
        check(validate_spec(changed(changes)), catalogue=Catalogue())
    assert caught.value.problems[0].suggestions == suggestions


def test_an_option_in_a_stage_and_in_a_branch():
    stage = {**STAGE, "tasks": [{"use": "standard/bce", "reducton": "sum"}]}
    branch = {**BRANCH, "label_modules": [{"use": "standard/label-attention", "droput": 1}]}
    raw = changed({"tasks": None, "stages": [stage], "model.predictor": None, "model.branches": [branch]})
    assert part_problems(raw) == [
        "model.branches.0.label_modules.0.droput: unknown key 'droput'\n    try: dropout",
        "stages.0.tasks.0.reducton: unknown key 'reducton'\n    try: reduction",
    ]


def test_a_component_without_options(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from labelloom import Component\nclass Mine:\n    component = Component(kind='predictor', gives={'scores'})\n"
    )
    spec = validate_spec(changed({"model.predictor": {"use": f"{tmp_path}/mine.py:Mine", "width": 3}}))
    with pytest.raises(CompositionError) as caught:
        check(spec, tmp_path, allow_local_code=True)
    assert str(caught.value) == "model.predictor.width: unknown key 'width'\n    try: use"


def test_the_smallest_spec_is_fine():
    assert check(validate_spec(MINIMAL)).stages[0].name == "main"


def test_a_misspelt_key_that_is_required_is_one_problem():
    spec = {**MINIMAL, "data": {"sorce": "x"}}
    assert problems(spec) == ["data.sorce: unknown key 'sorce'\n    try: source"]
