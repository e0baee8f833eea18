from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModel, BartConfig, BertForMaskedLM, BertModel, DistilBertConfig, GPT2Config, RobertaConfig

from labelloom.errors import SpecError
from labelloom.interfaces import Files
from labelloom_standard.dropout import DropoutRates
from labelloom_standard.language_model import build_language_model, freeze_lowest, load_weights, position_limit
from labelloom_standard.pretrained import architecture_files

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "vocab_size": 11}


def build(folder: Path, dropout: float | None = None) -> Any:
    return with_dropout(build_language_model(architecture_files(folder), "eager"), dropout)


def of_config(config: Any, folder: Path, dropout: float | None = None) -> Any:
    config.save_pretrained(folder)
    return with_dropout(build_language_model(Files(folder, ("config.json",)), "eager"), dropout)


def with_dropout(built: tuple[Any, DropoutRates], dropout: float | None) -> Any:
    model, rates = built
    rates.set(dropout)
    return model


def changed(bert: Path, folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> Path:
    """A copy of the folder with other weights under the same configuration."""
    shutil.copytree(bert, folder)
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_the_weights_become_those_of_the_files(bert: Path) -> None:
    model, truth = build(bert), BertModel.from_pretrained(bert)
    assert model.pooler is None
    assert not torch.equal(model.embeddings.word_embeddings.weight, truth.embeddings.word_embeddings.weight)
    load_weights(model, bert, str(bert))
    truth = dict(truth.named_parameters())
    for name, weight in model.named_parameters():
        assert torch.equal(weight, truth[name]), name


def test_half_precision_files_give_fp32_weights(bert: Path, tmp_path: Path) -> None:
    def halve(weights: dict[str, torch.Tensor]) -> None:
        weights.update({name: weight.half() for name, weight in weights.items()})

    folder = changed(bert, tmp_path / "half", halve)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "float16", "torch_dtype": "float16"}))
    model = build(folder)
    load_weights(model, folder, str(folder))
    truth = load_file(folder / "model.safetensors")
    for name, weight in model.named_parameters():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, truth[name].float()), name


def test_a_head_in_the_files_is_left_out(bert: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    whole = BertForMaskedLM(BertModel.from_pretrained(bert).config)
    shutil.copytree(bert, tmp_path / "whole")
    whole.save_pretrained(tmp_path / "whole")
    model = build(tmp_path / "whole")
    load_weights(model, tmp_path / "whole", "whole")
    assert torch.equal(model.encoder.layer[1].output.dense.weight, whole.bert.encoder.layer[1].output.dense.weight)


def test_weights_that_lack_some_are_refused(bert: Path, tmp_path: Path) -> None:
    def drop(weights: dict[str, torch.Tensor]) -> None:
        for name in [name for name in weights if "layer.1.output" in name]:
            del weights[name]

    folder = changed(bert, tmp_path / "lacking", drop)
    with pytest.raises(SpecError) as told:
        load_weights(build(folder), folder, "x")
    assert f'pretrained = "x": the weights in {folder} are not those of its config.json: the files lack' in str(
        told.value
    )
    assert "encoder.layer.1.output.LayerNorm.bias" in str(told.value)
    assert "and 1 more" in str(told.value)


def test_weights_of_more_layers_are_refused(bert: Path, tmp_path: Path) -> None:
    def add(weights: dict[str, torch.Tensor]) -> None:
        weights["encoder.layer.2.output.dense.bias"] = torch.zeros(32)

    folder = changed(bert, tmp_path / "deeper", add)
    with pytest.raises(
        SpecError, match=r"the files hold encoder\.layer\.2\.output\.dense\.bias, which the model has no"
    ):
        load_weights(build(folder), folder, "x")


def test_weights_of_other_shapes_are_refused(bert: Path, copy_bert: Callable[..., Path], tmp_path: Path) -> None:
    folder = copy_bert(intermediate_size=40)
    shutil.copy(bert / "model.safetensors", folder)
    with pytest.raises(SpecError, match=r"are not those of its config\.json: .*"):
        load_weights(build(folder), folder, "x")


def test_loading_says_nothing(bert: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    load_weights(build(bert), bert, "x")
    assert capfd.readouterr() == ("", "")
    assert logging.get_verbosity() == verbosity


@pytest.mark.parametrize(
    "config",
    [
        DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=16, vocab_size=11),
        GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=11),
        RobertaConfig(**SMALL),
    ],
    ids=lambda config: config.model_type,
)
def test_dropout_replaces_every_rate(config: Any, tmp_path: Path) -> None:
    model = of_config(config, tmp_path, dropout=0.3)
    rates = {module.p for module in model.modules() if isinstance(module, nn.Dropout)}
    assert rates == {0.3}
    none = of_config(config, tmp_path, dropout=0.0).train()
    ids = torch.tensor([[3, 4, 5]])
    assert torch.equal(none(input_ids=ids).last_hidden_state, none(input_ids=ids).last_hidden_state)


def test_the_models_own_dropout_stays(tmp_path: Path) -> None:
    model = of_config(RobertaConfig(**SMALL, hidden_dropout_prob=0.25, attention_probs_dropout_prob=0.15), tmp_path)
    assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == {0.25, 0.15}


def test_a_model_without_dropout_has_none_to_set(tmp_path: Path) -> None:
    from transformers import MambaConfig

    config = MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=11, state_size=4)
    with pytest.raises(ValueError, match=r"dropout = 0\.1, but the configuration of mamba has no dropout to set"):
        of_config(config, tmp_path, dropout=0.1)


def test_an_encoder_with_a_decoder_is_refused(tmp_path: Path) -> None:
    config = BartConfig(d_model=16, encoder_layers=1, decoder_layers=1, vocab_size=11)
    with pytest.raises(ValueError, match="bart is an encoder with a decoder; name a model that is an encoder alone"):
        of_config(config, tmp_path)


def test_code_of_the_hub_is_never_run(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path / "coded")
    config = json.loads((bert / "config.json").read_text())
    strange = {"model_type": "strange", "auto_map": {"AutoConfig": "owner/code--configuration.Strange"}}
    (tmp_path / "coded" / "config.json").write_text(json.dumps({**config, **strange}))
    with pytest.raises(ValueError, match=r"has no model of the type 'strange', and code from the hub is never run"):
        build(tmp_path / "coded")


@pytest.mark.parametrize(("accelerator", "kernel"), [(False, "eager"), (True, "sdpa")])
def test_the_kernel_follows_the_machine(
    bert: Path, monkeypatch: pytest.MonkeyPatch, accelerator: bool, kernel: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: accelerator)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    model, _ = build_language_model(architecture_files(bert), "auto")
    assert model.config._attn_implementation == kernel
    assert build(bert).config._attn_implementation == "eager"


def test_positions(tmp_path: Path, bert: Path) -> None:
    assert position_limit(build(bert)) == (24, "24 rows")
    roberta = of_config(RobertaConfig(**SMALL, max_position_embeddings=20, pad_token_id=1), tmp_path)
    assert position_limit(roberta) == (18, "20 rows - 2 reserved")
    roberta(input_ids=torch.full((1, 18), 5))
    with pytest.raises((IndexError, RuntimeError)):
        roberta(input_ids=torch.full((1, 19), 5))
    gpt = of_config(GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=11, n_positions=30), tmp_path)
    assert position_limit(gpt) == (30, "max_position_embeddings")


@pytest.mark.parametrize("count", [1, 2])
def test_frozen_layers_are_reached_by_no_loss(bert: Path, count: int) -> None:
    model = build(bert)
    freeze_lowest(model, count)
    model.requires_grad_(True)
    states = model(input_ids=torch.tensor([[2, 5, 3]])).last_hidden_state
    frozen = ["embeddings.", *(f"encoder.layer.{layer}." for layer in range(count))]
    if states.requires_grad:
        states.square().sum().backward()
    reached = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert reached == {name for name, _ in model.named_parameters() if not name.startswith(tuple(frozen))}


def test_freezing_changes_no_state(bert: Path) -> None:
    torch.manual_seed(0)
    model = build(bert).eval()
    ids = torch.tensor([[2, 5, 3]])
    before = model(input_ids=ids).last_hidden_state
    freeze_lowest(model, 0)
    assert before.requires_grad
    freeze_lowest(model, 1)
    assert torch.equal(model(input_ids=ids).last_hidden_state, before)


def test_more_frozen_layers_than_there_are_is_refused(bert: Path) -> None:
    with pytest.raises(ValueError, match="freeze_layers = 3, but the model has 2 layers"):
        freeze_lowest(build(bert), 3)


def test_a_model_without_a_pooler_is_built_as_it_is(tmp_path: Path) -> None:
    config = DistilBertConfig(dim=16, n_layers=1, n_heads=2, hidden_dim=16, vocab_size=11)
    assert type(of_config(config, tmp_path)) is type(AutoModel.from_config(config))
