"""Every shipped spec is checked, and learns on the bundled sample with a tiny model for the pretrained one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import labelloom_clmil
from labelloom.bundles import Catalogue, load_target
from labelloom.compose.build import build, build_samplers, initialise, prepare, use_options
from labelloom.compose.check import check
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.registry import read_registry
from labelloom.spec import read_spec
from labelloom.spec.data import DataSettings
from labelloom.training.feed import Feed

ROOT = Path(__file__).parents[2]
FILES = sorted((Path(labelloom_clmil.__file__).parent / "specs").glob("*.toml"))
NAMES = [file.stem for file in FILES]
MODELS = ("fil", "cil", "dil", "mil")
SERIES = pytest.mark.parametrize("prefix", ["", "minilm-"])
BCE = {"use": "standard/bce", "name": "bce"}
CLRL = {"use": "clmil/clrl", "name": "clrl", "weight": 0.35}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield load_corpus(DataSettings(source="arxiv-mini", limit=64))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The catalogue of a path on which this bundle and those whose parts its specs use are installed."""
    site = tmp_path_factory.mktemp("site")
    for bundle in ("clmil", "laco", "standard"):
        project = tomllib.loads((ROOT / bundle / "pyproject.toml").read_text())["project"]
        info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        lines = [f"{name} = {value}" for name, value in project["entry-points"]["labelloom.bundles"].items()]
        (info / "entry_points.txt").write_text("\n".join(["[labelloom.bundles]", *lines]))
    return Catalogue([str(site)])


@pytest.fixture(scope="module")
def bert_of_sample(make_bert: Callable[[Sequence[str]], Path], corpus: Corpus) -> Path:
    """A tiny BERT that knows the words of the sample, so that it can tell its documents apart."""
    return make_bert(sorted({word for text in corpus.train.texts for word in re.findall(r"\w+", text.lower())}))


def told(name: str, catalogue: Catalogue) -> dict[str, Any]:
    """What a shipped spec says, with what it extends, but not what it is called."""
    raw = read_spec(name, shipped=catalogue.specs())[0].model_dump(exclude_unset=True)
    return {key: value for key, value in raw.items() if key not in ("name", "description")}


def without(spec: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in keys}


def test_the_specs_of_the_paper_and_of_the_sample() -> None:
    paper = {*MODELS, *(f"cl-{name}" for name in MODELS), "cl-bert"}
    assert set(NAMES) == {"bert", *paper, *(f"minilm-{name}" for name in paper)}


@SERIES
def test_each_model_is_made_of_those_before_it(prefix: str, catalogue: Catalogue) -> None:
    fil, cil, dil, mil = (told(f"clmil/{prefix}{name}", catalogue) for name in MODELS)
    assert without(fil, "model") == without(cil, "model")
    assert fil["tasks"] == [BCE]
    assert without(fil["model"], "label_modules") == without(cil["model"], "label_modules")
    views = {"fine": fil, "coarse": cil}
    assert dil["model"] == {
        "encoder": fil["model"]["encoder"],
        "branches": [{"name": name, "share": 0.5, **without(view["model"], "encoder")} for name, view in views.items()],
    }
    # What has a rate of its own stands elsewhere with branches.
    rates = dict(fil["training"].get("rates", {}))
    if "model.predictor" in rates:
        rates |= dict.fromkeys((f"model.branches.{name}.predictor" for name in views), rates.pop("model.predictor"))
    assert dil["training"] == ({**fil["training"], "rates": rates} if rates else fil["training"])
    assert without(dil, "model", "tasks", "training") == without(fil, "model", "tasks", "training")
    assert dil["tasks"] == [{**BCE, "name": name, "branch": name} for name in views]
    assert mil == {**dil, "tasks": [*dil["tasks"], CLRL]}


@SERIES
@pytest.mark.parametrize("name", ["bert", *MODELS])
def test_the_contrastive_stage_comes_before_what_follows_as_it_is(name: str, prefix: str, catalogue: Catalogue) -> None:
    plain = "laco/minilm-without-ca" if (prefix, name) == ("minilm-", "bert") else f"clmil/{prefix}{name}"
    before, after = told(plain, catalogue), told(f"clmil/{prefix}cl-{name}", catalogue)
    contrast, classify = after["stages"]
    assert classify == {"name": "classify", "tasks": before["tasks"]}
    assert without(after, "stages", "tasks", "samplers") == without(before, "tasks", "samplers")
    assert [task["use"] for task in contrast["tasks"]] == ["clmil/info-nce"]
    assert [sampler["use"] for sampler in contrast["samplers"]] == ["clmil/label-frequency-contrast"]
    # Without dropout the two passes of a document would be one.
    assert before["model"]["encoder"].get("dropout") == (0.0 if prefix else None)
    assert contrast["options"] == {"model.encoder": {"text_alone": True, **({"dropout": 0.1} if prefix else {})}}
    assert contrast == told(f"clmil/{prefix}cl-mil", catalogue)["stages"][0]


def test_the_sample_is_read_as_by_its_other_specs(catalogue: Catalogue, corpus: Corpus) -> None:
    laco, small = (told(name, catalogue) for name in ("laco/minilm", "clmil/minilm-fil"))
    assert small["model"]["encoder"] == laco["model"]["encoder"]
    assert small["model"]["predictor"] == laco["model"]["predictor"]
    rates = {**laco["training"]["rates"], "model.predictor": 2e-2}
    assert without(small, "model") == {**without(laco, "model"), "training": {**laco["training"], "rates": rates}}


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_spec_checks_and_begins_with_its_command(file: Path, catalogue: Catalogue) -> None:
    assert file.read_text().splitlines()[0] == f"# labelloom train clmil/{file.stem}"
    spec, folder = read_spec(f"clmil/{file.stem}", shipped=catalogue.specs())
    assert spec.description
    assert spec.name == f"clmil-{file.stem}"
    assert check(spec, folder, catalogue).scale == "probabilities"


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_learns_in_every_stage(name: str, catalogue: Catalogue, bert_of_sample: Path, corpus: Corpus) -> None:
    raw = {"name": name, **told(f"clmil/{name}", catalogue)}
    encoder = raw["model"]["encoder"]
    sets = ["training.batch_size=16"]
    encoder.pop("sha256", None)
    sets += [f"model.encoder.pretrained={bert_of_sample}", "model.encoder.max_length=40"]
    for stage in raw.get("stages", []):
        for sampler in stage.get("samplers", []):
            sampler["low_frequency"] = 0.5
    spec, folder = read_spec(raw, sets)
    plan = check(spec, folder, catalogue)
    torch.manual_seed(0)
    assets = prepare(plan, corpus)
    assembly = build(plan, corpus.labels, assets)
    initialise(assembly, corpus)
    model, reader = assembly.model, assembly.model.encoder.reader
    columns = Columns.from_texts(list(corpus.train.texts), reader)
    for stage in plan.stages:
        use_options(assembly, stage, plan)
        assembly.train()
        feed = Feed(
            corpus.train, columns, reader, build_samplers(stage, corpus.labels, assets), stage.settings, 0, 0, 1
        )
        optimiser = torch.optim.Adam(assembly.parameters(), lr=3e-3)
        losses = []
        for step in range(60):
            (part,) = feed.step(step)
            states = model.states(part[0], stage.live)
            means = [assembly.tasks[task.name](states[task.branch], *part) for task in stage.tasks]
            loss = sum(task.weight * mean.total / mean.count for task, mean in zip(stage.tasks, means, strict=True))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert sum(losses[-15:]) < 0.95 * sum(losses[:15]), stage.name


def test_records_tell_the_truth(catalogue: Catalogue) -> None:
    records = catalogue.load("clmil")
    for record in records.values():
        assert load_target(record.target, record.name)
        if record.config:
            assert load_target(record.config, record.name)()
    known = read_registry().bundles["clmil"]
    assert known.components == list(records)
    assert known.specs == sorted(f"clmil/{name}" for name in NAMES)
