"""The wrong specs of the contract's list: refused before any data is read, at the right key, with what to do."""

from __future__ import annotations

from .cases import (
    BCE,
    BERT,
    BILSTM,
    BPR,
    CANDIDATES,
    CLCP,
    CLRL,
    CONTRAST,
    CROSS,
    ENCODER,
    INFO_NCE,
    JOINT,
    LABEL_LINEAR,
    LINEAR,
    LW_LSTM,
    MLM,
    MLP,
    NEGATIVES,
    PREDICTOR,
    RANKING,
    REVEAL,
    SOFTMAX,
    TABLE,
    paired,
    stage,
)
from .refusals import Refuse, main, model, only, suggested


def test_label_relations_on_an_encoder_without_labels(refuse: Refuse) -> None:
    problem = only(refuse(model(BILSTM, LINEAR), main(BCE, CLRL)), "tasks.1")
    assert problem.message == "clmil/clrl needs labels, and nothing here gives it (there: document, scores, tokens)"
    # What could join what is there comes before what would replace it, and that before what lacks something itself.
    first, *others = problem.suggestions
    assert first == '[[model.label_modules]] use = "standard/label-attention" gives labels'
    assert '[model.encoder] use = "laco/joint-encoder" gives labels' in others
    assert '[model.encoder] use = "lmmtc/label-mask-encoder" gives labels' in others
    assert '[[model.label_modules]] use = "standard/label-query" gives labels (it needs label_table)' in others
    assert others[-2].startswith('[[model.label_modules]] use = "maacf/label-groups" gives labels (it needs ')
    assert '[model.encoder] use = "lwpt/lw-lstm" gives labels' in others
    # One in whose place the predictor would have nothing to read comes last.
    assert others[-1] == ('[model.encoder] use = "lwpt/paired" gives labels, but then model.predictor lacks document')


def test_label_query_without_a_table(refuse: Refuse) -> None:
    query = {"use": "standard/label-query"}
    problem = only(refuse(model(BERT, LINEAR, query), main(BCE, CLCP)), "model.label_modules.0")
    lacks = "standard/label-query needs label_table, and nothing here gives it (there: document, scores, tokens)"
    assert problem.message == f"{lacks}; without it tasks.1 (laco/clcp) cannot run either"
    assert problem.suggestions == ('[[model.label_modules]] use = "standard/label-table" gives label_table',)
    # Where no task asks for its labels, nothing follows.
    problem = only(refuse(model(BERT, LINEAR, query), main(BCE)), "model.label_modules.0")
    assert problem.message == lacks
    assert problem.suggestions == ('[[model.label_modules]] use = "standard/label-table" gives label_table',)


def test_a_table_that_comes_too_late(refuse: Refuse) -> None:
    late = (
        "standard/label-query needs label_table, which model.label_modules.1 (standard/label-table) gives only after "
        "it: put that before; without it "
    )
    where = "model.label_modules.0"
    problem = only(refuse(model(BERT, LINEAR, {"use": "standard/label-query"}, TABLE), main(BCE, CLCP)), where)
    assert problem.message == f"{late}tasks.1 (laco/clcp) cannot run either"
    assert not problem.suggestions
    # The loss on scores that cannot be made is no second problem.
    problem = only(refuse(model(BERT, LABEL_LINEAR, {"use": "standard/label-query"}, TABLE), main(BCE)), where)
    assert problem.message == f"{late}model.predictor (standard/label-linear) cannot run either"


def test_ranking_without_a_sampler(refuse: Refuse) -> None:
    problems = refuse(model(LW_LSTM, MLP), stage("pretrain", [RANKING]), stage("classify", [BCE]))
    assert [problem.where for problem in problems] == ["stages.0.tasks.0"] * len(problems)
    told = {problem.message.split(",")[0]: problem for problem in problems}
    problem = told["lwpt/label-wise-ranking needs relation"]
    assert '[[stages.samplers]] use = "lwpt/candidates" gives relation' in problem.suggestions


def test_a_predictor_over_every_label_with_drawn_labels(refuse: Refuse) -> None:
    problem = only(refuse(model(LW_LSTM, MLP), main(BCE, samplers=(NEGATIVES,))), PREDICTOR)
    assert problem.message == (
        "lwpt/label-wise-mlp works only on every label, but maacf/negative-labels draws a few of them"
    )
    assert 'use = "standard/label-linear", which works on any labels' in problem.suggestions
    assert 'use = "maacf/ncf", which works on any labels' not in problem.suggestions  # it lacks maacf.text here
    assert problem.suggestions[-1] == "remove maacf/negative-labels"
    assert "a stage of its own" not in suggested(problem)


def test_the_label_wise_pretraining_beside_a_label_loss(refuse: Refuse) -> None:
    """Told once, and not as a predictor over every label, in whose place another one would not help."""
    for predictor in (MLP, LABEL_LINEAR):
        problem = only(refuse(model(LW_LSTM, predictor), main(BCE, RANKING, samplers=(CANDIDATES,))), "tasks.0")
        assert problem.message == (
            "standard/bce trains scores, but lwpt/candidates draws of a document only labels that it carries: every "
            "label would become likely"
        )
        assert problem.suggestions == ("give lwpt/candidates a stage of its own, without standard/bce",)


def test_a_part_over_every_label_beside_a_task_that_reads_the_drawn_ones(refuse: Refuse) -> None:
    """One task rests on the part, the other is what the labels are drawn for."""
    both = stage("both", [INFO_NCE, RANKING], [CANDIDATES])
    problem = only(refuse(model(JOINT, LINEAR, CROSS), both, stage("classify", [BCE])), "model.label_modules.0")
    assert problem.message == "laco/cross-attention works only on every label, but lwpt/candidates draws a few of them"
    assert problem.suggestions[0] == (
        "give lwpt/candidates a stage of its own, with the tasks that rest on it: label-wise-ranking"
    )


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
    assert "the scores of the branch 'two' are trained to rank only" in problem.message
    assert "cannot be averaged" in problem.message
    assert suggested(problem) == 'add a task that trains probabilities, with branch = "two"'


def test_branches_whose_scores_mean_different_things(refuse: Refuse) -> None:
    branches = [{"name": name, "predictor": LINEAR} for name in ("one", "two", "three")]
    tasks = ({**BCE, "branch": "one"}, {**SOFTMAX, "branch": "two"}, {**BCE, "name": "b", "branch": "three"})
    problem = only(refuse({"encoder": BERT, "branches": branches}, main(*tasks)), "model.branches.1.predictor")
    assert problem.message == (
        "the scores of the branch 'two' are a distribution over all labels, those of 'one' probabilities of each "
        "label: their average would mean nothing"
    )
    assert problem.suggestions == ("train all branches by losses of one kind",)


def test_scores_that_two_losses_pull_apart(refuse: Refuse) -> None:
    problem = only(refuse(model(BERT, LINEAR), main(BCE, SOFTMAX)), PREDICTOR)
    assert problem.message == (
        "one loss trains the scores of the branch 'main' as probabilities of each label, another as a distribution "
        "over all labels: they cannot be both"
    )
    assert problem.suggestions == ("keep one of the two losses",)


def test_a_softmax_over_drawn_labels(refuse: Refuse) -> None:
    problem = only(refuse(model(BERT, LINEAR), main(SOFTMAX, samplers=(NEGATIVES,))), "tasks.0")
    assert problem.message == (
        "standard/softmax works only on every label, but maacf/negative-labels draws a few of them"
    )


def test_twins_of_encoders_without_labels(refuse: Refuse) -> None:
    problems = refuse(model(paired(LW_LSTM, BILSTM), MLP), main(BCE))
    problem = only(problems, "model.encoder.candidate")
    assert problem.message == (
        "lwpt/paired needs labels from the part that it holds here, and standard/bilstm gives document, tokens"
    )
    assert 'use = "lwpt/lw-lstm" gives labels' in problem.suggestions
    assert not any("label-attention" in text for text in problem.suggestions)
    # Of the candidate the spec says nothing: what is wrong with the target is told once.
    only(refuse(model(paired(BILSTM), MLP), main(BCE)), "model.encoder.target")


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


def test_a_name_without_its_bundle(refuse: Refuse) -> None:
    problem = only(refuse(model(BERT, {"use": "linear"}), main(BCE)), f"{PREDICTOR}.use")
    assert problem.suggestions == ("standard/linear",)


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
