"""Every shipped spec is checked, and learns on the bundled sample with a tiny model for the pretrained one."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

import labelloom_laco
from labelloom.bundles import Catalogue, load_target
from labelloom.compose.build import build, build_samplers, initialise, prepare
from labelloom.compose.check import check
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.errors import CompositionError
from labelloom.registry import read_registry
from labelloom.spec import read_spec, validate_spec
from labelloom.spec.data import DataSettings
from labelloom.training.feed import Feed

FILES = sorted((Path(labelloom_laco.__file__).parent / "specs").glob("*.toml"))
NAMES = [file.stem for file in FILES]
MINILM, WITHOUT = "standard/minilm", "laco/minilm-without-je"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield load_corpus(DataSettings(source="arxiv-mini", limit=64))


def test_the_specs_of_the_paper_and_of_the_sample() -> None:
    paper = {"laco", "plcp", "clcp", "plcp-clcp", "without-je", "without-ca", "without-both"}
    assert set(NAMES) == paper | {"minilm", *(f"minilm-{name}" for name in paper - {"laco"})}


def told(name: str, catalogue: Catalogue) -> dict[str, Any]:
    """What a shipped spec says, with what it extends, but not what it is called."""
    raw = read_spec(name, shipped=catalogue.specs())[0].model_dump(exclude_unset=True)
    return {key: value for key, value in raw.items() if key not in ("name", "description")}


@pytest.mark.parametrize("base", ["laco", "minilm"])
def test_an_ablation_is_the_whole_model_but_for_what_it_leaves_out(base: str, catalogue: Catalogue) -> None:
    prefix = "" if base == "laco" else "minilm-"
    whole = told(f"laco/{base}", catalogue)
    reads = whole["model"]["encoder"]

    for name, extra in (("plcp", {"laco/plcp": 1}), ("clcp", {"laco/clcp": 5}), ("plcp-clcp", None)):
        wanted = {"standard/bce": None, **({"laco/plcp": 1, "laco/clcp": 5} if extra is None else extra)}
        found = told(f"laco/{prefix}{name}", catalogue)
        assert {task["use"]: task.get("weight") for task in found.pop("tasks")} == wanted
        assert found == {key: value for key, value in whole.items() if key != "tasks"}

    without = {name: told(f"laco/{prefix}without-{name}", catalogue) for name in ("je", "ca", "both")}
    modules = {name: [part["use"] for part in spec["model"].get("label_modules", [])] for name, spec in without.items()}
    assert modules == {"je": ["standard/label-table", "laco/cross-attention"], "ca": [], "both": []}
    assert without["ca"]["model"]["encoder"] == reads
    for name in ("je", "both"):
        encoder = without[name]["model"]["encoder"]
        assert encoder["use"] == "standard/transformer"
        assert encoder["pretrained"] == reads["pretrained"]
        assert encoder["pooling"] == reads.get("pooling", "cls")
        assert encoder.get("dropout") == reads.get("dropout")
    for spec in without.values():
        assert spec["model"]["predictor"] == whole["model"]["predictor"]
        assert {key: value for key, value in spec.items() if key != "model"} == {
            key: value for key, value in whole.items() if key != "model"
        }


def test_on_the_sample_documents_are_cut_alike_with_labels_and_without(catalogue: Catalogue, corpus: Corpus) -> None:
    reads = {name: told(name, catalogue)["model"]["encoder"]["max_length"] for name in ("laco/minilm", WITHOUT, MINILM)}
    assert reads["laco/minilm"] - len(corpus.labels) - 1 == reads[WITHOUT] == reads[MINILM]


def test_the_sample_without_both_is_the_spec_that_it_extends(catalogue: Catalogue) -> None:
    assert told("laco/minilm-without-both", catalogue) == told(MINILM, catalogue)


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_spec_checks_and_begins_with_its_command(file: Path, catalogue: Catalogue) -> None:
    assert file.read_text().splitlines()[0] == f"# labelloom train laco/{file.stem}"
    spec, folder = read_spec(f"laco/{file.stem}", shipped=catalogue.specs())
    assert spec.description
    assert spec.name == (file.stem if file.stem == "laco" else f"laco-{file.stem}")
    plan = check(spec, folder, catalogue)
    assert plan.scale == "probabilities"


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_learns(name: str, catalogue: Catalogue, bert: Path, corpus: Corpus) -> None:
    raw = {"name": name, **told(f"laco/{name}", catalogue)}
    raw["model"]["encoder"].pop("sha256", None)
    sets = [f"model.encoder.pretrained={bert}", "model.encoder.max_length=40", "training.batch_size=16"]
    spec, folder = read_spec(raw, sets)
    plan = check(spec, folder, catalogue)
    (stage,) = plan.stages
    torch.manual_seed(0)
    assembly = build(plan, corpus.labels, prepare(plan, corpus))
    initialise(assembly, corpus)
    model, reader = assembly.model, assembly.model.encoder.reader
    columns = Columns.from_texts(list(corpus.train.texts), reader)
    feed = Feed(corpus.train, columns, reader, build_samplers(stage, corpus.labels, {}), stage.settings, 0, 0, 1)
    optimiser = torch.optim.Adam(assembly.parameters(), lr=3e-3)
    losses = []
    for step in range(40):
        (part,) = feed.step(step)
        states = model.states(part[0], stage.live)["main"]
        means = [assembly.tasks[task.name](states, *part) for task in stage.tasks]
        loss = sum(task.weight * mean.total / mean.count for task, mean in zip(stage.tasks, means, strict=True))
        optimiser.zero_grad()
        loss.backward()
        assert [name for name, weight in assembly.named_parameters() if weight.grad is None] == []
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])


def test_every_step_draws_other_pairs_and_given_labels(catalogue: Catalogue, bert: Path, corpus: Corpus) -> None:
    raw = {"name": "drawn", **told("laco/minilm-plcp-clcp", catalogue)}
    raw["model"]["encoder"].pop("sha256")
    # One step an epoch, so that every step has the same documents.
    sets = [f"model.encoder.pretrained={bert}", "model.encoder.max_length=40", "training.batch_size=64"]
    spec, folder = read_spec(raw, sets)
    plan = check(spec, folder, catalogue)
    assembly = build(plan, corpus.labels, prepare(plan, corpus))
    pairwise, conditional = assembly.tasks["plcp"], assembly.tasks["clcp"]
    reader = assembly.model.encoder.reader
    columns = Columns.from_texts(list(corpus.train.texts), reader)

    def drawn() -> list[tuple[Any, Any]]:
        feed = Feed(corpus.train, columns, reader, [], plan.stages[0].settings, 0)
        seen = []
        for step in range(4):
            ((batch, targets),) = feed.step(step)
            carried = targets.dense(batch.label_ids)
            order = batch.rows.argsort()
            first, second, _ = pairwise.pairs(carried, batch)
            pairs = torch.cat([first, second], 1)[order]
            seen.append((pairs.tolist(), conditional.given_labels(carried, batch)[order].tolist()))
        return seen

    once = drawn()
    assert drawn() == once
    for one, other in itertools.combinations(once, 2):
        assert one[0] != other[0]
        assert one[1] != other[1]


def test_records_tell_the_truth(catalogue: Catalogue) -> None:
    records = catalogue.load("laco")
    assert list(records) == ["laco/joint-encoder", "laco/cross-attention", "laco/plcp", "laco/clcp"]
    for record in records.values():
        assert load_target(record.target, record.name)
        assert load_target(record.config, record.name)()
    known = read_registry().bundles["laco"]
    assert known.components == list(records)
    assert known.specs == sorted(f"laco/{name}" for name in NAMES)


def test_the_encoder_s_own_labels_reach_the_tasks_of_a_contrastive_stage_never(catalogue: Catalogue) -> None:
    raw = {
        "name": "wrong",
        "data": {"source": "arxiv-mini"},
        "model": {
            "encoder": {"use": "laco/joint-encoder", "text_alone": True},
            "predictor": {"use": "standard/linear"},
        },
        "tasks": [{"use": "standard/bce"}, {"use": "laco/clcp"}],
    }
    with pytest.raises(CompositionError, match=r"laco/clcp needs labels, and nothing here gives it"):
        check(validate_spec(raw), catalogue=catalogue)
