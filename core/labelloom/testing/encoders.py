"""What is asked of encoders alone: their readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from labelloom.data.columns import Columns
from labelloom.errors import BundleError
from labelloom.interfaces import Reader
from labelloom.testing.outcome import Failure
from labelloom.testing.worlds import World

_CAUSE = "the reader keeps something of what it read, or reads texts in view of one another"


def reader(world: World) -> None:
    """Its reader has a stable key and no state: each text becomes the same numbers, wherever and whenever."""
    built, again = world.build(seed=1), world.build(seed=2)
    assert built.encoder is not None
    assert again.encoder is not None
    own, other = built.encoder.reader, again.encoder.reader
    _key(own, other)
    texts = world.workshop.corpus.train.texts.take(range(8))
    columns = own.tokenize(texts)
    _columns(columns, texts, own)
    promised = "tokenize makes of a text the same, whatever it read before and beside it"
    backwards = other.tokenize(texts[::-1])
    for name, values in columns.items():
        if _plain(values) != _plain(backwards[name])[::-1]:
            raise Failure(promised, f"in another order the column {name!r} has other values", _CAUSE)
        for place, text in enumerate(texts):
            if _plain(own.tokenize([text])[name]) != _plain(values[place : place + 1]):
                raise Failure(promised, f"alone, document {place} has other values in the column {name!r}", _CAUSE)
    rows = Columns.from_texts(texts, own).rows(np.arange(len(texts)))
    for name, value in _tensors(own.collate(rows)):
        if not isinstance(value, Tensor):
            happened = f"{name} is {type(value).__name__}"
            raise Failure("collate gives tensors, or mappings of tensors", happened, "torch.tensor is missing")
        if value.dim() == 0 or len(value) != len(rows):
            raise Failure(
                "collate gives tensors with B rows first",
                f"{name} has the shape {tuple(value.shape)} for {len(rows)} documents",
                "time first, or something that is the same for all documents: keep that in the encoder",
            )
        if value.requires_grad:
            raise Failure("a reader has no weights", f"{name} requires a gradient", "vectors belong into the encoder")


def _key(own: Reader, other: Reader) -> None:
    promised = "the key of a reader is a digest of all that tokenize depends on, the same in every process"
    if not isinstance(getattr(own, "key", None), str) or not own.key:
        raise Failure(promised, f"it is {getattr(own, 'key', None)!r}", "self.key = stable_digest(...)")
    if own.key != other.key:
        happened = f"two encoders of the same options have the keys {own.key} and {other.key}"
        raise Failure(promised, happened, "a random number, id() or time in the key: use stable_digest")
    modules = [name for name, value in vars(own).items() if isinstance(value, nn.Module | nn.Parameter)]
    if modules:
        raise Failure("a reader has no weights", f"it holds {', '.join(modules)}", "vectors belong into the encoder")


def _columns(columns: Mapping[str, Any], texts: list[str], own: Reader) -> None:
    promised = 'tokenize gives columns of one entry a text, "length" among them'
    try:
        Columns.from_texts(texts, own)
    except BundleError as error:
        raise Failure(promised, str(error), "a column of strings, of None, or of another length") from error
    lengths = [int(value) for value in columns["length"]]
    if min(lengths) < 0:
        raise Failure(promised, f"a length is {min(lengths)}", "the length is that of what is read")


def _tensors(inputs: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in inputs.items():
        if isinstance(value, Mapping):
            yield from _tensors(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
