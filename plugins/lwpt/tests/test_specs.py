"""Every shipped spec is checked; those for the bundled sample learn in every stage, at a small size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import labelloom
import labelloom_lwpt
from labelloom.bundles import Catalogue, load_target
from labelloom.compose.build import build, build_samplers, initialise, prepare
from labelloom.compose.check import check
from labelloom.compose.plan import Plan
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.registry import read_registry
from labelloom.spec import read_spec
from labelloom.spec.data import DataSettings
from labelloom.training.feed import Feed

FILES = sorted((Path(labelloom_lwpt.__file__).parent / "specs").glob("*.toml"))
NAMES = [file.stem for file in FILES]
KINDS = ("lw-lstm", "hlw-lstm")
WAYS = ("", "-pt", "-ft")
SMALL = [f"{kind}{way}" for kind in KINDS for way in WAYS]
WHOLE = [f"{data}{kind}" for data in ("", "aapd-", "rmsc-") for kind in KINDS]
"""One encoder from scratch; the twins are two of it."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def corpus(cache: None) -> Corpus:
    return load_corpus(DataSettings(source="arxiv-mini", limit=64))


def planned(name: str, catalogue: Catalogue) -> Plan:
    return check(*read_spec(f"lwpt/{name}", shipped=catalogue.specs()), catalogue)


def small(name: str) -> list[str]:
    """Overrides that make a spec for the sample quick to train."""
    path = "model.encoder" if name in KINDS else "model.encoder.target"
    options = {"embedding": 16, "hidden": 16, "max_length": 30, "dropout": 0}
    options |= {"vector_epochs": 1, "train_vectors": "true"}
    return ["data.limit=64", *(f"{path}.{key}={value}" for key, value in options.items())]


def test_the_specs_of_the_paper_and_of_the_sample() -> None:
    assert set(NAMES) == {f"{whole}{way}" for whole in WHOLE for way in WAYS}


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_spec_checks_and_begins_with_its_command(file: Path, catalogue: Catalogue) -> None:
    assert file.read_text().splitlines()[0] == f"# labelloom train lwpt/{file.stem}"
    plan = planned(file.stem, catalogue)
    assert plan.spec.description
    assert plan.spec.name == f"lwpt-{file.stem}"
    assert plan.spec.data.source == "arxiv-mini"
    assert plan.scale == "probabilities"


@pytest.mark.parametrize("name", WHOLE)
def test_the_twins_are_two_of_the_encoder_from_scratch(name: str, catalogue: Catalogue) -> None:
    """What `extends` cannot share is written twice, and must say the same."""
    plain, frozen, tuned = (planned(f"{name}{way}", catalogue) for way in WAYS)
    for plan in (frozen, tuned):
        twins = plan.model.encoder.held
        assert {path: (twin.component, twin.config) for path, twin in twins.items()} == dict.fromkeys(
            ("target", "candidate"), (plain.model.encoder.component, plain.model.encoder.config)
        )
        assert plan.model.branches[0].predictor.config == plain.model.branches[0].predictor.config
        assert plan.spec.decision == plain.spec.decision
    _, classify = frozen.spec.stages
    *before, fine_tune = tuned.spec.stages
    assert before == frozen.spec.stages
    assert (classify.freeze, fine_tune.freeze, fine_tune.reset) == (["model.encoder"], [], [])
    assert fine_tune.tasks == classify.tasks


@pytest.mark.parametrize(("data", "steps", "widths"), [("aapd", 3000, (256, 2560)), ("rmsc", 8000, (100, 1000))])
def test_the_settings_of_the_paper(data: str, steps: int, widths: tuple[int, int], catalogue: Catalogue) -> None:
    for kind in KINDS:
        spec = planned(f"{data}-{kind}-ft", catalogue).spec
        assert spec.model.encoder.options["target"]["hidden"] == widths[0]
        assert spec.model.predictor is not None
        assert spec.model.predictor.options["hidden"] == widths[1]
        pretrain, classify, fine_tune = (spec.phase_training(place) for place in range(3))
        assert (pretrain.steps, pretrain.keep, pretrain.decay_every) == (steps, "last", 1000)
        assert (classify.steps, classify.epochs, classify.decay_every) == (None, 20, None)
        assert fine_tune == classify
        for settings in (pretrain, classify):
            told = (settings.batch_size, settings.learning_rate, settings.clip_norm, settings.decay_factor)
            assert told == (128, 1e-3, 10, 0.9)
            assert (settings.decay, settings.warmup, settings.weight_decay) == ("exponential", 0, 0)
        assert (spec.decision.rule, spec.decision.threshold) == ("fixed", 0.5)


@pytest.mark.parametrize("name", SMALL)
def test_a_spec_for_the_sample_learns_in_every_stage(name: str, catalogue: Catalogue, corpus: Corpus) -> None:
    spec, folder = read_spec(f"lwpt/{name}", [*small(name), "training.precision=fp32"], shipped=catalogue.specs())
    plan = check(spec, folder, catalogue)
    torch.manual_seed(0)
    assembly = build(plan, corpus.labels, prepare(plan, corpus))
    initialise(assembly, corpus)
    model, reader = assembly.model, assembly.model.encoder.reader
    columns = Columns.from_texts(list(corpus.train.texts), reader)
    for stage in plan.stages:
        feed = Feed(corpus.train, columns, reader, build_samplers(stage, corpus.labels, {}), stage.settings, 0, 0, 1)
        frozen = {weight for path in stage.freeze for weight in assembly.parts[path].parameters()}
        optimiser = torch.optim.Adam(set(assembly.parameters()) - frozen, lr=1e-2)
        losses = []
        for step in range(80):
            (part,) = feed.step(step)
            (task,) = stage.tasks
            loss = assembly.tasks[task.name](model.states(part[0], stage.live)[task.branch], *part)
            optimiser.zero_grad()
            mean = loss.total / loss.count
            mean.backward()
            optimiser.step()
            losses.append(mean.item())
        assert sum(losses[-20:]) < 0.9 * sum(losses[:20]), stage.name


@pytest.mark.parametrize("kind", KINDS)
def test_classifying_on_frozen_twins_leaves_them_and_fine_tuning_does_not(
    kind: str, cache: None, tmp_path: Path
) -> None:
    """However long the second stage is, bit for bit."""

    def twins(way: str, steps: int) -> dict[str, torch.Tensor]:
        name = f"{kind}-{way}"
        sets = [*small(name), "stages.0.training.steps=2", f"stages.1.training.steps={steps}"]
        sets += ["stages.2.training.steps=1"] if way == "ft" else []
        run = labelloom.train(f"lwpt/{name}", overrides=sets, output=tmp_path / f"{way}{steps}")
        weights = load_file(run.path / "model.safetensors")
        return {name: weight for name, weight in weights.items() if name.startswith("model.encoder.")}

    once, often, tuned = twins("pt", 1), twins("pt", 4), twins("ft", 4)
    assert once.keys() == often.keys() == tuned.keys()
    assert all(torch.equal(weight, often[name]) for name, weight in once.items())
    assert not all(torch.equal(weight, tuned[name]) for name, weight in once.items())


def test_records_tell_the_truth(catalogue: Catalogue) -> None:
    records = catalogue.load("lwpt")
    for record in records.values():
        assert load_target(record.target, record.name)
        if record.config:
            assert load_target(record.config, record.name)
    known = read_registry().bundles["lwpt"]
    assert known.components == list(records)
    assert known.specs == sorted(f"lwpt/{name}" for name in NAMES)
