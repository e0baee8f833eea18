"""Samplers that find nothing to anchor on are told of before anything trains, in training and in a dry run alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import labelloom
from labelloom.compose.check import check
from labelloom.data.corpus import load_corpus
from labelloom.errors import TrainingError
from labelloom.spec import read_spec
from labelloom.training import dry_run as dry_run_module
from labelloom.training.anchors import ask
from labelloom.training.dry_run import dry_run

from .small import PARTS, Said, spec_on, two_stages, validations_of

LONG = f"{PARTS}:Long"


def refusal(spec: dict[str, Any], output: Path) -> list[str]:
    """What training and a dry run both refuse it with."""
    said = Said()
    with pytest.raises(TrainingError) as trained:
        labelloom.train(spec, output=output, reporter=said, allow_local_code=True)
    with pytest.raises(TrainingError) as tried:
        dry_run(check(*read_spec(spec), allow_local_code=True))
    assert str(trained.value) == str(tried.value)
    assert said.losses == []
    assert not output.exists()
    return str(trained.value).splitlines()


def later(corpus: Path, options: dict[str, int], **training: Any) -> dict[str, Any]:
    """Two stages, the second with a sampler and measured by its losses."""
    spec = two_stages(corpus)
    spec["stages"][1]["samplers"] = [{"use": LONG, **options}]
    spec["stages"][1]["training"] |= {"metric": "loss", **training}
    return spec


def test_a_later_stage_is_asked_before_the_first_one_trains(corpus: Path, tmp_path: Path) -> None:
    lines = refusal(later(corpus, {"train": 7}), tmp_path / "runs")
    assert lines == [
        f"stages.1.samplers.0: {LONG} finds no document of the train split to anchor on",
        f"    try: other options for {LONG}",
        "    try: more documents in the train split",
    ]


def test_validation_that_is_drawn_from_is_asked_too(corpus: Path, tmp_path: Path) -> None:
    lines = refusal(later(corpus, {"elsewhere": 7}), tmp_path / "runs")
    assert lines == [
        f"stages.1.samplers.0: {LONG} finds no document of the validation split to anchor on",
        f"    try: other options for {LONG}",
        "    try: more documents in the validation split: a larger data.validation, if it is cut from train",
        '    try: keep = "last" in this stage: then no validation chooses its weights',
    ]


def test_patience_needs_validation_too(corpus: Path, tmp_path: Path) -> None:
    lines = refusal(later(corpus, {"elsewhere": 7}, keep="last", patience=1), tmp_path / "runs")
    assert lines[-1] == '    try: keep = "last" without patience in this stage: then no validation chooses its weights'


def test_every_stage_is_told(corpus: Path, tmp_path: Path) -> None:
    spec = later(corpus, {"train": 7})
    spec["stages"][0]["samplers"] = [{"use": LONG, "elsewhere": 7}]
    heads = [line for line in refusal(spec, tmp_path / "runs") if not line.startswith(" ")]
    assert [line.split(":")[0] for line in heads] == ["stages.0.samplers.0", "stages.1.samplers.0"]


def test_the_sampler_that_leaves_nothing_is_named(corpus: Path) -> None:
    """The first leaves documents with several labels, the second none of those; the third is not to blame."""
    options = [{"train": 2}, {"train": 7}, {}]
    spec = spec_on(corpus, stages=[])
    for place, each in enumerate(options):
        sampled = {"name": f"s{place}", "tasks": [{"use": "standard/bce"}], "samplers": [{"use": LONG, **each}]}
        spec["stages"].append(sampled)
    plan = check(*read_spec(spec), allow_local_code=True)
    loaded = load_corpus(plan.spec.data)
    several = int((loaded.train.label_sets.counts > 1).sum())
    # No spec has two samplers that draw one thing, but here only the anchors count, which they choose one by one.
    stage = replace(plan.stages[0], samplers=tuple(node for each in plan.stages for node in each.samplers))
    [problem] = ask(stage, loaded, {}).problems
    assert (problem.where, problem.message) == (
        "stages.1.samplers.0",
        f"{LONG} finds no document of the train split to anchor on among the {several} that those before it leave",
    )


@pytest.mark.parametrize("metric", ["micro_f1", "loss"])
def test_where_no_score_chooses_validation_may_be_empty(metric: str, corpus: Path, tmp_path: Path) -> None:
    """A metric is measured on what predictions see, whatever samplers draw."""
    spec = later(corpus, {"elsewhere": 7}, metric=metric, keep="last", checkpoint_every=2)
    said = Said()
    run = labelloom.train(spec, output=tmp_path, reporter=said, allow_local_code=True)
    assert bool(validations_of(run.path, "second")) == (metric == "micro_f1")
    note = (
        f"stage 'second': its losses on validation are not told: {LONG} finds no document of the validation split to "
        "anchor on"
    )
    assert said.lines.count(note) == (metric == "loss")
    told = dry_run(check(*read_spec(spec), allow_local_code=True)).stages[1].notes
    assert told == ((note,) if metric == "loss" else ())


def test_a_dry_run_draws_from_all_documents_where_a_few_do_not_do(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run_module, "_ROWS", 9)
    spec = spec_on(corpus, samplers=[{"use": LONG, "train": 2, "elsewhere": 7}])
    assert dry_run(check(*read_spec(spec), allow_local_code=True), documents=2).stages[0].rows == 2


def test_no_star_where_the_last_weights_are_kept(corpus: Path, tmp_path: Path) -> None:
    said = Said()
    labelloom.train(spec_on(corpus, training={"keep": "last"}), output=tmp_path / "last", reporter=said)
    assert [better for _, _, better in said.validations] == [False, False]
    said = Said()
    labelloom.train(spec_on(corpus), output=tmp_path / "best", reporter=said)
    assert said.validations[0][2]
