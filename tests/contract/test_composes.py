"""Every configuration that the contract must hold: checked without torch, trained, saved, loaded, scored the same."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import labelloom
from labelloom.bundles import find_bundles
from labelloom.data.corpus import Corpus
from labelloom.evaluation.predictions import Predictions
from labelloom.runs.classifier import Classifier

from .cases import CASES, Case
from .conftest import WriteSpec
from .helpers import batch_of, by_label, part_of, those, under
from .recording import StageRecord, Train

# Without torch.


def test_every_spec_checks_without_torch(write_spec: WriteSpec) -> None:
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
    made = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")


def test_every_bundle_is_there_once() -> None:
    names = [bundle.name for bundle in find_bundles()]
    assert sorted(set(names)) == sorted(names)
    assert {"standard", "laco", "lwpt", "maacf", "lmmtc", "clmil"} <= set(names)


# Training.


def test_a_stage_changes_the_weights_that_its_tasks_reach_and_no_other(case: Case, trained: Train) -> None:
    made = trained(case)
    plan = labelloom.load(made.run.path, device="cpu").model.plan
    assert [stage.name for stage in made.recorder.stages] == list(case.trains)
    for stage in made.recorder.stages:
        # What decays changes without a gradient too; a bias that cancels out of the loss has none at all.
        assert stage.pushed <= stage.changed <= stage.trainable
        assert stage.reached == stage.trainable
        assert {part_of(plan, name) for name in stage.pushed} == case.trains[stage.name]
        assert {part_of(plan, name) for name in stage.changed} == case.trains[stage.name]


def test_only_what_trains_is_in_training_mode(case: Case, trained: Train) -> None:
    made = trained(case)
    plan = labelloom.load(made.run.path, device="cpu").model.plan
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
    # To the last bit but for what depends on where in memory a weight happens to lie.
    np.testing.assert_allclose(
        by_label(answers.ranking.labels, answers.ranking.scores),
        by_label(recorded.ranking.labels, recorded.ranking.scores),
        rtol=1e-6,
        atol=1e-6,
    )
    np.testing.assert_array_equal(answers.predicted.values, recorded.predicted.values)
    scores = trained(case).run.scores
    again = loaded.evaluate(corpus.test)
    assert again == pytest.approx({key: scores[key] for key in scores if not key.startswith("psp")}, abs=1e-6)


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
    """Two batches together: each keeps to its own documents."""
    batches = [batch_of(loaded, [corpus.train.texts[row] for row in rows]) for rows in ((0, 1, 2), (3, 4))]
    model = loaded.model.assembly.model
    with torch.no_grad():
        dense = torch.cat([model(batch) for batch in batches])
    for k in (1, 4, 6):
        ids, scores = map(torch.cat, zip(*model.rank_all(batches, k, chunk=chunk), strict=True))
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
        dense = loaded.model.assembly.model(batch)
        for ids in (own, shared, permuted):
            scores = loaded.model.assembly.model(batch.with_labels(ids))
            torch.testing.assert_close(scores, dense.gather(1, ids.expand(4, -1)), rtol=1e-5, atol=1e-6)
        # One document that has as many labels of its own as there are, in another order.
        alone = batch.subset(torch.tensor([1])).with_labels(permuted)
        torch.testing.assert_close(loaded.model.assembly.model(alone), dense[1:2].flip(1), rtol=1e-5, atol=1e-6)


def test_what_scores_are_is_known_from_the_tasks(
    case: Case, loaded: Classifier, corpus: Corpus, trained: Train
) -> None:
    assert loaded.model.plan.scale == case.scale
    assert ("test_at_0.5" in trained(case).run.metrics) == (case.scale == "probabilities")
    with torch.no_grad():
        scores = loaded.model.assembly.model(batch_of(loaded, [corpus.train.texts[0]]))
    assert case.scale == "ranks" or bool(((scores > 0) & (scores < 1)).all())
    if case.scale == "distribution":
        assert scores.sum().item() == pytest.approx(1, abs=1e-6)


def test_every_weight_of_every_stage_is_saved(case: Case, loaded: Classifier, trained: Train) -> None:
    last: StageRecord = trained(case).recorder.stages[-1]
    saved = dict(loaded.model.assembly.named_parameters())
    assert saved.keys() == last.end.keys()
    for name, value in last.end.items():
        assert torch.equal(saved[name], value), name


def test_the_core_names_no_paper() -> None:
    names = re.compile("lw-?pt|lm-?mtc|maacf|cl-?mil", re.IGNORECASE)
    core = Path(labelloom.__file__).parent
    found = [
        f"{file.relative_to(core)}:{number}: {line.strip()}"
        for file in sorted(core.rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if names.search(line)
    ]
    assert found == []
