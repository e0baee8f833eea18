"""The label-mask encoder against its input built by hand, and what may not change its states."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from labelloom.interfaces import Context, Files
from labelloom_lmmtc.config import LabelMaskConfig
from labelloom_lmmtc.label_mask_encoder import LabelMaskEncoder

Build = Callable[..., LabelMaskEncoder]
Read = Callable[..., Any]

TEXTS = ["a graph of words .", "text", "", "a neural network of words of a text of a graph"]
GIVEN = torch.tensor([[1, 0, -1, -1, 0], [-1] * 5, [1] * 5, [0, -1, 1, 0, -1]], dtype=torch.int8)
WORDS = 14
CLS, SEP, MASK = 2, 3, 4


def by_hand(encoder: LabelMaskEncoder, text: str, given: list[int], place: str, same: bool, own: bool) -> Any:
    """The states of one document's input, written out, and where its labels and its words stand."""
    words = encoder.reader.tokenize([text])["ids"][0]
    names = ["LS", "NO", "YES", "MASK", "LE"]
    ids = {f"{name}-{label}": WORDS + 5 * label + at for label in range(5) for at, name in enumerate(names)}
    if same:
        shared = {"LS": WORDS, "NO": WORDS + 1, "YES": WORDS + 2, "MASK": MASK, "LE": WORDS + 3}
        ids = {f"{name}-{label}": shared[name] for label in range(5) for name in names}
    template, segments = [], []
    for label, state in enumerate(given):
        shown = {1: "YES", 0: "NO", -1: "MASK"}[state]
        template += [ids[f"LS-{label}"], ids[f"{shown}-{label}"], ids[f"LE-{label}"]]
        segments += [2 + label if own else 0] * 3
    if place == "after-cls":
        whole, kinds, start = [CLS, *template, SEP, *words[1:]], [0, *segments, 0, *[0] * (len(words) - 1)], 1
        places = [0, *range(17, 17 + len(words) - 1)]
    else:
        whole, kinds, start = [*template, *words], [*segments, *[0] * len(words)], 0
        places = list(range(15, 15 + len(words)))
    table = encoder.head.embedding
    vectors = [table.base.weight[i] if i < WORDS else table.added.weight[i - WORDS] for i in whole]
    states = encoder.model(
        inputs_embeds=torch.stack(vectors)[None],
        token_type_ids=torch.tensor([kinds]),
        position_ids=torch.arange(len(whole))[None],
    ).last_hidden_state[0]
    return states[places], [states[start + 3 * label + 1] for label in range(5)], ids


def gradients(total: Tensor, encoder: LabelMaskEncoder) -> list[Tensor]:
    weights = list(encoder.parameters())
    return list(torch.autograd.grad(total, weights, allow_unused=True, materialize_grads=True))


@pytest.mark.parametrize("own", [False, True], ids=["one-segment", "segments"])
@pytest.mark.parametrize("same", [False, True], ids=["different", "same"])
@pytest.mark.parametrize("place", ["after-cls", "before-cls"])
def test_states_of_the_input_written_out(build: Build, read: Read, place: str, same: bool, own: bool) -> None:
    options = {"tokens": "same" if same else "different", "segments": "label" if own else "one"}
    encoder = build(place=place, **options)
    found = read(encoder, TEXTS, given=GIVEN)
    fast, naive = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    totals = found.get("lmmtc.totals")(torch.ones(4, 5, dtype=torch.bool)).view(4, 5)
    for row, text in enumerate(TEXTS):
        document, slots, ids = by_hand(encoder, text, GIVEN[row].tolist(), place, same, own)
        torch.testing.assert_close(found.tokens[row, : len(document)], document)
        torch.testing.assert_close(found.document[row], document[0])
        table = encoder.head.embedding
        rows = [*table.base.weight, *table.added.weight]
        for label, slot in enumerate(slots):
            torch.testing.assert_close(found.labels[row, label], slot)
            logits = torch.stack([slot @ vector for vector in rows])
            answers = torch.stack([logits[ids[f"NO-{label}"]], logits[ids[f"YES-{label}"]]])
            torch.testing.assert_close(found.get("lmmtc.slots")[row, label], answers)
            torch.testing.assert_close(totals[row, label], logits.exp().sum().log())
            naive = naive + (label + 1) * (slot.pow(3).sum() + answers[1] - 2 * answers[0] + logits.exp().sum().log())
        naive = naive + document.pow(3).sum()
        fast = fast + found.tokens[row, : len(document)].pow(3).sum()
    weights = torch.arange(1, 6, dtype=torch.float64)
    answers = found.get("lmmtc.slots")
    fast = fast + (weights * (found.labels.pow(3).sum(-1) + answers[..., 1] - 2 * answers[..., 0] + totals)).sum()
    for one, other in zip(gradients(fast, encoder), gradients(naive, encoder), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)


def test_nothing_given_masks_every_label(build: Build, read: Read) -> None:
    encoder = build()
    masked = read(encoder, TEXTS, given=torch.full((4, 5), -1, dtype=torch.int8))
    assert torch.equal(read(encoder, TEXTS).labels, masked.labels)
    assert not torch.allclose(masked.labels, read(encoder, TEXTS, given=GIVEN).labels)


@pytest.mark.parametrize("place", ["after-cls", "before-cls"])
def test_a_document_is_the_same_in_any_batch(build: Build, read: Read, place: str) -> None:
    encoder = build(place=place, pooling="mean")
    together = read(encoder, TEXTS, given=GIVEN)
    for row, text in enumerate(TEXTS):
        alone = read(encoder, [text], given=GIVEN[row : row + 1])
        for name in ("labels", "document", "lmmtc.slots"):
            torch.testing.assert_close(together.get(name)[row], alone.get(name)[0])


def test_words_see_what_is_shown_and_so_do_other_slots(build: Build, read: Read) -> None:
    encoder = build()
    told = torch.tensor([[1, -1, -1, -1, -1]], dtype=torch.int8)
    yes, no = (read(encoder, TEXTS[:1], given=given) for given in (told, told.clamp(max=0)))
    assert not torch.allclose(yes.tokens[0, 1], no.tokens[0, 1], atol=1e-5)
    assert not torch.allclose(yes.labels[0, 3], no.labels[0, 3], atol=1e-5)


def test_the_document_is_cut_and_slots_are_not(build: Build, read: Read) -> None:
    found = read(build(max_length=22), ["a " * 30])  # 22 - 3 x 5 labels - 1 closing - 2 special = 4
    assert found.token_mask.sum() == 4
    assert found.labels.shape == (1, 5, 32)
    assert read(build(), ["a " * 60]).token_mask.sum() == 48 - 18  # all positions that the model has


def test_no_room_for_the_document_is_refused_with_the_arithmetic(build: Build) -> None:
    told = r"max_length = 48 positions - 46 for 15 labels \(3 x 15, and 1 that closes them\) - 2 special tokens leave 0"
    with pytest.raises(ValueError, match=told + " for the document: 49 would be needed and the model has 48"):
        build(count=15)
    with pytest.raises(ValueError, match=r"48 positions - 48 for 16 labels \(3 x 16\) - 2 special tokens leave 0"):
        build(count=16, place="before-cls")
    build(count=14)
    with pytest.raises(ValueError, match="max_length = 49, but the model has 48 positions"):
        build(max_length=49)


def test_labels_under_consideration_are_picked(build: Build, read: Read) -> None:
    encoder = build()
    whole = read(encoder, TEXTS, given=GIVEN)
    every = whole.get("lmmtc.totals")(torch.ones(4, 5, dtype=torch.bool)).view(4, 5)
    for ids in (torch.tensor([[4, 1]]), torch.tensor([[0, 1], [2, 3], [4, 0], [3, 3]])):
        few = read(encoder, TEXTS, given=GIVEN, ids=ids)
        at = ids.expand(4, -1), torch.arange(4)[:, None]
        torch.testing.assert_close(few.labels, whole.labels[at[1], at[0]])
        torch.testing.assert_close(few.get("lmmtc.slots"), whole.get("lmmtc.slots")[at[1], at[0]])
        mask = torch.tensor([[True, False], [True, True], [False, False], [False, True]])
        torch.testing.assert_close(few.get("lmmtc.totals")(mask), every[at[1], at[0]][mask])


def test_the_text_alone_is_the_plain_model(build: Build, read: Read) -> None:
    encoder = build(text_alone=True)
    found = read(encoder, TEXTS, given=GIVEN)
    assert found.labels is None
    assert found.extra == {}
    words = torch.tensor([encoder.reader.tokenize([TEXTS[0]])["ids"][0]])
    states = encoder.model(input_ids=words).last_hidden_state[0]
    torch.testing.assert_close(found.document[0], states[0])
    torch.testing.assert_close(found.tokens[0, : len(states)], states)


def test_mask_tokens_start_as_the_model_s_own(build: Build) -> None:
    embedding = build(mask_init="model").head.embedding
    masks = embedding.added.weight.view(5, 5, 32)[:, 3]
    assert torch.equal(masks, embedding.base.weight[MASK].expand(5, -1))
    others = embedding.added.weight.view(5, 5, 32)[:, [0, 1, 2, 4]]
    assert others.std().item() == pytest.approx(0.02, rel=0.1)  # the model's own initializer_range
    assert len(others.flatten(0, 1).unique(dim=0)) == 20


def test_the_pretrained_weights_are_under_the_added_tokens(build: Build, bert: Path) -> None:
    from transformers import BertModel

    theirs = BertModel.from_pretrained(bert).double().state_dict()
    encoder = build(segments="label")
    own = {name.replace(".base.", "."): value for name, value in encoder.model.state_dict().items()}
    for name in own.keys() & theirs.keys():
        assert torch.equal(own[name], theirs[name]), name
    assert {name for name in own if name not in theirs} == {
        "embeddings.word_embeddings.added.weight",
        "embeddings.token_type_embeddings.added.weight",
    }


def test_every_weight_gets_a_gradient(build: Build, read: Read) -> None:
    encoder = build(segments="label")
    found = read(encoder, TEXTS)
    (found.labels.square().sum() + found.tokens.square().sum() + found.get("lmmtc.slots").sum()).backward()
    assert [name for name, weight in encoder.named_parameters() if weight.grad is None] == []
    (first, *_) = encoder.rate_layers()
    assert any(weight is encoder.head.embedding.added.weight for module in first for weight in module.parameters())


@pytest.mark.parametrize("options", [{"tokens": "same"}, {"mask_init": "model"}, {"mask_words": 0.15}])
def test_a_tokenizer_without_a_mask_token(
    bert: Path, make_context: Callable[..., Context], tmp_path: Path, options: dict[str, Any]
) -> None:
    shutil.copytree(bert, tmp_path / "bare")
    file = tmp_path / "bare" / "tokenizer_config.json"
    text = file.read_text()
    assert '"mask_token": "[MASK]"' in text
    file.write_text(text.replace('"mask_token": "[MASK]"', '"mask_token": null'))
    context = make_context(
        {"architecture": Files(file.parent, ("config.json", "tokenizer.json", "tokenizer_config.json"))}
    )
    ((name, value),) = options.items()
    told = f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}"
    with pytest.raises(ValueError, match=f"{told} takes the model's own mask token, and this tokenizer has none"):
        LabelMaskEncoder(LabelMaskConfig(**options), context)
    assert LabelMaskEncoder(LabelMaskConfig(), context).widths["lmmtc.totals"] == WORDS + 25


def test_states_narrower_than_embeddings_are_projected(
    bert: Path, make_context: Callable[..., Context], tmp_path: Path, read: Read
) -> None:
    from transformers import ElectraConfig, ElectraModel

    shutil.copytree(bert, tmp_path / "electra")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = ElectraConfig(vocab_size=WORDS, embedding_size=24, max_position_embeddings=48, **sizes)
    ElectraModel(config).save_pretrained(tmp_path / "electra")
    context = make_context({"architecture": Files(tmp_path / "electra", ("config.json", "tokenizer.json"))})
    encoder = LabelMaskEncoder(LabelMaskConfig(), context).double().eval()
    found = read(encoder, TEXTS)
    yes = encoder.head.embedding.added.weight.view(5, 5, 24)[:, 2]
    expected = torch.einsum("blh,eh,le->bl", found.labels, encoder.head.project.weight, yes)
    torch.testing.assert_close(found.get("lmmtc.slots")[..., 1], expected)


def test_options_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match='with tokens = "same" there are none'):
        LabelMaskConfig(tokens="same", mask_init="model")
    with pytest.raises(ValueError, match="random_init = true reads none"):
        LabelMaskConfig(random_init=True, sha256="0" * 64)
