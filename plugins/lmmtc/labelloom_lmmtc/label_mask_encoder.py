"""`lmmtc/label-mask-encoder`: a slot for each label before the document (Song et al. 2021 eq. 1-2)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Batch, Context, States
from labelloom.interfaces.part import Encode
from labelloom_lmmtc.config import LabelMaskConfig
from labelloom_lmmtc.head import TiedHead
from labelloom_lmmtc.hidden_words import WordHider
from labelloom_lmmtc.template import MASK, SLOT, Template, different_tokens, same_tokens
from labelloom_standard.added_tokens import extend_segments, extend_vocabulary
from labelloom_standard.label_slots import Joined, LabelStates, insert, reader_beside
from labelloom_standard.language_model_encoder import check_pooling, pooled
from labelloom_standard.pieces import PieceReader
from labelloom_standard.slot_encoder import SlotEncoder


class LabelMaskEncoder(SlotEncoder):
    """Reads `[CLS] [LS-1] [MASK-1] [LE-1] .. [LS-L] [YES-L] [LE-L] [SEP] x_1 .. x_m [SEP]`.

    Shows what `batch.given` tells of a label and masks the rest, all of them where it is None. Slots are never cut, the
    document is. Gives

    tokens, document  (B, T, H) the states of x, (B, H)
    labels            (B, C, H) the states at the slots; every slot is in the input, those asked about are picked
    lmmtc.slots       (B, C, 2) the logits of NO-i and YES-i at the slot of label i
    lmmtc.totals      places -> (M,): the log of the sum of exp of every token's logit at these of the slots, which a
                      mask (B, C) tells or two indices (M,)
    lmmtc.words       () -> (M,): -log p of each piece of x that the input hides; in training alone are any hidden
    """

    segments: Tensor  # (S,) of the labels' pieces and of the token that closes them

    def __init__(self, config: LabelMaskConfig, context: Context) -> None:
        super().__init__(config, context)
        count = len(context.labels)
        alone = PieceReader(self.files, self.max_length)
        tokenizer = alone.tokenizer
        mask = _own_mask(config, tokenizer)
        embedding = extend_vocabulary(self.model, 4 if config.tokens == "same" else 5 * count, tokenizer)
        tokens = different_tokens(count, embedding.first) if mask is None else same_tokens(count, embedding.first, mask)
        closing = tokenizer.sep_token_id if config.place == "after-cls" else None
        self.template = Template(tokens, closing)
        pieces = self.template.size
        told = f"{SLOT} x {count}" + (", and 1 that closes them" if closing is not None else "")
        self.reader = reader_beside(self.files, alone, pieces, f"{pieces} for {count} labels ({told})", self.limit)
        check_pooling(config.pooling, self.reader)
        self.start = self.reader.before if config.place == "after-cls" else 0
        self.padding = tokenizer.pad_token_id or 0
        segments = torch.zeros(pieces, dtype=torch.int64)
        if config.segments == "label":
            first = extend_segments(self.model, count).first
            segments[: SLOT * count] = (first + torch.arange(count)).repeat_interleave(SLOT)
        self.segmented = config.segments == "label"
        self.register_buffer("segments", segments, persistent=False)
        self.label_states = LabelStates(self.template.owners)
        self.hider = WordHider(tokenizer)
        self.head = TiedHead(embedding, self.width)
        self.widths = {"tokens": self.width, "document": self.width, "labels": self.width, "lmmtc.slots": 2}
        self.widths |= {"lmmtc.totals": self.head.size, "lmmtc.words": self.head.size}

    @torch.no_grad()
    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The pretrained weights, and the start of mask tokens. Raises SpecError for weights that do not fit."""
        super().initialise(corpus, encode)
        if self.config.mask_init == "model":
            embedding, mask = self.head.embedding, self.hider.mask
            embedding.added.weight[self.template.shown[:, MASK] - embedding.first] = embedding.base.weight[mask]

    def forward(self, states: States, batch: Batch) -> States:
        """`states` with tokens, token_mask and document; with labels' fields and words as its options say."""
        ids, mask = batch.inputs["input_ids"], batch.inputs["token_mask"]
        hidden = torch.zeros_like(mask)
        shown = ids
        if self.training and self.config.mask_words:  # an evaluation hides no words
            shown, hidden = self.hider(ids, mask, self.config.mask_words, batch, self.path)
        found, joined = self._read(shown, batch)
        tokens = found if joined is None else joined.document_of(found)  # (B, T, H)
        states = states.add(tokens=tokens, token_mask=mask, document=pooled(self.config.pooling, tokens, mask))
        if self.config.mask_words:
            states = states.add({"lmmtc.words": partial(self._words, tokens, hidden, ids)})
        if joined is None:
            return states
        slots = self.label_states(joined.states_of(found))  # (B, L, H)
        labels = batch.pick(slots)  # (B, C, H)
        answers = batch.pick(self.head.of(slots, self.template.shown[:, :MASK]))  # (B, C, 2)
        return states.add({"lmmtc.slots": answers, "lmmtc.totals": partial(self._totals, labels)}, labels=labels)

    def unmask(self, probabilities: Tensor, given: Tensor) -> Tensor:
        """`given` with the `iterative` masked labels that are farthest from 0.5, each told as what it is nearer to.

        Of labels as far as each other the first ones.
        """
        masked = given < 0
        sure = (probabilities - 0.5).abs().masked_fill(~masked, -1)  # (B, L)
        place = sure.argsort(dim=1, descending=True, stable=True).argsort(dim=1)  # of each label in that order
        return torch.where(masked & (place < self.config.iterative), (probabilities > 0.5).to(given.dtype), given)

    def _read(self, ids: Tensor, batch: Batch) -> tuple[Tensor, Joined | None]:
        """The states of what the model reads, and where labels and document stand in it, unless the text is alone."""
        if self.config.text_alone:
            return self.run(ids, batch.inputs["attention_mask"], torch.zeros_like(ids)).last_hidden_state, None
        joined = self.join(ids, batch)
        return self.run(joined.ids, joined.present, joined.segments).last_hidden_state, joined

    def join(self, ids: Tensor, batch: Batch) -> Joined:
        """The labels' slots before each document, or behind its first special token."""
        present = batch.inputs["attention_mask"].bool()
        return insert(ids, present, self.template(batch.given), self.segments, self.padding, self.start)

    def _totals(self, labels: Tensor, places: Tensor | tuple[Tensor, ...]) -> Tensor:
        return self.head(labels[places]).logsumexp(-1)

    def _words(self, tokens: Tensor, hidden: Tensor, ids: Tensor) -> Tensor:
        return F.cross_entropy(self.head(tokens[hidden]), ids[hidden], reduction="none")


def _own_mask(config: LabelMaskConfig, tokenizer: Any) -> int | None:
    """The model's own mask token where labels share it. Raises ValueError when an option wants it in vain."""
    wanting = {
        'tokens = "same"': config.tokens == "same",
        'mask_init = "model"': config.mask_init == "model",
        f"mask_words = {config.mask_words}": config.mask_words > 0,
    }
    mask: int | None = tokenizer.mask_token_id
    for option, wants in wanting.items():
        if wants and mask is None:
            raise ValueError(f"{option} takes the model's own mask token, and this tokenizer has none")
    return mask if config.tokens == "same" else None
