"""What encoders share that put labels into a language model's input."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from labelloom.interfaces import Batch
from labelloom_standard.label_slots import Joined, LabelStates
from labelloom_standard.language_model_encoder import LanguageModelEncoder


class SlotEncoder(LanguageModelEncoder):
    """Base of encoders for which labels are pieces of the input, beside the document; their option `text_alone` leaves
    them out. A constructor sets

    label_states  which of the pieces are which label's
    segmented     whether the language model is told segments
    """

    label_states: LabelStates
    segmented: bool

    def join(self, ids: Tensor, batch: Batch) -> Joined:
        """What the language model reads: the labels' pieces, in `ids` (B, T), the document's, or what hides them."""
        raise NotImplementedError

    def run(self, ids: Tensor, present: Tensor, segments: Tensor, **wanted: Any) -> Any:
        """The language model's answer to what it reads, (B, S) each."""
        kinds = {"token_type_ids": segments} if self.segmented else {}
        return self.model(input_ids=ids, attention_mask=present.long(), **kinds, **wanted)
