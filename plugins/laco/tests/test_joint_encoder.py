"""The joint encoder against its input built by hand, and what may not change its states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from labelloom.interfaces import Batch, Context, States
from labelloom_laco.config import JointEncoderConfig
from labelloom_laco.joint_encoder import JointEncoder

TEXTS = ["a graph of words .", "text", "", "a neural network of words of a text of a graph"]


@pytest.fixture
def build(bert: Path, architecture: Any, make_context: Callable[..., Context]) -> Callable[..., JointEncoder]:
    """A joint encoder in eval mode with the weights of the tiny BERT."""

    def make(initialise: bool = True, count: int | None = None, **options: Any) -> JointEncoder:
        torch.manual_seed(0)
        config = JointEncoderConfig(pretrained=str(bert), **{"max_length": 24, **options})
        encoder = JointEncoder(config, make_context(architecture, count))
        if initialise:
            encoder.initialise(None, None)  # type: ignore[arg-type]
        return encoder.eval()

    return make


def by_hand(encoder: JointEncoder, text: str, names: list[list[int]] | None = None, segment: int = 1) -> Any:
    """The input of one document, written out, through the same model without its added tokens: states of all."""
    words = encoder.reader.tokenize([text])["ids"][0]
    model, table = encoder.model, encoder.embedding
    own = table.base if table is not None else model.get_input_embeddings()
    ids = names if names is not None else [[own.num_embeddings + label] for label in range(5)]
    flat = [piece for label in ids for piece in label]
    vectors = [own.weight[word] for word in words]
    for piece in flat:
        vectors.append(own.weight[piece] if piece < own.num_embeddings else table.added.weight[piece - 13])
    vectors.append(own.weight[3])
    segments = [0] * len(words) + [segment] * len(flat) + [0]
    states = model(
        inputs_embeds=torch.stack(vectors)[None],
        token_type_ids=torch.tensor([segments]),
        position_ids=torch.arange(len(segments))[None],
    ).last_hidden_state[0]
    ends = torch.tensor([len(words), *(len(words) + sum(map(len, ids[: k + 1])) for k in range(len(ids)))])
    return states, len(words), [states[ends[k] : ends[k + 1]].mean(0) for k in range(len(ids))]


@pytest.mark.parametrize("label_tokens", ["added", "names"])
def test_states_of_the_input_written_out(
    build: Callable[..., JointEncoder], read: Callable[..., Any], label_tokens: str
) -> None:
    encoder = build(label_tokens=label_tokens, max_length=28)
    names = [[5, 7], [8, 7, 6, 11], [9, 10], [4], [11]] if label_tokens == "names" else None

    found = read(encoder, TEXTS)

    for row, text in enumerate(TEXTS):
        states, length, labels = by_hand(encoder, text, names)
        words = found.tokens[row][found.token_mask[row]]
        torch.testing.assert_close(words, states[1 : length - 1], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.labels[row], torch.stack(labels), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found.document[row], states[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("label_tokens", ["added", "names"])
def test_values_and_gradients_of_the_input_written_out(
    build: Callable[..., JointEncoder], read: Callable[..., Any], agree: Callable[..., None], label_tokens: str
) -> None:
    encoder = build(label_tokens=label_tokens, max_length=28, segments=False).double()
    names = [[5, 7], [8, 7, 6, 11], [9, 10], [4], [11]] if label_tokens == "names" else None
    found = read(encoder, TEXTS)
    fast, naive = [], []
    for row, text in enumerate(TEXTS):
        states, length, labels = by_hand(encoder, text, names, segment=0)
        fast += [found.document[row], *found.tokens[row][found.token_mask[row]], *found.labels[row]]
        naive += [states[0], *states[1 : length - 1], *labels]
    agree(torch.stack(fast), torch.stack(naive), list(encoder.parameters()))


def test_segments_matter_where_the_model_knows_them(
    build: Callable[..., JointEncoder], read: Callable[..., Any]
) -> None:
    two, one = read(build(), TEXTS), read(build(segments=False), TEXTS)
    assert not torch.allclose(two.labels, one.labels, atol=1e-3)


def test_what_is_in_a_padding_position_changes_nothing(
    build: Callable[..., JointEncoder], make_batch: Callable[..., Batch]
) -> None:
    encoder = build(pooling="mean")
    columns = encoder.reader.tokenize(TEXTS)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(len(TEXTS))]
    inputs = encoder.reader.collate(rows)
    padding = inputs["attention_mask"] == 0
    assert padding.any()
    before = encoder(States(), make_batch(4, inputs=inputs))
    changed = {**inputs, "input_ids": inputs["input_ids"].masked_fill(padding, 9)}
    after = encoder(States(), make_batch(4, inputs=changed))
    assert torch.equal(after.labels, before.labels)
    assert torch.equal(after.document, before.document)
    assert torch.equal(after.tokens[after.token_mask], before.tokens[before.token_mask])


def test_nothing_is_kept_from_one_step_for_the_next(
    build: Callable[..., JointEncoder], read: Callable[..., Any]
) -> None:
    encoder = build()
    first = read(encoder, TEXTS)
    (first.labels.square().sum() + first.document.square().sum()).backward()
    torch.optim.SGD(encoder.parameters(), lr=0.1).step()
    fresh = build(initialise=False)
    fresh.load_state_dict(encoder.state_dict())
    after, expected = read(encoder, TEXTS), read(fresh, TEXTS)
    assert not torch.allclose(after.labels, first.labels, atol=1e-3)
    for field in ("tokens", "labels", "document"):
        assert torch.equal(after.get(field), expected.get(field))


def test_a_document_is_the_same_in_any_batch(build: Callable[..., JointEncoder], read: Callable[..., Any]) -> None:
    encoder = build(pooling="mean")
    together = read(encoder, TEXTS)
    for row, text in enumerate(TEXTS):
        alone = read(encoder, [text])
        torch.testing.assert_close(together.labels[row], alone.labels[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(together.document[row], alone.document[0], atol=1e-5, rtol=1e-5)


def test_the_order_of_the_added_tokens_is_all_that_positions_tell(
    build: Callable[..., JointEncoder], read: Callable[..., Any]
) -> None:
    # Label states are those of tokens at positions, so without position embeddings they are equivariant.
    encoder = build()
    encoder.model.embeddings.position_embeddings.weight.data.zero_()
    order = torch.tensor([3, 1, 4, 0, 2])
    before = read(encoder, TEXTS)
    encoder.embedding.added.weight.data = encoder.embedding.added.weight.data[order]
    after = read(encoder, TEXTS)
    torch.testing.assert_close(after.labels, before.labels[:, order], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(after.document, before.document, atol=1e-5, rtol=1e-5)


def test_positions_tell_labels_apart_by_their_order(
    build: Callable[..., JointEncoder], read: Callable[..., Any]
) -> None:
    encoder = build()
    order = torch.tensor([3, 1, 4, 0, 2])
    before = read(encoder, TEXTS)
    encoder.embedding.added.weight.data = encoder.embedding.added.weight.data[order]
    assert not torch.allclose(read(encoder, TEXTS).labels, before.labels[:, order], atol=1e-3)


def test_words_see_labels_and_labels_each_other(build: Callable[..., JointEncoder], read: Callable[..., Any]) -> None:
    encoder = build()
    before = read(encoder, TEXTS)
    encoder.embedding.added.weight.data[2] = torch.randn(32)  # a shift alone would be undone by the layer norm
    after = read(encoder, TEXTS)
    assert not torch.allclose(before.tokens[0, 1], after.tokens[0, 1], atol=1e-5)
    assert not torch.allclose(before.labels[0, 0], after.labels[0, 0], atol=1e-5)


def test_the_document_is_cut_and_labels_are_not(build: Callable[..., JointEncoder], read: Callable[..., Any]) -> None:
    encoder = build(max_length=12)  # 12 - 5 labels - 1 closing - 2 special = 4
    found = read(encoder, ["a " * 30])
    assert found.token_mask.sum() == 4
    assert found.labels.shape == (1, 5, 32)


def test_no_room_for_the_document_is_refused_with_the_arithmetic(build: Callable[..., JointEncoder]) -> None:
    with pytest.raises(ValueError, match="12 positions - 11 for 10 labels and their closing token - 2 special") as told:
        build(max_length=12, count=10)
    assert str(told.value).endswith("leave 0 for the document: max_length must be 14 at least, and the model has 40")
    build(max_length=14, count=10)


def test_labels_that_crowd_documents_out_are_told(build: Callable[..., JointEncoder]) -> None:
    assert build(max_length=24).notes == []
    note = "10 labels take 11 of max_length = 24 positions: 11 are left for the document; the model has 40"
    assert build(max_length=24, count=10).notes == [note]


def test_names_without_room_are_refused_with_their_own_arithmetic(build: Callable[..., JointEncoder]) -> None:
    # 2 + 4 + 2 + 1 + 1 pieces of five names, and the token that closes them.
    with pytest.raises(ValueError, match="max_length = 13 positions - 11 for 5 labels and their closing token - 2"):
        build(max_length=13, label_tokens="names")
    build(max_length=14, label_tokens="names")


def test_more_positions_than_the_model_has_are_refused(build: Callable[..., JointEncoder]) -> None:
    with pytest.raises(ValueError, match=r"max_length = 41, but the model has 40 positions"):
        build(max_length=41)


def test_the_text_alone_is_the_plain_model(build: Callable[..., JointEncoder], read: Callable[..., Any]) -> None:
    encoder = build(text_alone=True)
    found = read(encoder, TEXTS)
    assert found.labels is None
    words = torch.tensor([encoder.reader.tokenize([TEXTS[0]])["ids"][0]])
    states = encoder.model(input_ids=words).last_hidden_state[0]
    torch.testing.assert_close(found.document[0], states[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.tokens[0, 1:6], states[1:6], atol=1e-5, rtol=1e-5)


def test_labels_under_consideration_are_picked(build: Callable[..., JointEncoder], read: Callable[..., Any]) -> None:
    encoder = build()
    whole = read(encoder, TEXTS).labels
    torch.testing.assert_close(read(encoder, TEXTS, ids=[[4, 1]]).labels, whole[:, [4, 1]])
    own = torch.tensor([[0, 1], [2, 3], [4, 0], [3, 3]])
    torch.testing.assert_close(read(encoder, TEXTS, ids=own).labels, whole[torch.arange(4)[:, None], own])


def test_new_tokens_start_from_names(build: Callable[..., JointEncoder]) -> None:
    encoder = build(label_init="names")
    table = encoder.embedding.base.weight
    for label, pieces in enumerate([[5, 7], [8, 7, 6, 11], [9, 10], [4], [11]]):
        torch.testing.assert_close(encoder.embedding.added.weight[label], table[pieces].mean(0))


def test_the_pretrained_weights_are_under_the_added_tokens(build: Callable[..., JointEncoder], bert: Path) -> None:
    from transformers import BertModel

    encoder = build()
    theirs = BertModel.from_pretrained(bert).embeddings.word_embeddings.weight
    torch.testing.assert_close(encoder.embedding.base.weight, theirs)
    assert encoder.embedding.added.weight.std().item() == pytest.approx(0.02, rel=0.3)


def test_layers_for_rates_begin_with_the_embeddings_of_the_labels(build: Callable[..., JointEncoder]) -> None:
    encoder = build()
    inputs, *layers = encoder.rate_layers()
    assert any(encoder.embedding is module for top in inputs for module in top.modules())
    assert len(layers) == 2


def test_every_weight_gets_a_gradient(build: Callable[..., JointEncoder], read: Callable[..., Any]) -> None:
    encoder = build()
    found = read(encoder, TEXTS)
    (found.labels.square().sum() + found.tokens.square().sum()).backward()
    assert [name for name, weight in encoder.named_parameters() if weight.grad is None] == []


def test_options_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match='with label_tokens = "names" there are none'):
        JointEncoderConfig(label_tokens="names", label_init="names")
    with pytest.raises(ValueError, match="random_init = true reads none"):
        JointEncoderConfig(random_init=True, sha256="0" * 64)
