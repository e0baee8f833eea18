"""What encoders built on a language model share; what they read is tested where they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import XLNetConfig

from labelloom.interfaces import Context, Files
from labelloom_standard.config import LanguageModelOptions
from labelloom_standard.language_model_encoder import LanguageModelEncoder, pooled


def test_all_the_model_s_positions_unless_an_option_says_less(bert: Path, make_context: Callable[..., Context]) -> None:
    def built(**options: Any) -> LanguageModelEncoder:
        config = LanguageModelOptions(pretrained=str(bert), **options)
        return LanguageModelEncoder(config, make_context(LanguageModelEncoder.prepare(config, None)))  # type: ignore[arg-type]

    assert built().max_length == 24
    assert built(max_length=10).max_length == 10
    with pytest.raises(ValueError, match=r"max_length = 25, but the model has 24 positions \(24 rows\)"):
        built(max_length=25)


def test_a_model_without_a_limit_wants_an_option(tmp_path: Path, make_context: Callable[..., Context]) -> None:
    XLNetConfig(vocab_size=9, d_model=8, n_layer=1, n_head=2, d_inner=8).save_pretrained(tmp_path)
    context = make_context({"architecture": Files(tmp_path, ("config.json",))})
    with pytest.raises(ValueError, match="has no limit of positions: say with max_length how many to read"):
        LanguageModelEncoder(LanguageModelOptions(), context)
    assert LanguageModelEncoder(LanguageModelOptions(max_length=3000), context).max_length == 3000


def test_pooling() -> None:
    tokens, mask = torch.randn(2, 4, 3), torch.tensor([[0, 1, 1, 0], [0, 0, 0, 0]], dtype=torch.bool)
    assert torch.equal(pooled("cls", tokens, mask), tokens[:, 0])
    torch.testing.assert_close(pooled("mean", tokens, mask)[0], (tokens[0, 1] + tokens[0, 2]) / 2)
    assert pooled("mean", tokens, mask)[1].eq(0).all()
