"""Weights that a part's constructor took the gradient off stay as they are in every stage."""

from __future__ import annotations

from pathlib import Path

import labelloom

from .small import spec_on, weights_of

PART = """
import torch
from labelloom import Component, Encoder
from labelloom_standard.bilstm import BiLSTM
from labelloom_standard.config import BiLSTMConfig


class FixedWords(BiLSTM):
    component = Component(kind="encoder", gives={"tokens", "document"})
    Config = BiLSTMConfig

    def __init__(self, config, context):
        super().__init__(config, context)
        self.embedding.requires_grad_(False)
"""


def test_a_constructor_may_fix_weights_for_good(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "part.py").write_text(PART)
    spec = spec_on(corpus, training={"epochs": 1})
    spec["model"]["encoder"]["use"] = f"{tmp_path / 'part.py'}:FixedWords"
    runs = {}
    for steps in (1, 3):
        spec = {**spec, "name": f"steps-{steps}", "training": {"steps": steps, "keep": "last"}}
        runs[steps] = weights_of(
            labelloom.train(spec, output=tmp_path / "runs", allow_local_code=True).path / "model.safetensors"
        )
    moved = {name for name in runs[1] if runs[1][name] != runs[3][name]}
    assert moved
    assert not [name for name in moved if "embedding" in name]
    assert [name for name in runs[1] if "embedding" in name]
