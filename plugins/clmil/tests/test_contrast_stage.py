"""The contrastive stage as a stage: with any encoder, the same after a resume, and refused where it cannot teach."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import labelloom
from labelloom.compose.build import build, build_samplers, initialise, prepare, use_options
from labelloom.compose.check import check
from labelloom.compose.plan import Plan
from labelloom.data.columns import Columns
from labelloom.data.corpus import load_corpus
from labelloom.errors import TrainingError
from labelloom.spec import read_spec
from labelloom.training.dry_run import dry_run
from labelloom.training.feed import Feed

Table = dict[str, Any]

WORDS = {"a": ["graphs", "we"], "b": ["texts", "show"], "c": ["cells", "."], "d": ["rare", "texts"]}
SETS = ["a", "ab", "b", "a", "c", "ab", "", "d"]
CONTRAST: Table = {"use": "clmil/label-frequency-contrast", "low_frequency": 15}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a corpus of 80 documents, of which c and d label ten each, and a and b go together."""
    folder = tmp_path_factory.mktemp("contrast")
    (folder / "corpus").mkdir()
    for split, times in (("train", 10), ("validation", 2)):
        lines = []
        for row in range(times * len(SETS)):
            own = SETS[row % len(SETS)]
            text = " ".join([*(WORDS[label][(row // 8) % 2] for label in own), "we", "show", "."])
            lines.append(json.dumps({"text": text, "labels": list(own)}))
        (folder / "corpus" / f"{split}.jsonl").write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="module")
def encoders(bert: Path) -> dict[str, Table]:
    language_model = {"pretrained": str(bert), "max_length": 40}
    return {
        "transformer": {"use": "standard/transformer", **language_model},
        "joint": {"use": "laco/joint-encoder", **language_model},
        "label-mask": {"use": "lmmtc/label-mask-encoder", **language_model},
        "cnn": {"use": "standard/cnn", "embedding": 8, "filters": 4, "min_count": 1},
        "lw-lstm": {"use": "lwpt/lw-lstm", "hidden": 6, "embedding": 5, "min_count": 1},
    }


def spec_of(workplace: Path, encoder: Table, sampler: Table = CONTRAST, **stage: Any) -> Table:
    """`stage` is said of the contrastive one, `training` beside what it says here."""
    training = {"keep": "last", **stage.pop("training", {})}
    label_wise = encoder["use"] == "lwpt/lw-lstm"
    predictor = {"use": "standard/label-linear" if label_wise else "standard/linear"}
    contrast = {"name": "contrast", "samplers": [sampler], "tasks": [{"use": "clmil/info-nce"}]}
    return {
        "name": "contrasted",
        "data": {"source": str(workplace / "corpus")},
        "model": {"encoder": encoder, "predictor": predictor},
        "training": {"steps": 2, "batch_size": 6, "learning_rate": 1e-3},
        "stages": [
            {**contrast, "training": training, **stage},
            {"name": "classify", "tasks": [{"use": "standard/bce"}]},
        ],
    }


def planned(spec: Table) -> Plan:
    read, folder = read_spec(spec)
    return check(read, folder)


@pytest.mark.parametrize("kind", ["transformer", "joint", "label-mask", "cnn", "lw-lstm"])
def test_any_encoder_of_documents_is_contrasted(kind: str, workplace: Path, encoders: dict[str, Table]) -> None:
    slots = {"options": {"model.encoder": {"text_alone": True}}} if kind in ("joint", "label-mask") else {}
    told = dry_run(planned(spec_of(workplace, encoders[kind], **slots)))
    contrast, _ = told.stages
    assert 0 < contrast.losses["info-nce"] < 40
    assert contrast.trained > 0
    assert contrast.rows > 3 * 6 / 2
    assert [shapes.path for shapes in contrast.shapes] == ["model.encoder"]
    assert contrast.notes[0] == (
        "stages.contrast.samplers.0: 60 of 80 documents have no rare label, one in fewer than 15 of 80 training "
        "documents"
    )


def test_labels_beside_the_text_may_stay(workplace: Path, encoders: dict[str, Table]) -> None:
    """So that their tokens are moved, too."""
    told = dry_run(planned(spec_of(workplace, encoders["joint"]))).stages[0]
    assert told.losses["info-nce"] > 0
    (shapes,) = told.shapes
    assert "labels" in shapes.fields


@pytest.mark.parametrize("kind", ["transformer", "joint", "label-mask"])
def test_a_stage_without_dropout_is_refused_and_may_have_its_own(
    kind: str, workplace: Path, encoders: dict[str, Table], tmp_path: Path
) -> None:
    """Before its first step, so that nothing is left; its own rate then is all that it takes."""
    encoder = {**encoders[kind], "dropout": 0.0}
    options = {} if kind == "transformer" else {"text_alone": True}
    with pytest.raises(TrainingError, match=r"tasks\.info-nce: the two passes of each document are equal"):
        labelloom.train(spec_of(workplace, encoder, options={"model.encoder": options}), output=tmp_path)
    assert not list(tmp_path.rglob("spec.toml"))
    options["dropout"] = 0.1
    told = dry_run(planned(spec_of(workplace, encoder, options={"model.encoder": options})))
    assert told.stages[0].losses["info-nce"] > 0


def test_a_document_comes_nearer_to_its_second_pass_than_to_others(
    workplace: Path, encoders: dict[str, Table], tmp_path: Path
) -> None:
    spec = spec_of(workplace, encoders["transformer"], training={"steps": 25, "learning_rate": 3e-3})
    run = labelloom.train(spec, output=tmp_path)
    steps = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    losses = [step["tasks"]["info-nce"] for step in steps if step["stage"] == "contrast" and "tasks" in step]
    assert len(losses) == 25
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_an_encoder_that_is_frozen_has_nothing_to_learn(workplace: Path, encoders: dict[str, Table]) -> None:
    with pytest.raises(TrainingError, match=r"are equal"):
        dry_run(planned(spec_of(workplace, encoders["transformer"], freeze=["model.encoder"])))


def test_without_a_rare_label_the_stage_is_refused(workplace: Path, encoders: dict[str, Table], tmp_path: Path) -> None:
    spec = spec_of(workplace, encoders["cnn"], {**CONTRAST, "low_frequency": 3})
    with pytest.raises(TrainingError) as told:
        labelloom.train(spec, output=tmp_path)
    assert str(told.value).splitlines()[0] == (
        "stages.0.samplers.0: clmil/label-frequency-contrast finds no document of the train split to anchor on: "
        "80 of 80 documents have no rare label, one in fewer than 3 of 80 training documents; the rarest that occurs "
        "is in 10: low_frequency = 11 makes it rare"
    )


def test_every_step_is_a_function_of_its_number(workplace: Path, encoders: dict[str, Table]) -> None:
    """A feed that begins anew, as after a resume, gives the batches of the first one, whatever came before."""
    plan = planned(spec_of(workplace, encoders["cnn"]))
    corpus = load_corpus(plan.spec.data)
    torch.manual_seed(0)
    assets = prepare(plan, corpus)
    assembly = build(plan, corpus.labels, assets)
    initialise(assembly, corpus)
    stage = plan.stages[0]
    use_options(assembly, stage, plan)
    reader = assembly.model.encoder.reader
    columns = Columns.from_texts(list(corpus.train.texts), reader)

    def feed() -> Feed:
        samplers = build_samplers(stage, corpus.labels, assets)
        return Feed(corpus.train, columns, reader, samplers, stage.settings, key=5)

    first, again = feed(), feed()
    seen = [next(iter(first.step(step)))[0] for step in range(8)]
    for step in (7, 3):
        (batch, _) = next(iter(again.step(step)))
        assert torch.equal(batch.rows, seen[step].rows)
        assert batch.relation is not None
        assert seen[step].relation is not None
        assert torch.equal(batch.relation, seen[step].relation)
    assert len({tuple(batch.rows.tolist()) for batch in seen}) == 8
    assert {corpus.train.label_sets[int(row)].tolist() != [] for row in seen[0].rows[seen[0].is_anchor]} == {True}
