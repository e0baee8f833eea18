"""Every shipped spec is checked; those for the bundled sample learn, at a small size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import labelloom_maacf
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

FILES = sorted((Path(labelloom_maacf.__file__).parent / "specs").glob("*.toml"))
NAMES = [file.stem for file in FILES]
PAPER = ["attention-lstm", "roberta", "roberta-acf", "roberta-mcf", "xml-cnn"]
LSTM = "small-attention-lstm"
SMALL = ["minilm", LSTM, f"{LSTM}-acf", f"{LSTM}-mcf", f"{LSTM}-without-groups", "small-xml-cnn"]
TINY = {
    "standard/bilstm": {"embedding": 16, "hidden": 16, "max_length": 30, "dropout": 0},
    "standard/xml-cnn": {"embedding": 16, "filters": 8, "bottleneck": 16, "max_length": 30, "dropout": 0},
    "standard/transformer": {"max_length": 40, "freeze_layers": 1},
}
FROZEN = (".embeddings.", ".layer.0.")
"""Of the transformer, with freeze_layers = 1."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield load_corpus(DataSettings(source="arxiv-mini", limit=64))


def planned(name: str, catalogue: Catalogue) -> Plan:
    return check(*read_spec(f"maacf/{name}", shipped=catalogue.specs()), catalogue)


def told(name: str, catalogue: Catalogue) -> dict[str, Any]:
    """What a shipped spec says, with what it extends, but not what it is called."""
    raw = read_spec(name, shipped=catalogue.specs())[0].model_dump(exclude_unset=True)
    return {key: value for key, value in raw.items() if key not in ("name", "description")}


def test_the_specs_of_the_paper_and_of_the_sample() -> None:
    assert sorted(NAMES) == sorted(PAPER + SMALL)


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_spec_checks_and_begins_with_its_command(file: Path, catalogue: Catalogue) -> None:
    assert file.read_text().splitlines()[0] == f"# labelloom train maacf/{file.stem}"
    plan = planned(file.stem, catalogue)
    assert plan.spec.description
    assert plan.spec.name == f"maacf-{file.stem}"
    assert plan.spec.data.source == "arxiv-mini"
    assert plan.scale == "ranks"


@pytest.mark.parametrize("name", PAPER)
def test_the_settings_of_the_paper(name: str, catalogue: Catalogue) -> None:
    plan = planned(name, catalogue)
    encoder, (_, groups, text) = plan.model.encoder.config, plan.model.label_modules
    own = "cross" if not name.endswith("-mcf") else "self"
    assert (encoder.width, len(encoder.encoders)) == (256, 1 if name.endswith("-acf") else 2)
    assert (groups.config.k, groups.config.attention, text.config.attention) == (2, own, own)
    assert plan.model.branches[0].predictor.config.layers == 2
    (stage,) = plan.stages
    assert [sampler.config.negatives for sampler in stage.samplers] == [4]
    assert (stage.settings.patience, stage.settings.metric) == (3, "ndcg@5")
    assert (stage.settings.weight_decay, stage.settings.decay, stage.settings.warmup) == (0, "constant", 0)
    for held in plan.model.encoder.held.values():
        if held.component.name == "standard/transformer":
            assert stage.settings.rates[held.path] == 2e-5
        else:
            assert (held.config.vectors, held.config.embedding) == ("cbow", 256)


@pytest.mark.parametrize("base", ["roberta", LSTM])
def test_a_variant_is_the_whole_model_but_for_what_it_changes(base: str, catalogue: Catalogue) -> None:
    """What `extends` cannot share is written twice, and must say the same."""
    whole, acf, mcf = (told(f"maacf/{base}{way}", catalogue) for way in ("", "-acf", "-mcf"))
    acf["model"]["encoder"]["n"] = 2
    rates = acf["training"].get("rates", {})
    rates |= {path.replace("0", "1"): rate for path, rate in rates.items()}
    assert acf == whole
    for module in mcf["model"]["label_modules"][1:]:
        assert module.pop("attention") == "self"
    assert mcf == whole


def test_without_groups_is_the_whole_model_with_none(catalogue: Catalogue) -> None:
    without = told(f"maacf/{LSTM}-without-groups", catalogue)
    assert without["model"]["label_modules"][1].pop("k") == 0
    assert without == told(f"maacf/{LSTM}", catalogue)


@pytest.mark.parametrize(("name", "alone"), [(LSTM, "bilstm"), ("small-xml-cnn", "xml-cnn")])
def test_each_aspect_is_encoded_as_by_the_encoder_alone(name: str, alone: str, catalogue: Catalogue) -> None:
    inside, outside = told(f"maacf/{name}", catalogue), told(f"standard/{alone}", catalogue)
    assert inside["model"]["encoder"]["encoder"] == outside["model"]["encoder"]
    for key in ("epochs", "batch_size", "learning_rate"):
        assert inside["training"][key] == outside["training"][key]


@pytest.mark.parametrize("name", SMALL)
def test_a_spec_for_the_sample_learns(name: str, catalogue: Catalogue, bert: Path, corpus: Corpus) -> None:
    raw = {"name": name, **told(f"maacf/{name}", catalogue)}
    raw["model"]["encoder"]["width"] = 16
    encoder = raw["model"]["encoder"]["encoder"]
    encoder.update(TINY[encoder["use"]])
    if encoder.pop("sha256", None):
        encoder["pretrained"] = str(bert)
    raw["training"]["precision"] = "fp32"
    plan = check(*read_spec(raw), catalogue)
    (stage,) = plan.stages
    torch.manual_seed(0)
    assets = prepare(plan, corpus)
    assembly = build(plan, corpus.labels, assets)
    initialise(assembly, corpus)
    model, reader = assembly.model, assembly.model.encoder.reader
    columns = Columns.from_texts(list(corpus.train.texts), reader)
    samplers = build_samplers(stage, corpus.labels, assets)
    feed = Feed(corpus.train, columns, reader, samplers, stage.settings, 0, 0, 1)
    optimiser = torch.optim.Adam(assembly.parameters(), lr=3e-3)
    losses = []
    for step in range(60):
        (part,) = feed.step(step)
        loss = assembly.tasks["bpr"](model.states(part[0], stage.live)["main"], *part)
        assert loss.count > 0
        optimiser.zero_grad()
        mean = loss.total / loss.count
        mean.backward()
        unreached = [name for name, weight in assembly.named_parameters() if weight.grad is None]
        assert [name for name in unreached if not any(layer in name for layer in FROZEN)] == []
        optimiser.step()
        losses.append(mean.item())
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])


def test_records_tell_the_truth(catalogue: Catalogue) -> None:
    records = catalogue.load("maacf")
    for record in records.values():
        assert load_target(record.target, record.name)
        assert load_target(record.config, record.name)
    known = read_registry().bundles["maacf"]
    assert known.components == list(records)
    assert known.specs == [f"maacf/{name}" for name in sorted(NAMES)]
