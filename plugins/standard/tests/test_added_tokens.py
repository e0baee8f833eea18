"""Tokens and segments added to any model, and the states of a document that has them in it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers

from labelloom_standard.added_tokens import extend_segments, extend_vocabulary, without_added
from labelloom_standard.label_slots import append, insert

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
TOKENIZER = SimpleNamespace(get_vocab=lambda: {"first": 0, "last": WORDS - 1})


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
    embedding = extend_vocabulary(model, 3, TOKENIZER)

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


@pytest.mark.parametrize("behind", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_states_depend_on_no_padding(kind: str, behind: bool) -> None:
    model = made(kind)
    embedding = extend_vocabulary(model, 2, TOKENIZER)
    padding = KINDS[kind].get("pad_token_id", 0)
    pieces, segments = torch.tensor([embedding.first, embedding.first + 1, 3]), torch.tensor([1, 1, 0])
    documents = [[2, 5, 6, 7, 8, 3], [2, 9, 3], [2, 3]]
    width = max(map(len, documents))
    ids = torch.tensor([words + [padding] * (width - len(words)) for words in documents])
    present = torch.tensor([[True] * len(words) + [False] * (width - len(words)) for words in documents])

    arguments = (ids, present, pieces, segments, padding)
    joined = append(*arguments) if behind else insert(*arguments, 1)
    states = model(input_ids=joined.ids, attention_mask=joined.present.long()).last_hidden_state
    found, own = joined.states_of(states), joined.document_of(states)

    for row, words in enumerate(documents):
        start = len(words) if behind else 1
        whole = torch.tensor([[*words[:start], *pieces.tolist(), *words[start:]]])
        alone = model(input_ids=whole, attention_mask=torch.ones_like(whole)).last_hidden_state[0]
        torch.testing.assert_close(states[row, : len(alone)], alone, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found[row], alone[start : start + 3], atol=1e-5, rtol=1e-5)
        document = torch.cat([alone[:start], alone[start + 3 :]])
        torch.testing.assert_close(own[row, : len(words)], document, atol=1e-5, rtol=1e-5)


def test_a_tokenizer_whose_ids_would_be_those_of_added_tokens() -> None:
    more = SimpleNamespace(get_vocab=lambda: {"last": WORDS - 1, "added by someone": WORDS})
    with pytest.raises(ValueError, match="the tokenizer's ids go up to 30, but the model embeds 30 tokens"):
        extend_vocabulary(made("bert"), 2, more)


@pytest.mark.parametrize("kind", ["bert", "roberta", "electra", "albert"])
def test_added_segments(kind: str) -> None:
    model = made(kind)
    words, own = torch.tensor([[5, 6, 7]]), torch.tensor([[0, 1, 0]] if kind != "roberta" else [[0, 0, 0]])
    before = model(input_ids=words, token_type_ids=own).last_hidden_state
    embedding = extend_segments(model, 3)
    torch.testing.assert_close(model(input_ids=words, token_type_ids=own).last_hidden_state, before)
    with torch.no_grad():
        embedding.added.weight[2] = embedding.base.weight[int(own[0, 1])]
    copied = torch.tensor([[0, embedding.first + 2, 0]])
    torch.testing.assert_close(model(input_ids=words, token_type_ids=copied).last_hidden_state, before)


def test_a_model_without_segments_gets_none() -> None:
    with pytest.raises(ValueError, match="distilbert knows no segments, so labels cannot have segments of their own"):
        extend_segments(made("distilbert"), 3)


def test_without_added_the_weights_have_the_names_of_the_files() -> None:
    model = made("bert")
    names = list(model.state_dict())
    words, segments = extend_vocabulary(model, 2, TOKENIZER), extend_segments(model, 2)
    extended = list(model.state_dict())
    assert extended != names
    with without_added(model):
        assert list(model.state_dict()) == names
    assert list(model.state_dict()) == extended
    assert model.get_input_embeddings() is words
    assert model.embeddings.token_type_embeddings is segments
