"""The joint encoder through models that differ in what they know of positions, segments and widths."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from labelloom.interfaces import Context, Files
from labelloom_laco.config import JointEncoderConfig
from labelloom_laco.joint_encoder import JointEncoder

SIZES = {
    "vocab_size": 13,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
}
KINDS: dict[str, Any] = {
    "ALBERT, whose embeddings are narrower and whose layers share weights": transformers.AlbertConfig(
        **SIZES, embedding_size=16
    ),
    "DeBERTa, whose positions are relative": transformers.DebertaV2Config(
        **SIZES, relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False, type_vocab_size=0
    ),
    "DistilBERT, without segments": transformers.DistilBertConfig(
        vocab_size=13, dim=32, n_layers=2, n_heads=2, hidden_dim=48
    ),
    "ELECTRA, whose embeddings are narrower": transformers.ElectraConfig(**SIZES, embedding_size=16),
    "ModernBERT, whose positions are rotations": transformers.ModernBertConfig(
        **SIZES, pad_token_id=0, bos_token_id=2, eos_token_id=3, cls_token_id=2, sep_token_id=3
    ),
    "RoBERTa, whose positions count real tokens": transformers.RobertaConfig(
        **SIZES, max_position_embeddings=41, pad_token_id=0, bos_token_id=2, eos_token_id=3
    ),
}
TEXTS = ["a graph of words .", "text", "", "a neural network of words of a text of a graph"]


@pytest.mark.parametrize("config", KINDS.values(), ids=[name.split(",")[0] for name in KINDS])
def test_a_model_reads_labels(
    config: Any, bert: Path, tmp_path: Path, make_context: Callable[..., Context], read: Callable[..., Any]
) -> None:
    for file in bert.glob("tokenizer*"):
        shutil.copy(file, tmp_path)
    config.save_pretrained(tmp_path)
    files = Files(tmp_path, ("config.json", "tokenizer.json", "tokenizer_config.json"))
    torch.manual_seed(0)
    options = JointEncoderConfig(pretrained=str(tmp_path), max_length=24, random_init=True)
    encoder = JointEncoder(options, make_context({"architecture": files}))
    encoder.initialise(None, None)  # type: ignore[arg-type]
    encoder.eval()

    together = read(encoder, TEXTS)

    assert together.labels.shape == (4, 5, 32)
    for row, text in enumerate(TEXTS):
        alone = read(encoder, [text])
        for field in ("labels", "document"):
            torch.testing.assert_close(together.get(field)[row], alone.get(field)[0], atol=1e-5, rtol=1e-5)
    # A word of the document reaches its labels, and a label's token the document.
    (gradient,) = torch.autograd.grad(together.document.square().sum(), encoder.embedding.added.weight)
    assert (gradient.abs().sum(1) > 0).all()
    assert not torch.allclose(together.labels[0], together.labels[1], atol=1e-5)
