"""The other rules of checking, and what shows only when the parts are built."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import labelloom
from labelloom.compose.check import check
from labelloom.errors import CompositionError, Problem
from labelloom.spec import read_spec

from .cases import (
    BCE,
    BERT,
    BILSTM,
    BPR,
    CANDIDATES,
    CLCP,
    CLRL,
    CO_ATTENTION,
    CONTRAST,
    ENCODER,
    INFO_NCE,
    JOINT,
    LABEL_LINEAR,
    LABEL_MASK,
    LINEAR,
    LW_LSTM,
    MLP,
    NCF,
    NEGATIVES,
    PLCP,
    PREDICTOR,
    RANKING,
    TABLE,
    Table,
    paired,
    spec,
    stage,
)
from .conftest import WriteSpec
from .refusals import Refuse, main, model, only


def test_every_refusal_comes_without_torch(write_spec: WriteSpec, workplace: Path) -> None:
    file = write_spec(spec("wrong", model(BILSTM, LINEAR), main(BCE, CLRL)))
    code = (
        "import sys\n"
        "from labelloom.compose.check import check\n"
        "from labelloom.errors import CompositionError\n"
        "from labelloom.spec import read_spec\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "try:\n"
        "    check(*read_spec(sys.argv[1]))\n"
        "except CompositionError as error:\n"
        "    print(error)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    made = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert "clmil/clrl needs labels" in made.stdout


def test_pairs_that_nobody_reads(refuse: Refuse) -> None:
    problem = only(refuse(model(BERT, LINEAR), main(BCE, samplers=(CONTRAST,))), "samplers.0")
    assert problem.message == "clmil/label-frequency-contrast draws relation, which nothing in this stage reads"
    assert '[[tasks]] use = "clmil/info-nce" reads relation' in problem.suggestions
    # That something reads its other draws does not make up for rows that are drawn for nothing.
    problem = only(refuse(model(LW_LSTM, LABEL_LINEAR), main(BCE, samplers=(CANDIDATES,))), "samplers.0")
    assert problem.message == "lwpt/candidates draws relation, which nothing in this stage reads"


def test_two_samplers_that_draw_one_thing(refuse: Refuse) -> None:
    both = stage("pretrain", [RANKING, INFO_NCE], [CANDIDATES, CONTRAST])
    problem = only(refuse(model(LW_LSTM, MLP), both, stage("classify", [BCE])), "stages.0.samplers.1")
    assert problem.message == (
        "clmil/label-frequency-contrast draws relation, as stages.0.samplers.0 (lwpt/candidates) does already"
    )
    problems = refuse(model(LW_LSTM, LABEL_LINEAR), main(BCE, RANKING, samplers=(NEGATIVES, CANDIDATES)))
    assert only(problems, "samplers.1").message.startswith("lwpt/candidates draws candidates, as samplers.0 ")


def test_a_document_made_of_some_labels(refuse: Refuse, workplace: Path) -> None:
    (workplace / "mixed.py").write_text(
        "from labelloom import Component, LabelModule\n"
        "class Mixed(LabelModule):\n"
        '    component = Component(kind="label_module", needs={"labels"}, gives={"document"})\n'
        "class FromText(LabelModule):\n"
        '    component = Component(kind="label_module", needs={"maacf.text"}, gives={"aspects"})\n'
    )
    mixed = {"use": "./mixed.py:Mixed"}
    problem = only(refuse(model(LW_LSTM, LINEAR, mixed), main(BCE), local=True), "model.label_modules.0")
    assert 'makes document from labels, so its record must say labels="all"' in problem.message
    # A bundle's own field is on the label side where its record's axes say so.
    wrong = {"use": "./mixed.py:FromText"}
    aspects = {"use": "maacf/multi-aspect", "encoder": BILSTM, "n": 2}
    problems = refuse(model(aspects, LINEAR, TABLE, CO_ATTENTION, wrong), main(BCE), local=True)
    assert "makes aspects from maacf.text" in only(problems, "model.label_modules.2").message


def test_a_held_part_that_lacks_what_it_needs(refuse: Refuse) -> None:
    chain = {
        "use": "standard/chain",
        "encoder": paired(LW_LSTM),
        "label_modules": [{"use": "standard/label-attention"}],
    }
    problem = only(refuse(model(chain, LABEL_LINEAR), main(BCE)), "model.encoder.label_modules.0")
    assert problem.message == "standard/label-attention needs tokens; inside standard/chain is labels"


def test_a_part_that_needs_and_gives_one_field_ends_in_a_message(refuse: Refuse, workplace: Path) -> None:
    (workplace / "sharpen.py").write_text(
        "from labelloom import Component, LabelModule\n"
        "class Sharpen(LabelModule):\n"
        '    component = Component(kind="label_module", needs={"labels", "tokens"}, gives={"labels"})\n'
    )
    sharpen = {"use": "./sharpen.py:Sharpen"}
    problem = only(refuse(model(BERT, LINEAR, sharpen, sharpen), main(BCE, CLRL), local=True), "model.label_modules.0")
    file = workplace / "sharpen.py"
    assert problem.message == (
        f"{file}:Sharpen needs labels, and nothing here gives it (there: document, scores, tokens); without it "
        f"model.label_modules.1 ({file}:Sharpen) and tasks.1 (clmil/clrl) cannot run either"
    )
    assert '[[model.label_modules]] use = "standard/label-attention" gives labels' in problem.suggestions


def test_two_tasks_of_one_name(refuse: Refuse) -> None:
    problem = only(refuse(model(BERT, LINEAR), main(BCE, BCE)), "tasks.1.name")
    assert problem.message == "two tasks are called 'bce': give one another name"


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({**PLCP, "name": "labels"}, "'labels' is laco/clcp on main at stages.0.tasks.1 and laco/plcp on main here"),
        ({**CLCP, "name": "labels", "weight": 2.0}, ""),
    ],
    ids=["another component", "another weight is fine"],
)
def test_one_name_in_two_stages_is_one_task(second: Table, words: str, refuse: Refuse, write_spec: WriteSpec) -> None:
    stages = (stage("first", [BCE, {**CLCP, "name": "labels"}]), stage("second", [BCE, second]))
    if not words:
        check(*read_spec(write_spec(spec("right", model(JOINT, LABEL_LINEAR), *stages))))
        return
    problem = only(refuse(model(JOINT, LABEL_LINEAR), *stages), "stages.1.tasks.1.name")
    assert words in problem.message


@pytest.mark.parametrize("field", ["freeze", "reset"])
def test_a_misspelt_path(field: str, refuse: Refuse) -> None:
    wrong = {**stage("second", [BCE]), field: ["model.encoder", "model.predicter"]}
    problem = only(refuse(model(BERT, LINEAR), stage("first", [BCE]), wrong), f"stages.1.{field}.1")
    assert problem.message == "no part has the path 'model.predicter'"
    assert problem.suggestions[0] == "model.predictor"


def test_a_stage_option_that_the_component_does_not_allow(refuse: Refuse) -> None:
    wrong = stage("first", [BCE], options={ENCODER: {"max_length": 20}})
    problem = only(refuse(model(JOINT, LABEL_LINEAR), wrong), "stages.0.options.model.encoder.max_length")
    assert problem.message == "laco/joint-encoder lets a stage change dropout, text_alone, not 'max_length'"
    wrong = stage("first", [BCE], options={"model.encode": {"text_alone": True}})
    problem = only(refuse(model(JOINT, LABEL_LINEAR), wrong), "stages.0.options.model.encode")
    assert problem.message == "no part has the path 'model.encode'"
    assert ENCODER in problem.suggestions


def chained(*modules: str) -> dict[str, object]:
    """The joint encoder inside a chain."""
    return {"use": "standard/chain", "encoder": JOINT, "label_modules": [{"use": name} for name in modules]}


ALONE = {"model.encoder.encoder": {"text_alone": True}}


def test_a_stage_may_change_options_of_a_held_part(write_spec: WriteSpec, tmp_path: Path) -> None:
    first = stage("contrast", [INFO_NCE], [CONTRAST], options=ALONE)
    whole = spec("held", model(chained("standard/label-attention"), LABEL_LINEAR), first, stage("classify", [BCE]))
    contrast, classify = check(*read_spec(write_spec(whole))).stages
    assert "labels" not in contrast.model.encoder.held["encoder"].signature.gives
    assert "labels" in classify.model.encoder.held["encoder"].signature.gives
    assert labelloom.train(write_spec(whole), output=tmp_path).path.is_dir()


def test_a_stage_option_that_a_holder_cannot_live_with(refuse: Refuse) -> None:
    first = stage("contrast", [INFO_NCE], [CONTRAST], options=ALONE)
    problem = only(
        refuse(model(chained("laco/cross-attention"), LINEAR), first, stage("classify", [BCE])),
        "model.encoder.label_modules.0",
    )
    assert "under the options of stage 'contrast', laco/cross-attention needs labels | label_table" in problem.message


def test_a_fixed_threshold_on_scores_that_only_rank(write_spec: WriteSpec) -> None:
    whole = spec("ranks", model(BERT, LINEAR), main(BPR, samplers=(NEGATIVES,)))
    check(*read_spec(write_spec(whole)))
    with pytest.raises(CompositionError, match="a fixed threshold is a probability") as caught:
        check(*read_spec(write_spec({**whole, "decision": {"rule": "fixed"}})))
    assert caught.value.problems[0].where == "decision.rule"
    check(*read_spec(write_spec({**whole, "decision": {"rule": "fixed", "calibration": "platt"}})))
    with pytest.raises(CompositionError) as caught:
        check(*read_spec(write_spec({**whole, "decision": {"calibration": "temperature"}})))
    assert str(caught.value) == (
        "decision.calibration: a temperature divides logits of probabilities, and the losses of this model train its "
        'scores to rank only\n    try: calibration = "platt"'
    )


def test_a_fixed_threshold_on_a_distribution(write_spec: WriteSpec) -> None:
    whole = {**spec("share", model(BERT, LINEAR), main({"use": "standard/softmax"})), "decision": {"rule": "fixed"}}
    with pytest.raises(CompositionError, match="train its scores to share 1 among all labels") as caught:
        check(*read_spec(write_spec(whole)))
    assert caught.value.problems[0].where == "decision.rule"


def test_an_unknown_option(refuse: Refuse) -> None:
    problem = only(refuse(model({**LW_LSTM, "hiden": 3}, MLP), main(BCE)), "model.encoder.hiden")
    assert problem.message == "unknown key 'hiden'"
    assert "hidden" in problem.suggestions


def test_a_predictor_that_rests_on_what_only_training_draws(refuse: Refuse, workplace: Path) -> None:
    (workplace / "leaning.py").write_text(
        "from labelloom import Component, Predictor\n"
        "class Leaning(Predictor):\n"
        '    component = Component(kind="predictor", needs={"document", "relation"}, gives={"scores"})\n'
    )
    leaning = {"use": "./leaning.py:Leaning"}
    problem = only(refuse(model(BERT, leaning), main(BCE, samplers=(CONTRAST,)), local=True), PREDICTOR)
    assert "leaning.py:Leaning needs relation, and nothing here gives it" in problem.message


def test_a_task_on_the_trunk_that_wants_what_a_branch_has(refuse: Refuse) -> None:
    branches = [
        {"name": "one", "label_modules": [{"use": "standard/label-attention"}], "predictor": LABEL_LINEAR},
        {"name": "two", "predictor": LINEAR},
    ]
    tasks = ({**BCE, "name": "a", "branch": "one"}, {**BCE, "name": "b", "branch": "two"}, CLRL)
    problem = only(refuse({"encoder": BERT, "branches": branches}, main(*tasks)), "tasks.2")
    assert 'the branches one give it: say which with branch = "one"' in problem.message
    wrong = ({**BCE, "name": "a", "branch": "one"}, {**BCE, "name": "b", "branch": "to"})
    problem = only(refuse({"encoder": BERT, "branches": branches}, main(*wrong)), "tasks.1.branch")
    assert problem.message == "there is no branch 'to'"
    assert problem.suggestions == ("one", "two")


# What shows when the parts are built.


def build_error(write_spec: WriteSpec, workplace: Path, whole: Table) -> Problem:
    """What training says before its first step."""
    with pytest.raises(CompositionError) as told:
        labelloom.train(write_spec(whole), output=workplace / "refused")
    (problem,) = told.value.problems
    return problem


def test_one_task_that_would_meet_two_widths(write_spec: WriteSpec, workplace: Path) -> None:
    # In the first stage roles send each row through one twin, in the second every row goes through both.
    stages = (stage("pretrain", [RANKING, CLRL], [CANDIDATES]), stage("classify", [BCE, CLRL]))
    problem = build_error(write_spec, workplace, spec("two-widths", model(paired(LW_LSTM), MLP), *stages))
    assert problem.where == "stages.1.tasks.1"
    assert problem.message == "clmil/clrl would meet labels 32 in 'pretrain' and labels 64 in 'classify'"


def test_sizes_that_cannot_work_come_with_the_arithmetic(write_spec: WriteSpec, workplace: Path) -> None:
    whole = spec("no-room", model({**JOINT, "max_length": 7}, LABEL_LINEAR), main(BCE))
    problem = build_error(write_spec, workplace, whole)
    assert problem.where == "model.encoder"
    assert problem.message.startswith("laco/joint-encoder: ")
    assert "7" in problem.message
    assert "6" in problem.message


def test_sizes_of_a_held_part_are_told_at_its_own_place(write_spec: WriteSpec, workplace: Path) -> None:
    twins = paired(LW_LSTM, {**JOINT, "max_length": 7})
    problem = build_error(write_spec, workplace, spec("no-room-inside", model(twins, MLP), main(BCE)))
    assert problem.where == "model.encoder.candidate"


def test_a_text_side_that_is_not_there(refuse: Refuse) -> None:
    problem = only(refuse(model(LABEL_MASK, {**NCF, "text": "maacf.text"}), main(BCE)), PREDICTOR)
    assert "maacf/ncf needs maacf.text, and nothing here gives it" in problem.message
    assert problem.suggestions[0].startswith('[[model.label_modules]] use = "maacf/co-attention" gives maacf.text')
