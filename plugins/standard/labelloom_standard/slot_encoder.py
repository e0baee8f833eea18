"""What encoders share that put labels into a language model's input."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from labelloom.data.corpus import Corpus
from labelloom.interfaces import Batch
from labelloom.interfaces.part import Encode
from labelloom_standard.label_slots import Joined, LabelStates, crowding
from labelloom_standard.language_model import position_limit
from labelloom_standard.language_model_encoder import LanguageModelEncoder
from labelloom_standard.pieces import PieceReader


class SlotEncoder(LanguageModelEncoder):
    """Base of encoders for which labels are pieces of the input, beside the document; their option `text_alone` leaves
    them out. A constructor sets

    label_states  which of the pieces are which label's
    segmented     whether the language model is told segments
    """

    label_states: LabelStates
    segmented: bool

    @property
    def limit(self) -> int | None:
        """How many positions the language model has, special ones included; None where there is no limit."""
        return position_limit(self.model)[0]

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """The pretrained weights. Notes where labels leave documents little room. Raises SpecError as they do."""
        super().initialise(corpus, encode)
        assert isinstance(self.reader, PieceReader)
        taken = self.max_length - self.reader.max_length
        self.notes += crowding(len(self.label_states.sizes), taken, self.reader, self.limit)

    def join(self, ids: Tensor, batch: Batch) -> Joined:
        """What the language model reads: the labels' pieces, in `ids` (B, T), the document's, or what hides them."""
        raise NotImplementedError

    def run(self, ids: Tensor, present: Tensor, segments: Tensor, **wanted: Any) -> Any:
        """The language model's answer to what it reads, (B, S) each."""
        kinds = {"token_type_ids": segments} if self.segmented else {}
        return self.model(input_ids=ids, attention_mask=present.long(), **kinds, **wanted)
