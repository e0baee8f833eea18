"""Whether values are of a size that can be learnt from, for a document without a word too."""

from __future__ import annotations

from collections.abc import Mapping

from labelloom.components import FIELDS
from labelloom.interfaces import Batch, States
from labelloom.testing.closeness import results
from labelloom.testing.corpus import EMPTY

LARGEST = 1e4
"""No value of the core's fields, and no loss of one document, is as large as this before anything is trained."""
CAUSE = (
    "masked_fill(~mask, -1e9) before logsumexp, max or a sum, which leave -1e9 where no word is: give a document "
    "without words a value of its own, .where(mask.any(-1), 0); masked_mean and masked_softmax give zeros there"
)


def too_large(states: States, name: str, axes: Mapping[str, str], batch: Batch) -> str | None:
    """In words which document has values in this field that are too large to learn from; None where none has.

    Of bundles' own fields, and of places that hold no word or no label, nothing is told.
    """
    if name not in FIELDS:
        return None
    values = results(states, [name], axes, batch)[name]
    if name in ("labels", "scores"):
        asked = batch.label_mask.expand(len(batch), -1)
        values = [value[mask] for value, mask in zip(values, asked, strict=True)]
    for place, value in enumerate(values):
        large = value.abs() >= LARGEST
        if large.any():
            whose = "" if name == "label_table" else f" of {document(int(batch.rows[place]))}"
            return f"{int(large.sum())} of {value.numel()} values{whose} are as large as {value.abs().max().item():.3g}"
    return None


def document(row: int) -> str:
    """What a training document of the small corpus is called in messages."""
    return f"document {row}" + (", which has no word," if row == EMPTY else "")
