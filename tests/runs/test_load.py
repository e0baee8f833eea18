"""A saved run needs neither its corpus, nor the cache, nor what its weights came from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import labelloom
from labelloom.errors import BundleError
from labelloom.evaluation.predictions import Predictions
from labelloom.interfaces import Files
from labelloom.runs.assets import load_assets, save_assets

from ..training.small import spec_on, write_corpus

ELSEWHERE = """
import json, sys
import labelloom
run, texts = json.loads(sys.argv[1])
classifier = labelloom.load(run, device="cpu")
print(json.dumps([[[label.label, label.score] for label in labels] for labels in classifier.predict(texts, top_k=6)]))
"""


def write_bert(folder: Path) -> Path:
    """One layer of random weights, and a tokenizer that knows the words of the corpus."""
    from tokenizers import Tokenizer, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"sign{place}" for place in range(6))]
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **sizes)).save_pretrained(folder)
    tokenizer = Tokenizer(WordPiece({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return folder


def test_a_run_predicts_where_nothing_else_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another process, from another folder, without network, corpus, cache and pretrained weights."""
    monkeypatch.setenv("LABELLOOM_CACHE", str(tmp_path / "cache"))
    corpus, bert = write_corpus(tmp_path / "corpus"), write_bert(tmp_path / "bert")
    documents = [json.loads(line) for line in (corpus / "test.jsonl").read_text().splitlines()]
    texts = [document["text"] for document in documents]
    spec = spec_on(corpus, training={"epochs": 1})
    spec["model"]["encoder"] = {"use": "standard/transformer", "pretrained": str(bert), "max_length": 32}
    run = labelloom.train(spec, output=tmp_path / "runs").path
    saved = Predictions.load(run / "predictions.parquet")
    kinds = {file.suffix for file in run.rglob("*") if file.is_file()}
    assert kinds == {".toml", ".json", ".jsonl", ".parquet", ".safetensors"}
    for gone in (corpus, bert, tmp_path / "cache"):
        shutil.rmtree(gone)
    moved = shutil.move(run, tmp_path / "moved")

    told = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, json.dumps([str(moved), texts])],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    ).stdout

    ranked = json.loads(told.splitlines()[-1])
    codes = np.array(saved.label_codes)
    assert [[label for label, _ in labels] for labels in ranked] == codes[saved.ranking.labels].tolist()
    scores = np.array([[score for _, score in labels] for labels in ranked])
    np.testing.assert_allclose(scores, saved.ranking.scores, atol=1e-6)
    assert not (tmp_path / "cache").exists()


def test_assets_come_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "source" / "deep").mkdir(parents=True)
    (tmp_path / "source" / "deep" / "vocabulary.json").write_bytes(b"{}")
    made: dict[str, dict[str, Any]] = {
        "model.encoder": {
            "words": ["ü", "b"],
            "vectors": np.arange(6, dtype=np.float32).reshape(2, 3).T,
            "files": Files(tmp_path / "source", ("deep/vocabulary.json",)),
        },
        "tasks.bce": {"counts": np.array([1, 2**40]), "options": {"a": [1, 0.5, None, True]}},
    }

    save_assets(made, tmp_path / "assets")
    back = load_assets(tmp_path / "assets")

    assert back.keys() == made.keys()
    assert back["model.encoder"]["words"] == ["ü", "b"]
    assert back["tasks.bce"]["options"] == {"a": [1, 0.5, None, True]}
    for path, name in (("model.encoder", "vectors"), ("tasks.bce", "counts")):
        np.testing.assert_array_equal(back[path][name], made[path][name])
        assert back[path][name].dtype == made[path][name].dtype
    files = back["model.encoder"]["files"]
    assert files.names == ("deep/vocabulary.json",)
    assert (files.root / files.names[0]).read_bytes() == b"{}"
    assert files.root.is_relative_to(tmp_path / "assets")


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object()])
def test_assets_that_json_cannot_hold_are_refused(value: object, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="a component prepared something that JSON cannot hold"):
        save_assets({"model.encoder": {"words": value}}, tmp_path / "assets")
    assert not (tmp_path / "assets").exists()
