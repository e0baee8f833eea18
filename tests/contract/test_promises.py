"""What the contract promises of what flows: no leaks, roles, frozen twins, branches, text alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import labelloom
from labelloom.compose.build import use_options
from labelloom.data.corpus import Corpus
from labelloom.data.label_sets import LabelSets
from labelloom.interfaces import Targets
from labelloom.runs.classifier import Classifier

from .cases import BCE, LABEL_MASK, REVEAL, Case, spec
from .conftest import WriteSpec
from .helpers import batch_of, drawn, feed_of, of, stages_of, under
from .recording import Train

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
            # What does not count adds zeros to a sum, whose terms then come in another order.
            torch.testing.assert_close(module(batch, lied), module(batch, targets), rtol=1e-6, atol=0)


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
    pretrain = loaded.model.plan.stages[0]
    encoder = loaded.model.assembly.model.encoder
    width = loaded.model.assembly.parts["model.encoder.target"].widths["labels"]
    assert pretrain.roles == {"target", "candidate"}
    assert encoder.widths_with(pretrain.roles)["labels"] == width
    assert encoder.widths["labels"] == 2 * width

    ((batch, _),) = feed_of(loaded, corpus, pretrain).step(0)
    with torch.no_grad():
        model = loaded.model.assembly.model
        drawn = model.states(batch, pretrain.live)[None].labels
        joined = model.states(replace(batch, roles=None, role_names=()), pretrain.live)[None].labels
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
    pretrain = loaded.model.plan.stages[0]
    ((batch, _),) = feed_of(loaded, corpus, pretrain).step(0)
    labels = loaded.model.assembly.model.states(batch, pretrain.live)[None].labels
    assert labels is not None
    assert labels.shape == (len(batch), 1, loaded.model.assembly.model.encoder.widths["labels"])


@of("reset-and-frozen-twin")
def test_one_twin_is_frozen_while_the_other_trains(case: Case, trained: Train) -> None:
    _, again = trained(case).recorder.stages
    assert not under(again.end, "model.encoder.target").keys() & again.changed
    assert under(again.end, "model.encoder.candidate").keys() & again.changed
    assert "model.encoder.target" not in again.training
    assert "model.encoder.candidate" in again.training


@of("cl-mil", "two-branches", "two-branches-of-softmax")
def test_branches_average_probabilities_by_their_shares(case: Case, loaded: Classifier, corpus: Corpus) -> None:
    batch = batch_of(loaded, [corpus.train.texts[row] for row in range(5)])
    model = loaded.model.assembly.model
    expected = torch.zeros(5, len(loaded.labels))
    with torch.no_grad():
        states = model.states(batch, loaded.model.plan.inference)
        for branch in case.spec["model"]["branches"]:
            scores = states[branch["name"]].scores
            assert scores is not None
            made = scores.softmax(1) if case.scale == "distribution" else scores.sigmoid()
            expected += branch["share"] * made
        torch.testing.assert_close(model(batch), expected)


@of("cl-mil", "contrast-before-laco")
def test_the_contrastive_stage_reads_the_text_alone(case: Case, loaded: Classifier, corpus: Corpus) -> None:
    contrast, classify = stages_of(loaded)
    use_options(loaded.model.assembly, contrast[0], loaded.model.plan)
    ((batch, _),) = feed_of(loaded, corpus, contrast[0]).step(0)
    assert loaded.model.assembly.model.states(batch, contrast[0].live)[None].labels is None
    assert batch.relation is not None
    anchors = int(batch.is_anchor.sum())
    # Each anchor's positive is its own row, once more: the same document under another dropout.
    for anchor, positive in (batch.relation > 0).nonzero().tolist():
        assert anchor < anchors
        assert batch.rows[anchor] == batch.rows[positive]
        assert batch.copies[anchor] != batch.copies[positive]
    assert bool((batch.relation[:anchors] > 0).any(1).all())
    assert bool((batch.relation < 0).any())
    use_options(loaded.model.assembly, classify[0], loaded.model.plan)
    ((batch, _),) = feed_of(loaded, corpus, classify[0]).step(0)
    assert loaded.model.assembly.model.states(batch, classify[0].live)[None].labels is not None
    use_options(loaded.model.assembly, None, loaded.model.plan)


@of("contrast-before-lw-lstm-with-named-table")
def test_a_reset_table_is_filled_by_the_encoder_as_it_is_by_then(case: Case, trained: Train) -> None:
    made = trained(case)
    contrast, classify = made.recorder.stages
    classifier = labelloom.load(made.run.path, device="cpu")
    weights = {**classify.start, **under(contrast.end, "model.encoder")}
    classifier.model.assembly.load_state_dict(weights, strict=False)
    with torch.no_grad():
        states = classifier.model.assembly.model.encoder(
            labelloom.States(), batch_of(classifier, list(classifier.labels.names))
        )
    assert states.tokens is not None
    assert states.token_mask is not None
    means = torch.stack([tokens[mask].mean(0) for tokens, mask in zip(states.tokens, states.token_mask, strict=True)])
    (name,) = under(classify.start, "model.label_modules.0")
    torch.testing.assert_close(classify.start[name], means, rtol=1e-5, atol=1e-6)


def test_a_bundles_own_field_is_cut_to_each_chunk_of_labels(workplace: Path, write_spec: WriteSpec) -> None:
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
        dense = classifier.model.assembly.model(batch)
    ids, scores = classifier.model.assembly.model.rank(batch, 6, chunk=2)
    torch.testing.assert_close(scores, dense.gather(1, ids), rtol=1e-5, atol=1e-6)


@of("lw-pt-of-one-encoder")
def test_a_stage_without_scores_is_judged_by_its_loss(case: Case, trained: Train) -> None:
    lines = [json.loads(line) for line in (trained(case).run.path / "history.jsonl").read_text().splitlines()]
    scores = {line["stage"]: line["validation"] for line in lines if "validation" in line}
    assert set(scores["pretrain"]) == {"loss", "loss.label-wise-ranking", "label-wise-ranking.accuracy"}
    assert "micro_f1" in scores["classify"]
