"""`Part`: a component built into a model, and the `Context` that its constructor gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from labelloom.data.labels import LabelSpace

if TYPE_CHECKING:
    from torch import Tensor

    from labelloom.data.corpus import Corpus
    from labelloom.interfaces.states import States

Width = int | tuple[int, int]
"""The last axis of a field; for `aspects` (how many, their width)."""

Widths = Mapping[str, Width]

Encode = Callable[[Sequence[str]], "States"]
"""The model's encoder on plain texts, without gradient, in eval mode: for label names at the start of a run."""


@dataclass(frozen=True)
class Files:
    """An asset made of files: those of `names` in the folder `root`. A saved run keeps copies of them."""

    root: Path
    names: tuple[str, ...]


Assets = Mapping[str, Any]
"""What `prepare` made, by name: JSON values, arrays, files. The core saves them with the run."""


@dataclass(frozen=True)
class Context:
    """What a part knows of the model that it is built into.

    path    its place, "model.label_modules.0": what `batch.noise` takes as the stream
    widths  of the fields that it needs and that are there
    labels  the label set, in its order
    assets  what its own `prepare` made, from the corpus or from the saved run
    parts   makers of the parts that it holds, by path below it ("encoder", "label_modules.0"): `make(widths)`
    """

    path: str
    widths: Widths
    labels: LabelSpace
    assets: Assets = field(default_factory=dict)
    parts: Mapping[str, Callable[[Widths], Any]] = field(default_factory=dict)

    def width(self, *names: str) -> int:
        """The width of the first of these fields that is there: what a part with the need "a | b" calls."""
        width = next(self.widths[name] for name in names if name in self.widths)
        assert isinstance(width, int), names
        return width


class Part(nn.Module):
    """Base of encoders, label modules, predictors and tasks.

    path    its place in the model, which tells its random numbers apart from others'
    widths  the widths of the fields that it gives; a constructor sets them
    notes   what `initialise` has to tell the user, a line each: how many words have a pretrained vector

    A constructor that gets options, widths or a label count that cannot work raises ValueError with the arithmetic;
    the core adds the place in the spec.
    """

    def __init__(self, config: Any, context: Context) -> None:
        super().__init__()
        self.config = config
        self.path = context.path
        self.widths: Widths = {}
        self.notes: list[str] = []

    @classmethod
    def prepare(cls, config: Any, corpus: Corpus) -> Assets:
        """What it takes from the corpus, in fresh runs only: a vocabulary, word vectors, neighbour groups."""
        return {}

    def initialise(self, corpus: Corpus, encode: Encode) -> None:
        """Start its weights, in fresh runs only: pretrained weights, label names. Held parts come before holders."""

    def rate_layers(self) -> Sequence[Sequence[nn.Module]]:
        """Its layers from input to output, each as the modules that make it: for rates that fall from layer to layer.

        The first is what reads the input, such as the embeddings. Pooling, heads and held parts belong to none: held
        parts have layers of their own. A part without layers has no such list.
        """
        return ()

    def unmask(self, probabilities: Tensor, given: Tensor) -> Tensor:
        """What the input of a prediction's next pass tells of every label, (B, L) int8 as `Batch.given` says it.

        Asked of a part whose signature is `iterative`, held or not, with the model's probabilities (B, L) in this pass
        and what its input told, `given` (B, L). Only what this tells of masked labels is heeded: what is told stays.
        There is another pass while something new is told and some label is masked after it, and each label keeps its
        probability of the last pass that masked it. What is told of a document must follow from its own row alone.
        """
        raise NotImplementedError

    def widths_with(self, roles: frozenset[str]) -> Widths:
        """The same when the rows of a stage have `roles`; only a part that treats roles differently overrides it."""
        return self.widths
