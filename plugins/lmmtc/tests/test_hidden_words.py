"""Which words the input hides, what stands there instead, and what the model is asked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from labelloom.interfaces import Batch, Context, Files, States
from labelloom_lmmtc.config import LabelMaskConfig
from labelloom_lmmtc.hidden_words import WordHider
from labelloom_lmmtc.label_mask_encoder import LabelMaskEncoder

MASK, ORDINARY = 4, set(range(5, 14))
TEXTS = ["a graph of words .", "", "a neural network of words of a text of a graph"]


@pytest.fixture
def hider(bert: Path) -> WordHider:
    return WordHider(AutoTokenizer.from_pretrained(bert))


def many(make_batch: Callable[..., Batch], rows: int = 400, key: int = 0) -> tuple[Batch, torch.Tensor, torch.Tensor]:
    """A batch of rows with pieces of every id, a special token before and after."""
    torch.manual_seed(0)
    ids = torch.randint(0, 14, (rows, 30))
    own = torch.ones_like(ids, dtype=torch.bool)
    own[:, [0, -1]] = False
    return make_batch(rows, key=key), ids, own


def test_shares_of_what_is_hidden(hider: WordHider, make_batch: Callable[..., Batch]) -> None:
    batch, ids, own = many(make_batch)
    shown, hidden = hider(ids, own, 0.15, batch, "model.part")
    can = own & (ids >= 5)
    assert not (hidden & ~can).any()  # neither special tokens nor what they are written like
    assert torch.equal(shown[~hidden], ids[~hidden])
    assert hidden[can].float().mean().item() == pytest.approx(0.15, abs=0.012)
    assert set(shown[hidden].tolist()) == {MASK} | ORDINARY
    masked = shown[hidden] == MASK
    assert masked.float().mean().item() == pytest.approx(0.8, abs=0.03)
    # One of ten is drawn from nine pieces and so may be what it was.
    same = shown[hidden] == ids[hidden]
    assert same.float().mean().item() == pytest.approx(0.1 + 0.1 / 9, abs=0.03)
    other = shown[hidden & (shown != MASK) & (shown != ids)]
    assert other.bincount(minlength=14)[5:].min() > 0


def test_a_function_of_row_and_step_alone(hider: WordHider, make_batch: Callable[..., Batch]) -> None:
    batch, ids, own = many(make_batch)
    shown, hidden = hider(ids, own, 0.3, batch, "model.part")
    places = torch.tensor([7, 3, 200])
    few = batch.subset(places)
    longer = torch.nn.functional.pad(ids[places], (0, 5))
    again, which = hider(longer, torch.nn.functional.pad(own[places], (0, 5)), 0.3, few, "model.part")
    assert torch.equal(again[:, :30], shown[places])
    assert torch.equal(which[:, :30], hidden[places])
    for key, path in ((1, "model.part"), (0, "model.other")):
        other, ids, own = many(make_batch, key=key)
        assert not torch.equal(hider(ids, own, 0.3, other, path)[1], hidden)


@pytest.fixture
def hiding(build: Callable[..., LabelMaskEncoder]) -> LabelMaskEncoder:
    """An encoder in training that hides half of the words, without dropout."""
    return build(mask_words=0.5, dropout=0.0).train()


@pytest.mark.parametrize("text_alone", [False, True])
def test_the_loss_of_each_hidden_word_by_hand(
    build: Callable[..., LabelMaskEncoder], make_batch: Callable[..., Batch], text_alone: bool
) -> None:
    encoder = build(mask_words=0.5, dropout=0.0, text_alone=text_alone).train()
    columns = encoder.reader.tokenize(TEXTS)
    batch = make_batch(3, inputs=encoder.reader.collate([{"ids": ids} for ids in columns["ids"]]))
    ids = batch.inputs["input_ids"]
    shown, hidden = encoder.hider(ids, batch.inputs["token_mask"], 0.5, batch, encoder.path)
    assert 3 <= int(hidden.sum()) < int(batch.inputs["token_mask"].sum())

    losses = encoder(States(), batch).get("lmmtc.words")()

    plain = encoder.eval()(States(), make_batch(3, inputs={**batch.inputs, "input_ids": shown}))
    table = encoder.head.embedding
    rows = [*table.base.weight, *table.added.weight]
    expected = []
    for row, place in hidden.nonzero().tolist():
        logits = torch.stack([plain.tokens[row, place] @ vector for vector in rows])
        expected.append(-(logits[ids[row, place]] - logits.exp().sum().log()))
    torch.testing.assert_close(losses, torch.stack(expected))
    weights = list(encoder.parameters())
    fast, naive = (
        torch.autograd.grad(total.pow(2).sum(), weights, allow_unused=True, materialize_grads=True)
        for total in (losses, torch.stack(expected))
    )
    for one, other in zip(fast, naive, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)


def test_an_evaluation_hides_nothing(
    hiding: LabelMaskEncoder, build: Callable[..., LabelMaskEncoder], read: Callable[..., Any]
) -> None:
    found = read(hiding.eval(), TEXTS)
    plain = read(build(dropout=0.0), TEXTS)
    assert torch.equal(found.labels, plain.labels)
    assert torch.equal(found.tokens, plain.tokens)
    none = found.get("lmmtc.words")()
    assert none.shape == (0,)
    assert none.requires_grad  # a step in which chance hides nothing has a graph
    assert not torch.equal(read(hiding.train(), TEXTS).tokens, plain.tokens)
    assert plain.get("lmmtc.words") is None


def test_a_stage_that_hides_words_on_a_model_without_a_mask_token(
    bert: Path, make_context: Callable[..., Context], read: Callable[..., Any], tmp_path: Path
) -> None:
    shutil.copytree(bert, tmp_path / "bare")
    file = tmp_path / "bare" / "tokenizer_config.json"
    file.write_text(file.read_text().replace('"mask_token": "[MASK]"', '"mask_token": null'))
    files = Files(file.parent, ("config.json", "tokenizer.json", "tokenizer_config.json"))
    encoder = LabelMaskEncoder(LabelMaskConfig(), make_context({"architecture": files})).train()
    encoder.config = LabelMaskConfig(mask_words=0.2)
    with pytest.raises(ValueError, match="the tokenizer has no mask token: set mask_words = 0"):
        read(encoder, TEXTS)
