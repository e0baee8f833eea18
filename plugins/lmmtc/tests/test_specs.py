"""Every shipped spec is checked, and learns on the bundled sample with a tiny model for the pretrained one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import labelloom_lmmtc
from labelloom.bundles import Catalogue, load_target
from labelloom.compose.build import build as build_model
from labelloom.compose.build import build_samplers, initialise, prepare
from labelloom.compose.check import check
from labelloom.data.columns import Columns
from labelloom.data.corpus import Corpus, load_corpus
from labelloom.interfaces import Batch, Context, States
from labelloom.registry import read_registry
from labelloom.spec import read_spec
from labelloom.spec.data import DataSettings
from labelloom.training.feed import Feed
from labelloom_lmmtc.label_mask_encoder import LabelMaskEncoder
from labelloom_standard.config import TransformerConfig
from labelloom_standard.transformer import Transformer

FILES = sorted((Path(labelloom_lmmtc.__file__).parent / "specs").glob("*.toml"))
NAMES = [file.stem for file in FILES]
PAPER = {"lm", "lm-mlm", "lm-mlm-same", "bert", "bert-mlm"}
BCE = {"use": "standard/bce", "name": "bce", "reduction": "mean"}
SUM = {"use": "standard/bce", "name": "bce"}
MLM = {"use": "lmmtc/label-mlm", "name": "label-mlm", "weight": 0.05}
POSITIONS = 80


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield load_corpus(DataSettings(source="arxiv-mini", limit=32))


@pytest.fixture(scope="module")
def longer_bert(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny BERT with room for the slots of the sample's labels."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("longer") / "bert"
    shutil.copytree(bert, folder)
    torch.manual_seed(3)
    BertModel(BertConfig.from_pretrained(bert, max_position_embeddings=POSITIONS)).save_pretrained(folder)
    return folder


def told(name: str, catalogue: Catalogue) -> dict[str, Any]:
    """What a shipped spec says, with what it extends, but not what it is called."""
    raw = read_spec(name, shipped=catalogue.specs())[0].model_dump(exclude_unset=True)
    return {key: value for key, value in raw.items() if key not in ("name", "description")}


def with_encoder(spec: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The spec with more options of its encoder."""
    return {**spec, "model": {**spec["model"], "encoder": {**spec["model"]["encoder"], **options}}}


def without(spec: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in keys}


def test_the_specs_of_the_paper_and_of_the_sample() -> None:
    assert set(NAMES) == PAPER | {f"minilm-{name}" for name in PAPER}


@pytest.mark.parametrize("prefix", ["", "minilm-"])
def test_each_spec_adds_to_another_one_what_its_name_says(prefix: str, catalogue: Catalogue) -> None:
    lm, lm_mlm, same = (told(f"lmmtc/{prefix}{name}", catalogue) for name in ("lm", "lm-mlm", "lm-mlm-same"))
    # On the sample labels are summed, 20 of them, so the masked tokens beside them weigh 20 times as much.
    bce, mlm, mode = (SUM, {**MLM, "weight": 1.0}, "full") if prefix else (BCE, MLM, "uniform")
    assert lm["tasks"] == [bce]
    assert lm["samplers"] == [{"use": "lmmtc/reveal", "mode": mode}]
    assert lm_mlm == with_encoder({**lm, "tasks": [bce, mlm]}, mask_words=0.15)
    assert same == with_encoder(lm_mlm, tokens="same", **({"mask_init": "random"} if prefix else {}))

    bert, bert_mlm = (told(f"lmmtc/{prefix}{name}", catalogue) for name in ("bert", "bert-mlm"))
    assert bert["tasks"] == [bce]
    assert bert_mlm["tasks"] == [bce, {**mlm, "targets": "words"}]
    assert bert_mlm["model"]["encoder"]["mask_words"] == 0.15
    for spec in (bert, bert_mlm):
        assert without(spec, "model", "tasks") | {"samplers": lm["samplers"]} == without(lm, "model", "tasks")
        assert spec["model"]["predictor"]["use"] == "standard/linear"
        assert spec["model"]["predictor"].get("dropout", 0.0) == lm["model"]["predictor"].get("dropout", 0.1)
    assert without(bert_mlm["model"], "encoder") == without(bert["model"], "encoder")


def test_the_paper_s_baselines_cut_documents_where_its_models_do(catalogue: Catalogue) -> None:
    lm, bert, bert_mlm = (told(f"lmmtc/{name}", catalogue) for name in ("lm", "bert", "bert-mlm"))
    alone = {"text_alone": True, "tokens": "same"}
    assert bert["model"]["encoder"] == with_encoder(lm, **alone)["model"]["encoder"]
    assert bert_mlm["model"]["encoder"] == with_encoder(bert, mask_words=0.15)["model"]["encoder"]


def test_on_the_sample_documents_are_cut_alike_with_labels_and_without(catalogue: Catalogue, sample: Corpus) -> None:
    slots = 3 * len(sample.labels) + 1
    standard = told("standard/minilm", catalogue)["model"]["encoder"]
    for name in PAPER - {"bert"}:
        encoder = told(f"lmmtc/minilm-{name}", catalogue)["model"]["encoder"]
        assert encoder["max_length"] - slots == standard["max_length"]
        assert {encoder[key] for key in ("pretrained", "sha256", "dropout")} == {
            standard[key] for key in ("pretrained", "sha256", "dropout")
        }
    assert told("lmmtc/minilm-bert-mlm", catalogue)["model"]["encoder"]["pooling"] == standard["pooling"]


def test_the_sample_s_baseline_is_the_standard_one(catalogue: Catalogue) -> None:
    assert told("lmmtc/minilm-bert", catalogue) == told("standard/minilm", catalogue)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_the_text_alone_is_the_standard_transformer(
    build: Callable[..., LabelMaskEncoder],
    make_context: Callable[..., Context],
    make_batch: Callable[..., Batch],
    architecture: Any,
    pooling: Any,
) -> None:
    alone = build(text_alone=True, tokens="same", pooling=pooling)
    room = 48 - 3 * 5 - 1
    options = TransformerConfig(pretrained=str(architecture["architecture"].root), pooling=pooling, max_length=room)
    plain = Transformer(options, make_context(architecture))
    plain.initialise(None, None)  # type: ignore[arg-type]
    plain.double().eval()
    texts = ["a graph of words .", "", "text " * 60]
    assert alone.reader.key == plain.reader.key
    assert alone.reader.tokenize(texts) == plain.reader.tokenize(texts)
    inputs = alone.reader.collate([{"ids": ids} for ids in alone.reader.tokenize(texts)["ids"]])
    states = [part(States(), make_batch(3, inputs=inputs)) for part in (alone, plain)]
    for field in ("tokens", "token_mask", "document"):
        assert torch.equal(*(state.get(field) for state in states))


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_spec_checks_and_begins_with_its_command(file: Path, catalogue: Catalogue) -> None:
    assert file.read_text().splitlines()[0] == f"# labelloom train lmmtc/{file.stem}"
    spec, folder = read_spec(f"lmmtc/{file.stem}", shipped=catalogue.specs())
    assert spec.description
    assert spec.name == f"lmmtc-{file.stem}"
    assert check(spec, folder, catalogue).scale == "probabilities"


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_learns(name: str, catalogue: Catalogue, longer_bert: Path, sample: Corpus) -> None:
    raw = {"name": name, **told(f"lmmtc/{name}", catalogue)}
    raw["model"]["encoder"].pop("sha256", None)
    encoder = {"pretrained": longer_bert, "max_length": POSITIONS}
    sets = [*(f"model.encoder.{key}={value}" for key, value in encoder.items()), "training.batch_size=16"]
    plan = check(*read_spec(raw, sets), catalogue)
    (stage,) = plan.stages
    torch.manual_seed(0)
    assembly = build_model(plan, sample.labels, prepare(plan, sample))
    initialise(assembly, sample)
    model, reader = assembly.model, assembly.model.encoder.reader
    columns = Columns.from_texts(list(sample.train.texts), reader)
    feed = Feed(sample.train, columns, reader, build_samplers(stage, sample.labels, {}), stage.settings, 0)
    optimiser = torch.optim.Adam(assembly.parameters(), lr=3e-3)
    assembly.train()
    losses = []
    for step in range(12):
        (part,) = feed.step(step)
        states = model.states(part[0], stage.live)["main"]
        means = [assembly.tasks[task.name](states, *part) for task in stage.tasks]
        loss = sum(task.weight * mean.total / mean.count for task, mean in zip(stage.tasks, means, strict=True))
        optimiser.zero_grad()
        loss.backward()
        assert [name for name, weight in assembly.named_parameters() if weight.grad is None] == []
        optimiser.step()
        losses.append([(mean.total / mean.count).item() for mean in means])
    for of_task in zip(*losses, strict=True):
        assert sum(of_task[-3:]) < 0.9 * sum(of_task[:3])


def test_records_tell_the_truth(catalogue: Catalogue) -> None:
    records = catalogue.load("lmmtc")
    assert all(load_target(record.target, record.name) for record in records.values())
    known = read_registry().bundles["lmmtc"]
    assert known.components == list(records)
    assert known.specs == sorted(f"lmmtc/{name}" for name in NAMES)
