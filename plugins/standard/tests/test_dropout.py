"""Dropout rates of language models: each is found, set, put back, and follows the option of a stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    AlbertConfig,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    ModernBertConfig,
    MPNetConfig,
    RobertaConfig,
    XLNetConfig,
)

from labelloom.errors import TrainingError
from labelloom.interfaces import Context, Files
from labelloom_standard.config import TransformerConfig
from labelloom_standard.language_model import build_language_model
from labelloom_standard.transformer import Transformer

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 11}
KINDS = [
    BertConfig(**SMALL),
    RobertaConfig(**SMALL),
    ElectraConfig(**SMALL, embedding_size=16),
    MPNetConfig(**SMALL),
    AlbertConfig(**SMALL, embedding_size=16),
    DebertaV2Config(**SMALL),
    ModernBertConfig(**SMALL, pad_token_id=0, cls_token_id=1, sep_token_id=2, bos_token_id=1, eos_token_id=2),
    DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=16, vocab_size=11),
    GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=11),
    XLNetConfig(vocab_size=11, d_model=16, n_layer=2, n_head=2, d_inner=16),
]


def built(config: Any, folder: Path) -> Any:
    config.save_pretrained(folder)
    torch.manual_seed(0)
    return build_language_model(Files(folder, ("config.json",)), "eager")


def run(model: Any) -> Tensor:
    found: Tensor = model(input_ids=torch.tensor([[3, 4, 5, 6, 7]])).last_hidden_state
    return found


def differ(model: Any) -> bool:
    """Whether two passes in training do."""
    model.train()
    torch.manual_seed(1)
    return not torch.equal(run(model), run(model))


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.model_type)
def test_after_building_a_rate_can_be_set_and_taken_back(config: Any, tmp_path: Path) -> None:
    """Also in ModernBERT, whose own rates are 0 and which then builds no dropout."""
    model, rates = built(config, tmp_path)
    own = {name: module.p for name, module in model.named_modules() if isinstance(module, nn.Dropout)}
    assert own
    dropping = any(own.values())
    assert differ(model) == dropping
    for _ in range(2):
        rates.set(0.4)
        assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == {0.4}
        assert differ(model)
        rates.set(0.0)
        assert not differ(model)
    rates.set(None)
    assert {name: module.p for name, module in model.named_modules() if isinstance(module, nn.Dropout)} == own
    assert differ(model) == dropping


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.model_type)
def test_a_model_is_that_of_its_configuration(config: Any, tmp_path: Path) -> None:
    """Weights, rates and the passes of training are those that transformers builds."""
    from transformers import AutoModel

    model, _ = built(config, tmp_path)
    torch.manual_seed(0)
    plain = AutoModel.from_config(config, attn_implementation="eager")
    ours = model.state_dict()
    theirs = {name: weight for name, weight in plain.state_dict().items() if name in ours}
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(weight, ours[name]) for name, weight in theirs.items())
    for module in (model, plain):
        module.train()
    torch.manual_seed(2)
    first = run(model)
    torch.manual_seed(2)
    torch.testing.assert_close(first, run(plain), rtol=0, atol=0)


def test_attention_has_the_rate_as_the_states_have(tmp_path: Path) -> None:
    model, rates = built(BertConfig(**SMALL, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.2), tmp_path)
    kinds = {
        name.rpartition(".")[0]: module.p for name, module in model.named_modules() if isinstance(module, nn.Dropout)
    }
    assert set(kinds.values()) == {0.0, 0.2}
    assert all((rate == 0.2) == name.endswith("attention.self") for name, rate in kinds.items())
    assert differ(model)
    rates.set(0.1)
    assert (model.config.hidden_dropout_prob, model.config.attention_probs_dropout_prob) == (0.1, 0.1)


@pytest.fixture
def encoder(bert: Path, make_context: Callable[..., Context]) -> Callable[..., Transformer]:
    def make(**options: Any) -> Transformer:
        config = TransformerConfig(pretrained=str(bert), max_length=12, **options)
        return Transformer(config, make_context(Transformer.prepare(config, None)))  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("first", [0.0, 0.3, None])
def test_the_encoder_follows_the_option_of_each_stage(
    encoder: Callable[..., Transformer], read: Callable[..., Any], first: float | None
) -> None:
    """Whichever stage it was built for; None is the model's own 0.1."""
    part = encoder(**({} if first is None else {"dropout": first})).train()

    def passes_differ() -> bool:
        one, other = (read(part, ["a graph of words"]).document for _ in range(2))
        return not torch.equal(one, other)

    assert passes_differ() == (first != 0.0)
    own = part.config
    for rate in (0.0, 0.5, 0.0):
        part.config = own.model_copy(update={"dropout": rate})
        assert passes_differ() == (rate > 0)
    part.config = own
    assert passes_differ() == (first != 0.0)
    rates = {module.p for module in part.model.modules() if isinstance(module, nn.Dropout)}
    assert rates == {0.1 if first is None else first}


def test_an_evaluation_drops_nothing_at_any_rate(encoder: Callable[..., Transformer], read: Callable[..., Any]) -> None:
    one, other = (encoder(dropout=rate).eval() for rate in (0.0, 0.9))
    other.load_state_dict(one.state_dict())
    assert torch.equal(*(read(part, ["a graph of words"]).document for part in (one, other)))


def test_a_stage_cannot_set_what_is_not_there(
    tmp_path: Path, bert: Path, encoder: Callable[..., Transformer], read: Callable[..., Any]
) -> None:
    from transformers import MambaConfig

    _, rates = built(MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=11, state_size=4), tmp_path)
    rates.set(None)
    with pytest.raises(ValueError, match=r"dropout = 0\.1, but the configuration of mamba has no dropout to set"):
        rates.set(0.1)
    part = encoder()
    part.rates = rates
    part.config = part.config.model_copy(update={"dropout": 0.2})
    with pytest.raises(TrainingError) as told:
        read(part, ["a graph"])
    assert str(told.value) == "model.part: dropout = 0.2, but the configuration of mamba has no dropout to set"


def test_a_stage_may_say_another_rate(catalogue: Any) -> None:
    assert "dropout" in catalogue.component("standard/transformer", "encoder").stage_options
