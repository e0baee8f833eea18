"""What encoders say their layers are, from input to output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn
from transformers import CONFIG_MAPPING, AutoModel

from labelloom.interfaces import Context
from labelloom_standard.bilstm import BiLSTM
from labelloom_standard.config import BiLSTMConfig, TransformerConfig
from labelloom_standard.language_model import layers_of
from labelloom_standard.transformer import Transformer

SIZES = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 8}
OTHER_NAMES = {"dim": 8, "n_layers": 3, "n_heads": 2, "hidden_dim": 8, "pad_token_id": 0, "embedding_size": 4}


def names(part: nn.Module, layers: Any) -> list[set[str]]:
    """The names of the weights of each layer, then of those in none."""
    weights = {id(weight): name for name, weight in part.named_parameters()}
    found = [{weights.pop(id(w)) for module in layer for w in module.parameters()} for layer in layers]
    return [*found, set(weights.values())]


def test_the_embeddings_then_the_layers_and_the_pooling_in_none(
    bert: Path, make_context: Callable[..., Context]
) -> None:
    config = TransformerConfig(pretrained=str(bert), pooling="attention", max_length=16)
    part = Transformer(config, make_context(Transformer.prepare(config, None)))  # type: ignore[arg-type]
    embeddings, first, second, rest = names(part, part.rate_layers())
    assert embeddings == {name for name in embeddings if name.startswith("model.embeddings.")}
    assert "model.embeddings.word_embeddings.weight" in embeddings
    assert "model.encoder.layer.0.attention.self.query.weight" in first
    assert {name.partition("layer.")[2][0] for name in first} == {"0"}
    assert {name.partition("layer.")[2][0] for name in second} == {"1"}
    assert len(first) == len(second)
    assert {name.partition(".")[0] for name in rest} == {"pool"}


@pytest.mark.parametrize(
    ("kind", "beside"),
    [
        ("bert", {"pooler"}),
        ("distilbert", set()),
        ("electra", set()),
        ("deberta-v2", set()),
        ("mpnet", {"encoder", "pooler"}),
        ("modernbert", {"final_norm"}),
    ],
)
def test_models_of_many_kinds(kind: str, beside: set[str]) -> None:
    """What projects the embeddings belongs to them; positions that all layers share and the last norm to no layer."""
    model = AutoModel.from_config(CONFIG_MAPPING[kind](**SIZES, **OTHER_NAMES))
    *layers, rest = names(model, layers_of(model))
    assert len(layers) == 1 + 3
    assert len({len(layer) for layer in layers[2:]}) == 1
    assert all(name.startswith("embedding") for name in layers[0])
    assert {name.partition(".")[0] for name in rest} == beside


def test_layers_that_share_their_weights_are_none() -> None:
    model = AutoModel.from_config(CONFIG_MAPPING["albert"](**SIZES, **OTHER_NAMES))
    assert layers_of(model) == []


def test_recurrent_layers_have_both_directions(make_context: Callable[..., Context]) -> None:
    part = BiLSTM(BiLSTMConfig(embedding=4, hidden=3, layers=2), make_context({"words": ["a", "b"], "width": 4}))
    words, first, second, rest = names(part, part.rate_layers())
    assert words == {"embedding.weight"}
    for place, layer in enumerate((first, second)):
        assert {name.rpartition(".")[0] for name in layer} == {
            f"recurrent.forwards.{place}",
            f"recurrent.backwards.{place}",
        }
    assert {name.partition(".")[0] for name in rest} == {"pool"}
