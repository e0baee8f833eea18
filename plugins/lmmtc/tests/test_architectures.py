"""The label-mask encoder through models that differ in what they know of positions, segments and widths."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from labelloom.interfaces import Context, Files
from labelloom_lmmtc.config import LabelMaskConfig
from labelloom_lmmtc.label_mask_encoder import LabelMaskEncoder

SIZES = {"vocab_size": 14, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
KINDS: dict[str, Any] = {
    "ALBERT, whose embeddings are narrower": transformers.AlbertConfig(**SIZES, embedding_size=16),
    "DeBERTa, whose positions are relative": transformers.DebertaV2Config(
        **SIZES, relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False, type_vocab_size=0
    ),
    "DistilBERT, without segments": transformers.DistilBertConfig(
        vocab_size=14, dim=32, n_layers=2, n_heads=2, hidden_dim=48
    ),
    "ELECTRA, whose embeddings are narrower": transformers.ElectraConfig(**SIZES, embedding_size=16),
    "ModernBERT, whose positions are rotations": transformers.ModernBertConfig(
        **SIZES, **SPECIAL, cls_token_id=2, sep_token_id=3
    ),
    "RoBERTa, whose positions count real tokens": transformers.RobertaConfig(
        **SIZES, **SPECIAL, max_position_embeddings=41
    ),
}
TEXTS = ["a graph of words .", "text", "", "a neural network of words of a text of a graph"]
GIVEN = torch.tensor([[1, 0, -1, -1, 0], [-1] * 5, [1] * 5, [0, -1, 1, 0, -1]], dtype=torch.int8)


@pytest.mark.parametrize("config", KINDS.values(), ids=[name.split(",")[0] for name in KINDS])
def test_a_model_reads_slots(
    config: Any, bert: Path, tmp_path: Path, make_context: Callable[..., Context], read: Callable[..., Any]
) -> None:
    for file in bert.glob("tokenizer*"):
        shutil.copy(file, tmp_path)
    config.save_pretrained(tmp_path)
    files = Files(tmp_path, ("config.json", "tokenizer.json", "tokenizer_config.json"))
    torch.manual_seed(0)
    options = LabelMaskConfig(pretrained=str(tmp_path), max_length=40, random_init=True)
    encoder = LabelMaskEncoder(options, make_context({"architecture": files}))
    encoder.initialise(None, None)  # type: ignore[arg-type]
    encoder.eval()

    together = read(encoder, TEXTS, given=GIVEN)

    assert together.labels.shape == (4, 5, 32)
    for row, text in enumerate(TEXTS):
        alone = read(encoder, [text], given=GIVEN[row : row + 1])
        for field in ("labels", "document", "lmmtc.slots"):
            torch.testing.assert_close(together.get(field)[row], alone.get(field)[0], atol=1e-5, rtol=1e-5)
    added = encoder.head.embedding.added.weight
    # The tokens of the slots that are in the input reach the document, and no other does.
    (gradient,) = torch.autograd.grad(together.document[0].square().sum(), added)
    shown = torch.tensor([[1, 0, 1, 0, 1], [1, 1, 0, 0, 1], [1, 0, 0, 1, 1], [1, 0, 0, 1, 1], [1, 1, 0, 0, 1]])
    assert ((gradient.abs().sum(1) > 0).view(5, 5) == shown.bool()).all()
