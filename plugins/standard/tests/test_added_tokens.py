"""Tokens added to any model's vocabulary, and pieces behind each document."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from labelloom_standard.added_tokens import append, extend_vocabulary

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
KINDS = {
    "bert": {},
    "roberta": {"pad_token_id": 1},
    "electra": {"embedding_size": 8},
    "albert": {"embedding_size": 8},
    "mpnet": {"pad_token_id": 1},
    "deberta-v2": {},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24},
    "modernbert": {"pad_token_id": 0, "global_attn_every_n_layers": 1},
}
WORDS = 30


def made(kind: str) -> Any:
    torch.manual_seed(0)
    sizes = {} if kind == "distilbert" else SIZES
    config = transformers.AutoConfig.for_model(
        kind, vocab_size=WORDS, max_position_embeddings=40, **{**sizes, **KINDS[kind]}
    )
    return transformers.AutoModel.from_config(config, attn_implementation="eager").eval()


@pytest.mark.parametrize("kind", KINDS)
def test_any_model_reads_added_tokens(kind: str) -> None:
    model = made(kind)
    words = torch.tensor([[5, 6, 7, 8]])
    before = model(input_ids=words).last_hidden_state
    embedding = extend_vocabulary(model, 3)

    # A token that is a copy of a word's is read as that word.
    with torch.no_grad():
        embedding.added.weight[1] = embedding.base.weight[6]
    torch.testing.assert_close(model(input_ids=words).last_hidden_state, before)
    copied = torch.tensor([[5, WORDS + 1, 7, 8]])
    torch.testing.assert_close(model(input_ids=copied).last_hidden_state, before)

    model(input_ids=torch.tensor([[5, WORDS + 2]])).last_hidden_state.square().sum().backward()
    reached = embedding.added.weight.grad.abs().sum(1) > 0
    assert reached.tolist() == [False, False, True]
    assert embedding.base.weight.grad.abs().sum(1).nonzero()[:, 0].tolist() == [5]


@pytest.mark.parametrize("kind", KINDS)
def test_states_depend_on_no_padding(kind: str) -> None:
    model = made(kind)
    embedding = extend_vocabulary(model, 2)
    padding = KINDS[kind].get("pad_token_id", 0)
    pieces, segments = torch.tensor([embedding.first, embedding.first + 1, 3]), torch.tensor([1, 1, 0])
    documents = [[2, 5, 6, 7, 8, 3], [2, 9, 3], [2, 3]]
    width = max(map(len, documents))
    ids = torch.tensor([words + [padding] * (width - len(words)) for words in documents])
    present = torch.tensor([[True] * len(words) + [False] * (width - len(words)) for words in documents])

    joined = append(ids, present, pieces, segments, padding)
    states = model(input_ids=joined.ids, attention_mask=joined.present.long()).last_hidden_state
    found = joined.states_of(states)

    for row, words in enumerate(documents):
        whole = torch.tensor([[*words, *pieces.tolist()]])
        length = whole.shape[1]
        assert joined.ids[row, :length].tolist() == whole[0].tolist()
        assert (joined.ids[row, length:] == padding).all()
        assert joined.present[row].tolist() == [place < length for place in range(joined.present.shape[1])]
        assert joined.segments[row].nonzero()[:, 0].tolist() == [len(words), len(words) + 1]
        alone = model(input_ids=whole, attention_mask=torch.ones_like(whole)).last_hidden_state
        torch.testing.assert_close(states[row, :length], alone[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found[row], alone[0, -3:], atol=1e-5, rtol=1e-5)
