"""Attention between labels behind a document, of one piece each or of several, document by document."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from labelloom.interfaces import Batch, Context
from labelloom_laco.config import JointEncoderConfig
from labelloom_laco.joint_encoder import JointEncoder
from labelloom_standard.slot_analysis.attention import slot_attention

TEXTS = ["a graph of words .", "text", "", "a neural network of words of a text of a graph"]
NAMES = [[5, 7], [8, 7, 6, 11], [9, 10], [4], [11]]


@pytest.mark.parametrize("label_tokens", ["added", "names"])
@torch.no_grad()
def test_attention_between_labels(
    bert: Path,
    architecture: Any,
    make_context: Callable[..., Context],
    make_batch: Callable[..., Batch],
    label_tokens: str,
) -> None:
    torch.manual_seed(0)
    options = {"attention": "eager", "max_length": 28, "label_tokens": label_tokens}
    encoder = JointEncoder(JointEncoderConfig(pretrained=str(bert), **options), make_context(architecture))
    encoder.initialise(None, None)  # type: ignore[arg-type]
    encoder = encoder.double().eval()
    for layer in encoder.model.encoder.layer:
        layer.attention.self.query.weight.mul_(40)  # so that it is far from uniform
    columns = encoder.reader.tokenize(TEXTS)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(4)]
    found = slot_attention(encoder, make_batch(4, inputs=encoder.reader.collate(rows)))
    names = NAMES if label_tokens == "names" else [[13 + label] for label in range(5)]
    for row in range(4):
        words = columns["ids"][row]
        whole = [*words, *(piece for name in names for piece in name), 3]
        segments = [0] * len(words) + [1] * sum(map(len, names)) + [0]
        told = encoder.model(
            input_ids=torch.tensor([whole]), token_type_ids=torch.tensor([segments]), output_attentions=True
        ).attentions[-1][0]
        starts = [len(words) + sum(map(len, names[:label])) for label in range(5)]
        for i in range(5):
            for j in range(5):
                paid = sum(
                    told[head, starts[i] + p, starts[j] + q].item() / 2 / len(names[i])
                    for head in range(2)
                    for p in range(len(names[i]))
                    for q in range(len(names[j]))
                )
                assert found[row, i, j].item() == pytest.approx(paid)
    assert found.std() > 0.01
