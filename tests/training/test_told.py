"""What training tells a person: weights that no loss reaches, answers that are all the same, notes of parts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import labelloom
from labelloom.cli.dry_run_text import print_dry_run
from labelloom.compose.check import check
from labelloom.data.corpus import Split, load_corpus
from labelloom.data.label_sets import LabelSets
from labelloom.data.texts import Texts
from labelloom.evaluation.ranking import Ranking
from labelloom.spec import read_spec
from labelloom.spec.data import DataSettings
from labelloom.training import dry_run as dry_run_module
from labelloom.training.dry_run import dry_run
from labelloom.training.sameness import told_sameness
from labelloom_standard.bilstm import BiLSTM

from .small import PARTS, Killed, Said, assert_equal_runs, spec_on, two_stages


class SaidUntilKilled(Said):
    """Remembers what it was told, and ends training in a step."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def step(self, loss: float, documents_per_second: float) -> None:
        super().step(loss, documents_per_second)
        if len(self.losses) > self.steps:
            raise Killed


def told_by(spec: dict[str, Any], output: Path) -> list[str]:
    said = Said()
    labelloom.train(spec, output=output, reporter=said, allow_local_code=True)
    return said.lines


def test_weights_that_no_loss_reaches_are_told(corpus: Path, tmp_path: Path) -> None:
    spec = spec_on(corpus, training={"epochs": 1})
    spec["model"]["predictor"] = {"use": f"{PARTS}:Normed"}
    # A linear layer from two to two: four weights and two biases.
    assert (
        "stage 'main': 6 parameters stay as they are, since no loss reaches them: model.predictor.unused"
    ) in told_by(spec, tmp_path)


def test_a_part_of_which_nothing_trains_is_told_as_a_whole(corpus: Path, tmp_path: Path) -> None:
    spec = spec_on(corpus, training={"epochs": 1}, tasks=[{"use": "standard/bce"}, {"use": f"{PARTS}:Detached"}])
    lines = told_by(spec, tmp_path)
    assert ("stage 'main': 17 parameters stay as they are, since no loss reaches them: tasks.detached") in lines


def test_where_all_weights_train_nothing_is_told(corpus: Path, tmp_path: Path) -> None:
    assert not any("no loss reaches" in line for line in told_by(two_stages(corpus), tmp_path))


def test_a_dry_run_resets_what_the_stage_resets(corpus: Path) -> None:
    """The second stage's loss is that of a new predictor, not of the one that the first stage's step moved."""

    def loss(**fields: Any) -> float:
        spec = two_stages(corpus, learning_rate=5.0)
        spec["stages"][1] |= fields
        return dry_run(check(*read_spec(spec))).stages[1].losses["bce"]

    assert loss(reset=["model.predictor"]) == loss(reset=["model.predictor"])
    assert loss(reset=["model.predictor"]) < 0.5 * loss(reset=[])


def test_notes_of_parts_are_told_once(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def noted(self: BiLSTM, *_: object) -> None:
        self.notes.append("a fine day")

    monkeypatch.setattr(BiLSTM, "initialise", noted)
    assert told_by(spec_on(corpus, training={"epochs": 1}), tmp_path).count("model.encoder: a fine day") == 1
    assert "model.encoder: a fine day" in dry_run(check(*read_spec(spec_on(corpus)))).notes


def test_notes_of_samplers_are_told_once_a_stage(corpus: Path, tmp_path: Path) -> None:
    """Of validation only where the stage's own losses are measured; not again when a run goes on within a stage."""
    spec = two_stages(corpus, checkpoint_every=1)
    for stage in spec["stages"]:
        stage["samplers"] = [{"use": f"{PARTS}:Choosy"}]
    loaded = load_corpus(DataSettings(source=str(corpus)))
    single, fewer = (int((split.label_sets.counts < 2).sum()) for split in (loaded.train, loaded.validation))
    notes = [
        f"stages.first.samplers.0: {single} of 21 documents have one label",
        f"stage 'first': what its tasks tell on validation rests on {12 - fewer} of 12 documents",
        f"stages.first.samplers.0, on validation: {fewer} of 12 documents have one label",
        f"stages.second.samplers.0: {single} of 21 documents have one label",
    ]
    assert 0 < single < 21
    assert 0 < fewer < 12

    def told(lines: list[str]) -> list[str]:
        return [line for line in lines if "have one label" in line or "rests on" in line]

    assert told(told_by(spec, tmp_path / "whole")) == notes
    killed = SaidUntilKilled(1)
    with pytest.raises(Killed):
        labelloom.train(spec, output=tmp_path, reporter=killed, allow_local_code=True)
    assert told(killed.lines) == notes[:3]
    said = Said()
    run = labelloom.resume(tmp_path / "small" / "0", reporter=said, allow_local_code=True)
    assert told(said.lines) == notes[3:]
    assert_equal_runs(run.path, tmp_path / "whole" / "small" / "0")


def test_a_dry_run_tells_what_samplers_note_of_the_whole_split(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it tokenises only a few documents for them to draw from."""
    monkeypatch.setattr(dry_run_module, "_ROWS", 9)
    spec = spec_on(corpus, samplers=[{"use": f"{PARTS}:Choosy"}])
    dry = dry_run(check(*read_spec(spec), allow_local_code=True))
    [note] = dry.stages[0].notes
    assert note.startswith("stages.main.samplers.0: ")
    assert note.endswith(" of 21 documents have one label")
    out = io.StringIO()
    print_dry_run(Console(file=out, width=200), dry)
    assert f"  {note}\n" in out.getvalue()


def answers(counts: list[int], truth: list[int]) -> tuple[Split, LabelSets, Ranking]:
    """Documents with so many of four labels, in the answers and in truth."""

    def sets(numbers: list[int]) -> LabelSets:
        return LabelSets.from_lists([list(range(number)) for number in numbers], 4)

    texts = Texts.from_list(["" for _ in counts])
    split = Split("validation", texts, texts, sets(truth), "here")
    shape = (len(counts), 4)
    ranking = Ranking(np.tile(np.arange(4), (len(counts), 1)), np.zeros(shape, dtype=np.float32), 4)
    return split, sets(counts), ranking


@pytest.mark.parametrize(
    ("counts", "truth", "start"),
    [
        ([4] * 20, [1] * 20, "warning: the decision rule gives every label to 100% of the validation documents"),
        ([4] * 19 + [1], [1] * 20, "warning: the decision rule gives every label to 95% of the validation documents"),
        ([0] * 20, [2] * 20, "warning: the decision rule gives no label to 100% of the validation documents"),
        ([4] * 18 + [1] * 2, [1] * 20, None),
        ([0] * 20, [0] * 15 + [1] * 5, None),
        ([4] * 20, [4] * 11 + [1] * 9, None),
        ([1] * 20, [1] * 20, None),
    ],
)
def test_answers_that_are_the_same_for_all_documents(counts: list[int], truth: list[int], start: str | None) -> None:
    told = told_sameness(*answers(counts, truth))
    assert told is None if start is None else str(told).startswith(start)


def test_a_run_that_has_learnt_nothing_says_so(corpus: Path, tmp_path: Path) -> None:
    spec = spec_on(corpus, training={"steps": 1, "learning_rate": 1e-12}, decision={"rule": "fixed", "threshold": 1e-9})
    (line,) = [line for line in told_by(spec, tmp_path) if line.startswith("warning")]
    assert line.endswith("a rising one needs a lower training.learning_rate, a falling one more epochs")
