"""Specs that are wrong: refused before any data is read, at the right key, in words that say what to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

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
    CROSS,
    ENCODER,
    INFO_NCE,
    JOINT,
    LABEL_LINEAR,
    LABEL_MASK,
    LINEAR,
    LW_LSTM,
    MLM,
    MLP,
    NCF,
    NEGATIVES,
    PLCP,
    PREDICTOR,
    RANKING,
    REVEAL,
    TABLE,
    Table,
    paired,
    spec,
    stage,
)

Refuse = Callable[..., list[Problem]]


@pytest.fixture
def refuse(write_spec: Callable[[Mapping[str, Any]], Path]) -> Refuse:
    """The problems of a spec that composition refuses."""

    def problems(model: Table, *stages: Table, local: bool = False) -> list[Problem]:
        read, folder = read_spec(write_spec(spec("wrong", model, *stages)))
        with pytest.raises(CompositionError) as told:
            check(read, folder, allow_local_code=local)
        return list(told.value.problems)

    return problems


def main(*tasks: Table, samplers: tuple[Table, ...] = ()) -> Table:
    return stage("main", tasks, samplers)


def model(encoder: Table, predictor: Table, *modules: Table) -> Table:
    return {"encoder": encoder, "label_modules": list(modules), "predictor": predictor}


def only(problems: list[Problem], where: str) -> Problem:
    """The single problem, which must be at `where`."""
    assert [problem.where for problem in problems] == [where], problems
    return problems[0]


def suggested(problem: Problem) -> str:
    return "\n".join(problem.suggestions)


# The list of the contract.


def test_label_relations_on_an_encoder_without_labels(refuse: Refuse) -> None:
    problem = only(refuse(model(BILSTM, LINEAR), main(BCE, CLRL)), "tasks.1")
    assert problem.message == "clmil/clrl needs labels, and nothing here gives it (there: document, scores, tokens)"
    # What could join what is there comes before what would replace it, and that before what lacks something itself.
    first, *others = problem.suggestions
    assert first == '[[model.label_modules]] use = "standard/label-attention" gives labels'
    assert '[model.encoder] use = "laco/joint-encoder" gives labels' in others
    assert '[model.encoder] use = "lwpt/lw-lstm" gives labels' in others
    assert '[model.encoder] use = "lmmtc/label-mask-encoder" gives labels' in others
    assert '[[model.label_modules]] use = "standard/label-query" gives labels (it needs label_table)' in others
    assert others[-1].startswith('[[model.label_modules]] use = "maacf/label-groups" gives labels (it needs ')


def test_label_query_without_a_table(refuse: Refuse) -> None:
    query = {"use": "standard/label-query"}
    problem = only(refuse(model(BERT, LINEAR, query), main(BCE, CLCP)), "tasks.1")
    assert problem.message == (
        "laco/clcp needs labels, and nothing here gives it (there: document, scores, tokens); "
        "model.label_modules.0 (standard/label-query) would give labels but lacks label_table"
    )
    assert problem.suggestions[0] == '[[model.label_modules]] use = "standard/label-table" gives label_table'
    assert '[[model.label_modules]] use = "standard/label-attention" gives labels' in problem.suggestions
    # Where no task asks for its labels, it is itself what lacks something.
    problem = only(refuse(model(BERT, LINEAR, query), main(BCE)), "model.label_modules.0")
    assert "standard/label-query needs label_table" in problem.message
    assert problem.suggestions == ('[[model.label_modules]] use = "standard/label-table" gives label_table',)


def test_a_table_that_comes_too_late(refuse: Refuse) -> None:
    problem = only(refuse(model(BERT, LINEAR, {"use": "standard/label-query"}, TABLE), main(BCE, CLCP)), "tasks.1")
    assert "would give labels but lacks label_table" in problem.message
    assert "which model.label_modules.1 (standard/label-table) gives only after it: put that before" in problem.message
    # The loss on scores that cannot be made is no second problem.
    problem = only(refuse(model(BERT, LABEL_LINEAR, {"use": "standard/label-query"}, TABLE), main(BCE)), PREDICTOR)
    assert problem.message.count("put that before") == 1


def test_ranking_without_a_sampler(refuse: Refuse) -> None:
    problems = refuse(model(LW_LSTM, MLP), stage("pretrain", [RANKING]), stage("classify", [BCE]))
    assert [problem.where for problem in problems] == ["stages.0.tasks.0"] * len(problems)
    told = {problem.message.split(",")[0]: problem for problem in problems}
    problem = told["lwpt/label-wise-ranking needs relation"]
    assert '[[samplers]] use = "lwpt/candidates" gives relation' in problem.suggestions


def test_a_predictor_over_every_label_with_drawn_labels(refuse: Refuse) -> None:
    problem = only(refuse(model(LW_LSTM, MLP), main(BCE, samplers=(NEGATIVES,))), PREDICTOR)
    assert problem.message == (
        "lwpt/label-wise-mlp works only on every label, but maacf/negative-labels draws a few of them"
    )
    assert "remove maacf/negative-labels" in problem.suggestions


def test_a_document_made_of_every_label_with_drawn_labels(refuse: Refuse) -> None:
    problem = only(refuse(model(JOINT, LINEAR, CROSS), main(BCE, samplers=(NEGATIVES,))), "model.label_modules.0")
    assert "laco/cross-attention works only on every label" in problem.message


def test_a_held_part_over_every_label_with_drawn_labels(refuse: Refuse) -> None:
    chain = {"use": "standard/chain", "encoder": JOINT, "label_modules": [CROSS]}
    problem = only(
        refuse(model(paired(chain, JOINT), LABEL_LINEAR), main(BCE, samplers=(NEGATIVES,))),
        "model.encoder.target.label_modules.0",
    )
    assert "laco/cross-attention works only on every label" in problem.message


def test_label_relations_while_the_text_is_alone(refuse: Refuse) -> None:
    alone = stage("contrast", [INFO_NCE, CLRL], [CONTRAST], options={ENCODER: {"text_alone": True}})
    problem = only(refuse(model(JOINT, LINEAR, CROSS), alone, stage("classify", [BCE])), "stages.0.tasks.1")
    assert "clmil/clrl needs labels" in problem.message
    assert (
        "model.encoder (laco/joint-encoder) gives it, but not under the options of stage 'contrast'" in problem.message
    )


def test_a_branch_that_only_ranks_in_an_average(refuse: Refuse) -> None:
    branches = [
        {"name": "one", "predictor": LINEAR},
        {"name": "two", "predictor": LINEAR},
    ]
    tasks = ({**BCE, "branch": "one"}, {**BPR, "branch": "two"})
    problem = only(refuse({"encoder": BERT, "branches": branches}, main(*tasks)), "model.branches.1.predictor")
    assert "the branch 'two' is trained to rank only" in problem.message
    assert "cannot be averaged" in problem.message
    assert suggested(problem) == 'add a task that trains probabilities, with branch = "two"'


def test_twins_of_encoders_without_labels(refuse: Refuse) -> None:
    problems = refuse(model(paired(LW_LSTM, BILSTM), MLP), main(BCE))
    problem = only(problems, "model.encoder.candidate")
    assert problem.message == (
        "lwpt/paired needs labels from the part that it holds here, and standard/bilstm gives document, tokens"
    )
    assert 'use = "lwpt/lw-lstm" gives labels' in problem.suggestions
    assert not any("label-attention" in text for text in problem.suggestions)
    problems = refuse(model(paired(BILSTM), MLP), main(BCE))
    assert [problem.where for problem in problems] == ["model.encoder.target", "model.encoder.candidate"]


def test_a_part_that_nothing_uses(refuse: Refuse) -> None:
    problem = only(refuse(model(BERT, LINEAR, TABLE), main(BCE)), "model.label_modules.0")
    assert problem.message == (
        "nothing uses standard/label-table: no task of any stage rests on what it gives (label_table)"
    )
    assert "remove model.label_modules.0" in problem.suggestions


def test_a_misspelt_name(refuse: Refuse) -> None:
    problem = only(refuse(model({"use": "lwpt/lw-lsmt"}, MLP), main(BCE)), "model.encoder.use")
    assert "no installed component is called 'lwpt/lw-lsmt'" in problem.message
    assert problem.suggestions[0] == "lwpt/lw-lstm"


def test_revealed_labels_that_nobody_reads(refuse: Refuse) -> None:
    problem = only(refuse(model(BERT, LINEAR), main(BCE, samplers=(REVEAL,))), "samplers.0")
    assert problem.message == "lmmtc/reveal draws given, which nothing in this stage reads"
    assert suggested(problem) == '[model.encoder] use = "lmmtc/label-mask-encoder" reads given'


def test_masked_label_tokens_on_an_encoder_without_slots(refuse: Refuse) -> None:
    problem = only(refuse(model(JOINT, LABEL_LINEAR), main(BCE, MLM)), "tasks.1")
    assert problem.message == (
        "lmmtc/label-mlm needs lmmtc.slots, and nothing here gives it (there: document, labels, scores, tokens)"
    )
    assert suggested(problem) == '[model.encoder] use = "lmmtc/label-mask-encoder" gives lmmtc.slots'


# The other rules of checking.


def test_every_refusal_comes_without_torch(write_spec: Callable[[Mapping[str, Any]], Path], workplace: Path) -> None:
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
    problem = only(refuse(model(BERT, LINEAR, sharpen, sharpen), main(BCE, CLRL), local=True), "tasks.1")
    assert problem.message.count("sharpen.py:Sharpen) would give labels but lacks labels") == 2
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
def test_one_name_in_two_stages_is_one_task(
    second: Table, words: str, refuse: Refuse, write_spec: Callable[[Mapping[str, Any]], Path]
) -> None:
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
    assert problem.message == "laco/joint-encoder lets a stage change text_alone, not 'max_length'"
    wrong = stage("first", [BCE], options={"model.encode": {"text_alone": True}})
    problem = only(refuse(model(JOINT, LABEL_LINEAR), wrong), "stages.0.options.model.encode")
    assert problem.message == "no part has the path 'model.encode'"
    assert ENCODER in problem.suggestions


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


def build_error(write_spec: Callable[[Mapping[str, Any]], Path], workplace: Path, whole: Table) -> Problem:
    """What training says before its first step."""
    with pytest.raises(CompositionError) as told:
        labelloom.train(write_spec(whole), output=workplace / "refused")
    (problem,) = told.value.problems
    return problem


def test_one_task_that_would_meet_two_widths(write_spec: Callable[[Mapping[str, Any]], Path], workplace: Path) -> None:
    # In the first stage roles send each row through one twin, in the second every row goes through both.
    stages = (stage("pretrain", [RANKING, CLRL], [CANDIDATES]), stage("classify", [BCE, CLRL]))
    problem = build_error(write_spec, workplace, spec("two-widths", model(paired(LW_LSTM), MLP), *stages))
    assert problem.where == "stages.1.tasks.1"
    assert problem.message == "clmil/clrl would meet labels 32 in 'pretrain' and labels 64 in 'classify'"


def test_sizes_that_cannot_work_come_with_the_arithmetic(
    write_spec: Callable[[Mapping[str, Any]], Path], workplace: Path
) -> None:
    whole = spec("no-room", model({**JOINT, "max_length": 7}, LABEL_LINEAR), main(BCE))
    problem = build_error(write_spec, workplace, whole)
    assert problem.where == "model.encoder"
    assert problem.message.startswith("laco/joint-encoder: ")
    assert "7" in problem.message
    assert "6" in problem.message


def test_sizes_of_a_held_part_are_told_at_its_own_place(
    write_spec: Callable[[Mapping[str, Any]], Path], workplace: Path
) -> None:
    twins = paired(LW_LSTM, {**JOINT, "max_length": 7})
    problem = build_error(write_spec, workplace, spec("no-room-inside", model(twins, MLP), main(BCE)))
    assert problem.where == "model.encoder.candidate"


def test_a_text_side_that_is_not_there(refuse: Refuse) -> None:
    problem = only(refuse(model(LABEL_MASK, {**NCF, "text": "maacf.text"}), main(BCE)), PREDICTOR)
    assert "maacf/ncf needs maacf.text, and nothing here gives it" in problem.message
    assert problem.suggestions[0].startswith('[[model.label_modules]] use = "maacf/co-attention" gives maacf.text')
