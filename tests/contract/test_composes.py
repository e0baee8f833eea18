"""Every configuration that the contract must hold: checked without torch, trained, saved, loaded, scored the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import labelloom
from labelloom.bundles import find_bundles
from labelloom.compose.batches import make_batch, make_targets, plain_draw
from labelloom.compose.build import build_samplers, prepare, use_options
from labelloom.compose.plan import Plan, StagePlan
from labelloom.data.cache import cache_folder
from labelloom.data.columns import tokenised
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.data.label_sets import LabelSets
from labelloom.evaluation.predictions import Predictions
from labelloom.interfaces import Batch, Targets
from labelloom.runs.classifier import Classifier
from labelloom.training.feed import Feed
from labelloom.training.stage import StageModule

from .cases import BCE, CASES, LABEL_MASK, REVEAL, Case, spec
from .conftest import STANDINS, StageRecord, Trained

Train = Callable[[Case], Trained]


def those(chosen: Callable[[Case], bool]) -> Any:
    """The decorator for a test of some of the cases, instead of all."""
    cases = [case for case in CASES if chosen(case)]
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def of(*names: str) -> Any:
    """The decorator for a test of the cases of these names."""
    assert set(names) <= {case.name for case in CASES}, names
    return those(lambda case: case.name in names)


def drawn(use: str) -> Any:
    """The decorator for a test of the cases that have this sampler in a stage."""
    return those(
        lambda case: any(
            sampler["use"] == use for stage in case.spec.get("stages", [case.spec]) for sampler in stage["samplers"]
        )
    )


@pytest.fixture
def loaded(case: Case, trained: Train) -> Classifier:
    """The case's run, loaded."""
    classifier = labelloom.load(trained(case).run.path, device="cpu")
    classifier.batch_size = 8
    return classifier


@pytest.fixture
def corpus(loaded: Classifier) -> Corpus:
    return load_corpus(loaded.plan.spec.data)


def batch_of(classifier: Classifier, texts: list[str]) -> Batch:
    """What predictions see of these texts."""
    reader = classifier.assembly.model.encoder.reader
    columns = reader.tokenize(texts)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(len(texts))]
    return make_batch(reader.collate(rows), plain_draw(len(texts)), len(classifier.labels))


def by_label(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(N, L): ranked scores in the order of the labels."""
    return np.take_along_axis(scores, labels.argsort(1), 1)


def feed_of(classifier: Classifier, corpus: Corpus, stage: StagePlan, sets: LabelSets | None = None) -> Feed:
    """The stage's training steps; with other label sets in place of the corpus's."""
    split = corpus.train if sets is None else replace(corpus.train, label_sets=sets)
    reader = classifier.assembly.model.encoder.reader
    samplers = build_samplers(stage, corpus.labels, assets_of(classifier, corpus))
    return Feed(split, tokenised(split, reader, cache_folder()), reader, samplers, stage.settings, key=7)


def assets_of(classifier: Classifier, corpus: Corpus) -> Mapping[str, Any]:
    return prepare(classifier.plan, corpus)


def stages_of(classifier: Classifier) -> Iterator[tuple[StagePlan, StageModule]]:
    """Each stage with its options in use, in eval mode, so that what is random is what samplers and tasks draw."""
    for stage in classifier.plan.stages:
        use_options(classifier.assembly, stage, classifier.plan)
        module = StageModule(classifier.assembly, stage)
        module.eval()
        yield stage, module
    use_options(classifier.assembly, None, classifier.plan)


def part_of(plan: Plan, weight: str) -> str:
    """The path of the part of the model, or of the task, that a weight belongs to."""
    paths = [node.path for node in plan.model.nodes]
    paths += [f"tasks.{task.name}" for stage in plan.stages for task in stage.tasks]
    return next(path for path in paths if weight.startswith(f"{path}."))


def under(weights: Mapping[str, Tensor], path: str) -> dict[str, Tensor]:
    """The weights of the part at `path`."""
    return {name: value for name, value in weights.items() if name.startswith(f"{path}.")}


# Without torch.


def test_every_spec_checks_without_torch(workplace: Path, write_spec: Callable[[Mapping[str, Any]], Path]) -> None:
    files = [str(write_spec(case.spec)) for case in CASES]
    code = (
        "import sys\n"
        "from labelloom.bundles import Catalogue\n"
        "from labelloom.compose.check import check\n"
        "from labelloom.spec import read_spec\n"
        "catalogue = Catalogue()\n"
        "for file in sys.argv[1:]:\n"
        "    check(*read_spec(file), catalogue)\n"
        "heavy = {'torch', 'transformers', 'datasets', 'accelerate', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    path = os.pathsep.join([str(workplace / "site"), str(STANDINS)])
    made = subprocess.run(
        [sys.executable, "-c", code, *files],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stderr) == (0, "")


def test_every_bundle_is_there_once(workplace: Path) -> None:
    names = [bundle.name for bundle in find_bundles()]
    assert sorted(set(names)) == sorted(names)
    assert {"standard", "laco", "lwpt", "maacf", "lmmtc", "clmil"} <= set(names)


# Training.


def test_a_stage_changes_the_weights_that_its_tasks_reach_and_no_other(case: Case, trained: Train) -> None:
    made = trained(case)
    plan = labelloom.load(made.run.path, device="cpu").plan
    assert [stage.name for stage in made.recorder.stages] == list(case.trains)
    for stage in made.recorder.stages:
        # What decays changes without a gradient too; a bias that cancels out of the loss has none at all.
        assert stage.pushed <= stage.changed <= stage.trainable
        assert stage.reached == stage.trainable
        assert {part_of(plan, name) for name in stage.pushed} == case.trains[stage.name]
        assert {part_of(plan, name) for name in stage.changed} == case.trains[stage.name]


def test_only_what_trains_is_in_training_mode(case: Case, trained: Train) -> None:
    made = trained(case)
    plan = labelloom.load(made.run.path, device="cpu").plan
    for stage, record in zip(plan.stages, made.recorder.stages, strict=True):
        frozen = {path for path in record.parts if any(f"{path}.".startswith(f"{top}.") for top in stage.freeze)}
        runs = {path for path in record.parts if any(f"{path}.".startswith(f"{top}.") for top in stage.live)}
        tasks = {task.node.path for task in stage.tasks}
        assert record.training == (runs | tasks) - frozen


def test_a_stage_starts_where_the_one_before_ended_but_for_what_it_resets(case: Case, trained: Train) -> None:
    made = trained(case)
    before = made.recorder.fresh
    for written, record in zip(case.spec.get("stages", [{}]), made.recorder.stages, strict=True):
        resets = written.get("reset", [])
        for name, value in before.items():
            if not any(name.startswith(f"{path}.") for path in resets):
                assert torch.equal(value, record.start[name]), name
        for path in resets:
            assert any(not torch.equal(value, record.start[name]) for name, value in under(before, path).items())
        before = record.end


# Saving, loading, scoring.


def test_a_loaded_run_scores_as_the_training_process_did(
    case: Case, loaded: Classifier, corpus: Corpus, trained: Train
) -> None:
    recorded = Predictions.load(trained(case).run.path / "predictions.parquet")
    assert corpus.test is not None
    assert recorded.ids == [corpus.test.ids[row] for row in range(len(corpus.test))]
    answers = loaded.predictions(corpus.test)
    np.testing.assert_array_equal(answers.ranking.labels, recorded.ranking.labels)
    np.testing.assert_array_equal(answers.ranking.scores, recorded.ranking.scores)
    np.testing.assert_array_equal(answers.predicted.values, recorded.predicted.values)
    assert loaded.evaluate(corpus.test) == trained(case).run.scores


def test_a_run_loads_without_corpus_and_pretrained_weights(case: Case, trained: Train, workplace: Path) -> None:
    run = trained(case).run
    hidden = [workplace / "corpus", workplace / "bert"]
    for folder in hidden:
        folder.rename(folder.with_suffix(".hidden"))
    try:
        answers = labelloom.load(run.path, device="cpu").predict(["graphs and trees", "", "genes"], top_k=6)
    finally:
        for folder in hidden:
            folder.with_suffix(".hidden").rename(folder)
    assert [len(answer) for answer in answers] == [6, 6, 6]
    assert all(np.isfinite(score.score) for answer in answers for score in answer)


def test_scores_do_not_depend_on_the_batch(loaded: Classifier, corpus: Corpus) -> None:
    assert corpus.test is not None
    texts = [corpus.test.texts[row] for row in range(len(corpus.test))]
    together = loaded.rank(texts)
    expected = by_label(together.labels, together.scores)
    loaded.batch_size = 3
    backwards = loaded.rank(texts[::-1])
    np.testing.assert_allclose(by_label(backwards.labels, backwards.scores)[::-1], expected, rtol=1e-5, atol=1e-6)
    for row in (0, 3):
        alone = loaded.rank(texts[row : row + 1])
        np.testing.assert_allclose(by_label(alone.labels, alone.scores)[0], expected[row], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_ranking_in_chunks_equals_dense_ranking(loaded: Classifier, corpus: Corpus, chunk: int) -> None:
    batch = batch_of(loaded, [corpus.train.texts[row] for row in range(5)])
    model = loaded.assembly.model
    with torch.no_grad():
        dense = model(batch)
    for k in (1, 4, 6):
        ids, scores = model.rank(batch, k, chunk=chunk)
        expected = dense.topk(k)
        torch.testing.assert_close(scores, expected.values, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(dense.gather(1, ids), scores, rtol=1e-5, atol=1e-6)
        assert all(len(set(row)) == k for row in ids.tolist())


@those(lambda case: not case.every_label)
def test_a_label_gets_the_same_score_whatever_other_labels_are_asked_about(
    case: Case, loaded: Classifier, corpus: Corpus
) -> None:
    batch = batch_of(loaded, [corpus.train.texts[row] for row in range(4)])
    own = torch.tensor([[4, 1, 0], [5, 2, 2], [0, 1, 3], [3, 0, 0]])
    shared = torch.tensor([[5, 0, 2]])
    permuted = torch.tensor([[5, 4, 3, 2, 1, 0]])
    with torch.no_grad():
        dense = loaded.assembly.model(batch)
        for ids in (own, shared, permuted):
            scores = loaded.assembly.model(batch.with_labels(ids))
            torch.testing.assert_close(scores, dense.gather(1, ids.expand(4, -1)), rtol=1e-5, atol=1e-6)
        # One document that has as many labels of its own as there are, in another order.
        alone = batch.subset(torch.tensor([1])).with_labels(permuted)
        torch.testing.assert_close(loaded.assembly.model(alone), dense[1:2].flip(1), rtol=1e-5, atol=1e-6)


def test_what_scores_are_is_known_from_the_tasks(
    case: Case, loaded: Classifier, corpus: Corpus, trained: Train
) -> None:
    assert loaded.plan.probabilities == case.probabilities
    assert ("test_at_0.5" in trained(case).run.metrics) == case.probabilities
    with torch.no_grad():
        scores = loaded.assembly.model(batch_of(loaded, [corpus.train.texts[0]]))
    assert not case.probabilities or bool(((scores > 0) & (scores < 1)).all())


# What tasks may learn from.


def test_rows_that_samplers_add_count_in_no_label_loss(loaded: Classifier, corpus: Corpus) -> None:
    for stage, _ in stages_of(loaded):
        feed = feed_of(loaded, corpus, stage)
        for batch, _ in feed.step(0):
            anchors = int(batch.is_anchor.sum())
            assert batch.is_anchor[:anchors].all()
            assert not batch.countable[anchors:].any()
            assert batch.countable[:anchors].any()


def test_a_step_is_a_function_of_its_number(loaded: Classifier, corpus: Corpus) -> None:
    for stage, module in stages_of(loaded):
        again = []
        for feed in (feed_of(loaded, corpus, stage), feed_of(loaded, corpus, stage)):
            list(feed.step(0))
            again.append([module(batch, targets) for batch, targets in feed.step(1)])
        for one, other in zip(*again, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)


@drawn("lmmtc/reveal")
def test_nothing_is_learnt_of_a_label_that_the_input_tells(case: Case, loaded: Classifier, corpus: Corpus) -> None:
    for stage, module in stages_of(loaded):
        for batch, targets in feed_of(loaded, corpus, stage).step(0):
            assert batch.given is not None
            every = batch.with_every_label()
            truth = targets.dense(every.label_ids)
            assert not truth[batch.given >= 0].any()
            lies = truth | (batch.given >= 0)
            offsets = torch.cat([torch.zeros(1, dtype=torch.int64), lies.sum(1).cumsum(0)])
            lied = Targets(offsets, lies.nonzero()[:, 1], batch.label_count)
            torch.testing.assert_close(module(batch, lied), module(batch, targets), rtol=0, atol=0)


@drawn("lmmtc/reveal")
def test_the_input_depends_on_no_label_that_it_hides(case: Case, loaded: Classifier, corpus: Corpus) -> None:
    for stage, module in stages_of(loaded):
        feed = feed_of(loaded, corpus, stage)
        batch, _ = feed.draw(np.arange(6), key=3)
        assert batch.given is not None
        hidden = (batch.given < 0).numpy()
        assert 0 < hidden.mean() < 1
        other = corpus.train.label_sets.to_dense()
        other[:6] ^= hidden
        changed, _ = feed_of(loaded, corpus, stage, LabelSets.from_dense(other)).draw(np.arange(6), key=3)
        torch.testing.assert_close(changed.given, batch.given, rtol=0, atol=0)
        # Candidates are drawn by the truth; what is said of a label must not be.
        one = module.assembly.model.states(batch.with_every_label(), stage.live)
        two = module.assembly.model.states(changed.with_every_label(), stage.live)
        torch.testing.assert_close(one["main"].scores, two["main"].scores, rtol=0, atol=0)


@drawn("maacf/negative-labels")
def test_a_label_scores_the_same_among_drawn_candidates(case: Case, loaded: Classifier, corpus: Corpus) -> None:
    for stage, module in stages_of(loaded):
        for batch, targets in feed_of(loaded, corpus, stage).step(0):
            assert not batch.every_label
            model = module.assembly.model
            few = model.states(batch, stage.live)["main"].scores
            dense = model.states(batch.with_every_label(), stage.live)["main"].scores
            assert few is not None
            assert dense is not None
            torch.testing.assert_close(few, dense.gather(1, batch.label_ids), rtol=1e-5, atol=1e-6)
            carried = targets.dense(batch.label_ids) & batch.label_mask
            assert bool((carried.sum(1) < batch.label_mask.sum(1)).all())


# What single configurations promise.

twins = of(
    "lw-pt-of-lw-lstm-twins",
    "lw-pt-of-hlw-lstm-twins",
    "lw-pt-of-twins-of-two-kinds",
    "lw-pt-of-transformer-twins",
    "lw-pt-of-joint-encoder-twins",
)


@twins
def test_twins_are_fed_by_roles_and_joined_without(case: Case, loaded: Classifier, corpus: Corpus) -> None:
    pretrain = loaded.plan.stages[0]
    encoder = loaded.assembly.model.encoder
    width = loaded.assembly.parts["model.encoder.target"].widths["labels"]
    assert pretrain.roles == {"target", "candidate"}
    assert encoder.widths_with(pretrain.roles)["labels"] == width
    assert encoder.widths["labels"] == 2 * width

    ((batch, _),) = feed_of(loaded, corpus, pretrain).step(0)
    with torch.no_grad():
        drawn = loaded.assembly.model.states(batch, pretrain.live)[None].labels
        joined = loaded.assembly.model.states(replace(batch, roles=None, role_names=()), pretrain.live)[None].labels
    assert drawn is not None
    assert joined is not None
    assert drawn.shape == (len(batch), 1, width)
    assert joined.shape == (len(batch), 1, 2 * width)
    for role, half in (("target", joined[..., :width]), ("candidate", joined[..., width:])):
        places = batch.where(role)
        assert len(places)
        torch.testing.assert_close(drawn[places], half[places], rtol=1e-5, atol=1e-5)


@twins
def test_pretraining_trains_both_twins_and_classifying_leaves_them_bit_for_bit(case: Case, trained: Train) -> None:
    pretrain, classify, finetune = trained(case).recorder.stages
    for twin in ("model.encoder.target", "model.encoder.candidate"):
        assert under(pretrain.end, twin).keys() & pretrain.changed
        assert under(finetune.end, twin).keys() & finetune.changed
        assert twin not in classify.training
        for name, value in under(classify.start, twin).items():
            assert torch.equal(value, classify.end[name])


@of("lw-pt-of-one-encoder")
def test_one_encoder_serves_both_roles(case: Case, loaded: Classifier, corpus: Corpus) -> None:
    pretrain = loaded.plan.stages[0]
    ((batch, _),) = feed_of(loaded, corpus, pretrain).step(0)
    labels = loaded.assembly.model.states(batch, pretrain.live)[None].labels
    assert labels is not None
    assert labels.shape == (len(batch), 1, loaded.assembly.model.encoder.widths["labels"])


@of("reset-and-frozen-twin")
def test_one_twin_is_frozen_while_the_other_trains(case: Case, trained: Train) -> None:
    _, again = trained(case).recorder.stages
    assert not under(again.end, "model.encoder.target").keys() & again.changed
    assert under(again.end, "model.encoder.candidate").keys() & again.changed
    assert "model.encoder.target" not in again.training
    assert "model.encoder.candidate" in again.training


@of("cl-mil", "two-branches")
def test_branches_average_probabilities_by_their_shares(case: Case, loaded: Classifier, corpus: Corpus) -> None:
    batch = batch_of(loaded, [corpus.train.texts[row] for row in range(5)])
    model = loaded.assembly.model
    expected = torch.zeros(5, len(loaded.labels))
    with torch.no_grad():
        states = model.states(batch, loaded.plan.inference)
        for branch in case.spec["model"]["branches"]:
            scores = states[branch["name"]].scores
            assert scores is not None
            expected += branch["share"] * scores.sigmoid()
        torch.testing.assert_close(model(batch), expected)


@of("cl-mil", "contrast-before-laco")
def test_the_contrastive_stage_reads_the_text_alone(case: Case, loaded: Classifier, corpus: Corpus) -> None:
    contrast, classify = stages_of(loaded)
    use_options(loaded.assembly, contrast[0], loaded.plan)
    ((batch, _),) = feed_of(loaded, corpus, contrast[0]).step(0)
    assert loaded.assembly.model.states(batch, contrast[0].live)[None].labels is None
    assert batch.relation is not None
    anchors = int(batch.is_anchor.sum())
    # Each anchor's positive is its own row, once more: the same document under another dropout.
    for anchor, positive in (batch.relation > 0).nonzero().tolist():
        assert anchor < anchors
        assert batch.rows[anchor] == batch.rows[positive]
        assert batch.copies[anchor] != batch.copies[positive]
    assert bool((batch.relation[:anchors] > 0).any(1).all())
    assert bool((batch.relation < 0).any())
    use_options(loaded.assembly, classify[0], loaded.plan)
    ((batch, _),) = feed_of(loaded, corpus, classify[0]).step(0)
    assert loaded.assembly.model.states(batch, classify[0].live)[None].labels is not None
    use_options(loaded.assembly, None, loaded.plan)


@of("contrast-before-lw-lstm-with-named-table")
def test_a_reset_table_is_filled_by_the_encoder_as_it_is_by_then(case: Case, trained: Train) -> None:
    made = trained(case)
    contrast, classify = made.recorder.stages
    classifier = labelloom.load(made.run.path, device="cpu")
    weights = {**classify.start, **under(contrast.end, "model.encoder")}
    classifier.assembly.load_state_dict(weights, strict=False)
    with torch.no_grad():
        states = classifier.assembly.model.encoder(
            labelloom.States(), batch_of(classifier, list(classifier.labels.names))
        )
    assert states.tokens is not None
    assert states.token_mask is not None
    means = torch.stack([tokens[mask].mean(0) for tokens, mask in zip(states.tokens, states.token_mask, strict=True)])
    (name,) = under(classify.start, "model.label_modules.0")
    torch.testing.assert_close(classify.start[name], means, rtol=1e-5, atol=1e-6)


def test_a_bundles_own_field_is_cut_to_each_chunk_of_labels(
    workplace: Path, write_spec: Callable[[Mapping[str, Any]], Path]
) -> None:
    (workplace / "answers.py").write_text(
        "from labelloom import Component, Predictor\n"
        "class Answers(Predictor):\n"
        '    component = Component(kind="predictor", needs={"lmmtc.slots"}, gives={"scores"})\n'
        "    def forward(self, states, batch):\n"
        '        slots = states.get("lmmtc.slots")\n'
        "        return states.add(scores=slots[..., 1] - slots[..., 0])\n"
    )
    model = {"encoder": LABEL_MASK, "predictor": {"use": "./answers.py:Answers"}}
    file = write_spec(spec("answers", model, {"name": "main", "tasks": [BCE], "samplers": [REVEAL]}))
    run = labelloom.train(file, output=workplace / "runs", allow_local_code=True)
    classifier = labelloom.load(run.path, allow_local_code=True, device="cpu")
    batch = batch_of(classifier, ["graphs and trees", "genes"])
    with torch.no_grad():
        dense = classifier.assembly.model(batch)
    ids, scores = classifier.assembly.model.rank(batch, 6, chunk=2)
    torch.testing.assert_close(scores, dense.gather(1, ids), rtol=1e-5, atol=1e-6)


@of("lw-pt-of-one-encoder")
def test_a_stage_without_scores_is_judged_by_its_loss(case: Case, trained: Train) -> None:
    lines = [json.loads(line) for line in (trained(case).run.path / "history.jsonl").read_text().splitlines()]
    scores = {line["stage"]: line["validation"] for line in lines if "validation" in line}
    assert set(scores["pretrain"]) == {"loss", "loss.label-wise-ranking"}
    assert "micro_f1" in scores["classify"]


def test_every_weight_of_every_stage_is_saved(case: Case, loaded: Classifier, trained: Train) -> None:
    last: StageRecord = trained(case).recorder.stages[-1]
    saved = dict(loaded.assembly.named_parameters())
    assert saved.keys() == last.end.keys()
    for name, value in last.end.items():
        assert torch.equal(saved[name], value), name


def test_targets_without_what_the_input_tells() -> None:
    sets = LabelSets.from_lists([[0, 2], [1]], 3)
    given = np.array([[1, -1, -1], [-1, 0, -1]], dtype=np.int8)
    targets = make_targets(plain_draw(2).with_given(given), sets)
    assert targets.dense(torch.arange(3)[None]).tolist() == [[False, False, True], [False, False, False]]
