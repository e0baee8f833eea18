"""Pre-training, classifying on frozen encoders, fine-tuning: what each stage trains, runs and tells."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

import labelloom
from labelloom.compose.batches import make_batch, plain_draw
from labelloom.errors import CompositionError
from labelloom.interfaces import Batch
from labelloom.runs.classifier import Classifier
from labelloom.training.loop import Job, train_stage
from labelloom.training.stage import StageModule
from labelloom.training.train import Run

Table = dict[str, Any]
Weights = dict[str, Tensor]
Done = tuple[Run, dict[str, tuple[Weights, Weights]]]
"""A run, and the weights before and after each of its stages."""

WORDS = {"a": ["graphs", "trees"], "b": ["words", "texts"], "c": ["cells", "genes"], "d": ["rare", "drugs"]}
SETS = ["a", "ab", "c", "bc", "b", "", "ac", "d", "cd"]

LSTM: Table = {"use": "lwpt/lw-lstm", "hidden": 6, "layers": 1, "embedding": 5, "min_count": 1, "dropout": 0.5}
HIERARCHICAL: Table = {**LSTM, "use": "lwpt/hlw-lstm"}
CHAIN: Table = {
    "use": "standard/chain",
    "encoder": {"use": "standard/transformer", "pretrained": "./bert", "max_length": 16, "dropout": 0.5},
    "label_modules": [{"use": "standard/label-attention"}],
}
ENCODERS: dict[str, Table] = {
    "twins": {"use": "lwpt/paired", "target": LSTM},
    "twins-of-two-kinds": {"use": "lwpt/paired", "target": LSTM, "candidate": HIERARCHICAL},
    "transformers": {"use": "lwpt/paired", "target": CHAIN},
    "one-encoder": LSTM,
}
PRETRAIN: Table = {
    "name": "pretrain",
    "samplers": [{"use": "lwpt/candidates"}],
    "tasks": [{"use": "lwpt/label-wise-ranking"}],
}
CLASSIFY: Table = {"name": "classify", "tasks": [{"use": "standard/bce"}], "freeze": ["model.encoder"]}
FINE_TUNE: Table = {"name": "fine-tune", "tasks": [{"use": "standard/bce"}]}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a corpus of four labels and a small BERT that knows its words."""
    folder = tmp_path_factory.mktemp("stages")
    write_corpus(folder / "corpus")
    write_bert(folder / "bert")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        yield folder


def write_corpus(folder: Path) -> None:
    folder.mkdir()
    draw = random.Random(3)
    for split, count in (("train", 18), ("validation", 6), ("test", 6)):
        lines = []
        for place in range(count):
            labels = list(SETS[place % len(SETS)])
            words = [draw.choice(WORDS[label]) for label in labels for _ in range(draw.randint(1, 4))]
            lines.append(json.dumps({"text": f"we show {' '.join(words)}. it is new.", "labels": labels}))
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")


def write_bert(folder: Path) -> None:
    from tokenizers import Tokenizer, pre_tokenizers, processors
    from tokenizers.models import WordLevel
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "we", "show", *(word for own in WORDS.values() for word in own)]
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=16, **sizes)).save_pretrained(folder)
    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)


def spec(workplace: Path, name: str, encoder: Table, *stages: Table) -> Path:
    import tomli_w

    file = workplace / f"{name}.toml"
    file.write_text(
        tomli_w.dumps(
            {
                "name": name,
                "data": {"source": "./corpus"},
                "model": {"encoder": encoder, "predictor": {"use": "lwpt/label-wise-mlp", "hidden": 8}},
                "training": {"steps": 3, "batch_size": 6, "learning_rate": 1e-2},
                "stages": list(stages),
            }
        )
    )
    return file


@pytest.fixture(scope="module")
def train(workplace: Path) -> Iterator[Callable[..., Done]]:
    """Trains an encoder of this name through the stages, the first time that it is asked to."""
    done: dict[str, Done] = {}
    stages: dict[str, tuple[Weights, Weights]] = {}

    def watched(job: Job, number: int, *arguments: Any) -> None:
        before = weights(job)
        train_stage(job, number, *arguments)
        stages[job.plan.stages[number].name] = before, weights(job)

    def once(name: str, *wanted: Table, **encoder: Any) -> Done:
        if name not in done:
            stages.clear()
            file = spec(workplace, name, encoder or ENCODERS[name], *(wanted or (PRETRAIN, CLASSIFY, FINE_TUNE)))
            run = labelloom.train(file, output=workplace / "runs")
            done[name] = run, dict(stages)
        return done[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("labelloom.training.train.train_stage", watched)
        yield once


def weights(job: Job) -> Weights:
    return {name: value.detach().clone() for name, value in job.assembly.named_parameters()}


def changed(stages: tuple[Weights, Weights], under: str) -> list[bool]:
    """For each weight at or below a path, whether a stage changed it."""
    before, after = stages
    return [not torch.equal(value, after[name]) for name, value in before.items() if name.startswith(f"{under}.")]


def batch_of(classifier: Classifier, texts: list[str]) -> Batch:
    """What predictions see of these texts."""
    reader = classifier.model.assembly.model.encoder.reader
    columns = reader.tokenize(texts)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(len(texts))]
    return make_batch(reader.collate(rows), plain_draw(len(texts)), len(classifier.labels))


@pytest.fixture(params=list(ENCODERS))
def trained(request: pytest.FixtureRequest, train: Callable[..., Done]) -> Done:
    return train(request.param)


def test_each_stage_trains_its_own_part(trained: Done) -> None:
    _, stages = trained
    assert list(stages) == ["pretrain", "classify", "fine-tune"]
    assert any(changed(stages["pretrain"], "model.encoder"))
    assert not any(changed(stages["pretrain"], "model.predictor"))
    # Bit for bit what pre-training left.
    assert not any(changed(stages["classify"], "model.encoder"))
    assert all(changed(stages["classify"], "model.predictor"))
    assert any(changed(stages["fine-tune"], "model.encoder"))
    assert all(changed(stages["fine-tune"], "model.predictor"))


@pytest.mark.parametrize("name", ["twins", "twins-of-two-kinds", "transformers"])
def test_pretraining_and_fine_tuning_train_both_twins(train: Callable[..., Done], name: str) -> None:
    _, stages = train(name)
    for twin in ("target", "candidate"):
        assert any(changed(stages["pretrain"], f"model.encoder.{twin}"))
        assert any(changed(stages["fine-tune"], f"model.encoder.{twin}"))


def test_twins_are_two_encoders_from_the_start(train: Callable[..., Done]) -> None:
    _, stages = train("twins")
    start = stages["pretrain"][0]
    names = [name for name in start if name.startswith("model.encoder.target.") and start[name].std() > 0]
    twins = [name.replace(".target.", ".candidate.") for name in names]
    drawn = [(start[one], start[other]) for one, other in zip(names, twins, strict=True)]
    # Layer norms start as ones and zeros, everything else is drawn.
    assert len([one for one, other in drawn if not torch.equal(one, other)]) >= 5
    assert not any(torch.equal(one, other) for one, other in drawn if one.dim() == 2)


def test_frozen_encoders_run_without_dropout(trained: Done) -> None:
    run, _ = trained
    classifier = labelloom.load(run.path, device="cpu")
    batch = batch_of(classifier, ["we show graphs and words", "genes", ""])
    model = classifier.model.assembly.model
    modes: dict[str, list[Tensor]] = {}
    for stage in classifier.model.plan.stages[1:]:
        module = StageModule(classifier.model.assembly, stage)
        modes[stage.name] = []
        for mode in (True, True, False):
            module.train(mode)
            modes[stage.name].append(cast(Tensor, model.states(batch, stage.live)["main"].labels).detach())
            assert model.predictor.training is mode
            assert all(part.training is (mode and stage.name == "fine-tune") for part in model.encoder.modules())
    first, second, plain = modes["classify"]
    assert torch.equal(first, second)
    assert torch.equal(first, plain)
    first, second, plain = modes["fine-tune"]
    assert not torch.allclose(first, second)
    assert not torch.allclose(first, plain)


def test_pretraining_tells_its_loss_and_no_metric(trained: Done) -> None:
    run, _ = trained
    lines = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    told = {line["stage"]: line["validation"] for line in lines if "validation" in line}
    assert set(told["pretrain"]) == {"loss", "loss.label-wise-ranking", "label-wise-ranking.accuracy"}
    for stage in ("classify", "fine-tune"):
        assert "micro_f1" in told[stage]
        assert not any("label-wise-ranking" in name for name in told[stage])
    assert "label-wise-ranking" not in (run.path / "metrics.json").read_text()
    assert "micro_f1" in run.metrics["test"]


def test_a_run_is_loaded_with_the_weights_of_the_last_stage(trained: Done) -> None:
    run, stages = trained
    saved = dict(labelloom.load(run.path, device="cpu").model.assembly.named_parameters())
    for name, value in stages["fine-tune"][1].items():
        assert torch.equal(saved[name], value), name


def test_twins_start_from_the_same_word_vectors(train: Callable[..., Done]) -> None:
    """They share what is known of words, whether it is trained on the texts or read, and nothing else."""
    encoder = {**LSTM, "vectors": "skip-gram", "train_vectors": False, "vector_epochs": 1}
    _, stages = train("twins-of-skip-gram", PRETRAIN, FINE_TUNE, use="lwpt/paired", target=encoder)
    for at in (stages["pretrain"][0], stages["fine-tune"][1]):
        target, candidate = (at[f"model.encoder.{twin}.embedding.weight"] for twin in ("target", "candidate"))
        assert torch.equal(target[2:], candidate[2:])  # before these, padding and unknown words
        assert target[2:].std() > 0
    assert any(changed(stages["pretrain"], "model.encoder.target"))


# Widths.

WIDE: Table = {"use": "lwpt/paired", "target": LSTM, "candidate": {**LSTM, "hidden": 4}}


def test_twins_of_two_widths_cannot_be_pretrained_by_ranking(workplace: Path) -> None:
    with pytest.raises(CompositionError) as told:
        labelloom.train(spec(workplace, "wrong", WIDE, PRETRAIN, CLASSIFY), output=workplace / "runs")
    assert str(told.value) == (
        "model.encoder: lwpt/paired: its target encoder gives labels of width 12 and its candidate encoder of width "
        "8: to be compared they must be as wide as each other"
    )


def test_twins_of_two_widths_classify(train: Callable[..., Done]) -> None:
    run, _ = train("two-widths", FINE_TUNE, **WIDE)
    assert labelloom.load(run.path, device="cpu").model.assembly.model.encoder.widths == {"labels": 20}
