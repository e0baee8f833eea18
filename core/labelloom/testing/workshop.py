"""Where components are built to be looked at: a corpus, a small pretrained model, what is installed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch

from labelloom.bundles import Catalogue, load_target
from labelloom.components import Component, Kind
from labelloom.compose.batches import make_batch, plain_batch, plain_draw
from labelloom.compose.build import AllAssets
from labelloom.compose.check import check_held
from labelloom.compose.plan import Node
from labelloom.compose.resolve import Resolver
from labelloom.config import PartSpec
from labelloom.data.corpus import Corpus
from labelloom.data.labels import LabelSpace
from labelloom.errors import LabelloomError
from labelloom.interfaces import Context, Encoder, Part, Sampler, States, Widths
from labelloom.runs.assets import load_assets, save_assets
from labelloom.testing.bert import tiny_bert
from labelloom.testing.corpus import small_corpus
from labelloom.testing.fields import Fields
from labelloom.testing.options import OptionFinder, Options
from labelloom.testing.outcome import Failure

PATHS: dict[Kind, str] = {
    "encoder": "model.encoder",
    "label_module": "model.label_modules.0",
    "predictor": "model.predictor",
    "task": "tasks.task",
    "sampler": "stages.main.samplers.0",
}


class With(Catalogue):
    """A catalogue with records beside those of installed bundles."""

    def __init__(self, records: Iterable[Component] = (), path: list[str] | None = None) -> None:
        super().__init__(path)
        self.beside = {record.name: record for record in records}

    def component(self, name: str, kind: Kind | None = None) -> Component:
        """As the catalogue's, of these records first."""
        return self.beside[name] if name in self.beside else super().component(name, kind)

    def components(self) -> list[Component]:
        """These records, then all others."""
        return [*self.beside.values(), *(each for each in super().components() if each.name not in self.beside)]

    def load(self, name: str) -> dict[str, Component]:
        """The records of one bundle, these included."""
        own = {each.name: each for each in self.beside.values() if each.bundle == name}
        installed = any(bundle.name == name for bundle in self.bundles)
        return {**(super().load(name) if installed or not own else {}), **own}


class Workshop:
    """Resolves and builds components over a small corpus, in a folder that goes with it.

    `examples` are options by component; `pretrained` is where the small pretrained model is, or is made; `subjects` are
    the names of the components that a second interpreter looks at too.
    """

    def __init__(
        self,
        catalogue: With,
        examples: Mapping[str, Options] | None = None,
        pretrained: Path | None = None,
        subjects: Sequence[str] = (),
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="labelloom-testing-", ignore_cleanup_errors=True)
        self.folder = Path(self._temporary.name)
        self._prepared = 0
        self.catalogue = catalogue
        self.subjects = tuple(subjects)
        self.finder = OptionFinder(catalogue, pretrained or self.folder / "bert", examples or {})

    @cached_property
    def corpus(self) -> Corpus:
        """What components are prepared on."""
        return small_corpus()

    @cached_property
    def fields(self) -> Fields:
        """What parts are fed that are looked at alone, for the training documents of `corpus`."""
        return Fields(len(self.corpus.train), len(self.corpus.labels))

    def node(self, component: Component, path: str | None = None) -> Node:
        """The component with the first options that fit. Raises LabelloomError with what is wrong with the last."""
        path = path or PATHS[component.kind]
        problems: list[LabelloomError] = []
        for options in self.finder.of(component):
            if any(name == "pretrained" for name in _names(options)) and not self.finder.pretrained.exists():
                tiny_bert(self.finder.pretrained)
            resolver = Resolver(self.catalogue, self.folder)
            node = resolver.node(PartSpec(use=component.name, **options), component.kind, path, path)
            found = resolver.problems + ([] if node is None else list(check_held(node, self.catalogue)))
            if node is not None and not found:
                return node
            problems.append(LabelloomError.from_problems(found))
        raise problems[0]

    def prepare(self, nodes: Sequence[Node], corpus: Corpus | None = None) -> dict[str, Any]:
        """The assets of nodes and of what they hold, by path, as a saved run gives them back."""
        corpus = corpus or self.corpus
        assets: dict[str, Any] = {}
        for node in (below for top in nodes for below in top.walk()):
            made = load_target(node.component.target, node.key).prepare(node.config, corpus)
            if made:
                assets[node.path] = made
        self._prepared += 1
        folder = self.folder / f"assets-{self._prepared}"  # arrays that were read lie in the file still
        save_assets(assets, folder)
        return load_assets(folder)

    def part(self, node: Node, widths: Widths, labels: LabelSpace, assets: AllAssets) -> dict[str, Part]:
        """The built part and what it holds, by path, the held ones first."""
        parts: dict[str, Part] = {}

        def make(node: Node, widths: Widths) -> Part:
            makers = {below: _maker(make, held) for below, held in node.held.items()}
            context = Context(node.path, widths, labels, assets.get(node.path, {}), makers)
            part: Part = load_target(node.component.target, node.key)(node.config, context)
            parts[node.path] = part
            return part

        make(node, widths)
        left_out = sorted(below.key for below in node.walk() if below.path not in parts)
        if left_out:
            raise Failure(
                "a holder makes every part that its options hold, each once",
                f"it never made {', '.join(left_out)}",
                "context.parts[...] is not called in the constructor",
            )
        return parts

    def sampler(self, node: Node, labels: LabelSpace, assets: AllAssets) -> Sampler:
        """The built sampler."""
        context = Context(node.path, {}, labels, assets.get(node.path, {}))
        sampler: Sampler = load_target(node.component.target, node.key)(node.config, context)
        return sampler

    @contextmanager
    def without_pretrained(self) -> Iterator[None]:
        """Hides the small pretrained model, as it is not there where a saved run is loaded."""
        folder, hidden = self.finder.pretrained, self.folder / "hidden"
        there = folder.exists()
        if there:
            folder.rename(hidden)
        try:
            yield
        finally:
            if there:
                hidden.rename(folder)


def encode_with(part: Part, fields: Fields, labels: int) -> Callable[[Sequence[str]], States]:
    """What `initialise` reads texts with: an encoder itself, or made-up tokens for any other part."""

    @torch.no_grad()
    def encode(texts: Sequence[str]) -> States:
        if isinstance(part, Encoder):
            columns = part.reader.tokenize(list(texts))
            rows = [{name: values[place] for name, values in columns.items()} for place in range(len(texts))]
            return cast(States, part.eval()(States(), plain_batch(rows, part.reader, labels)))
        batch = make_batch({}, plain_draw(len(texts)), labels)
        return fields.states({"tokens", "document", "aspects"}, batch)

    return encode


def _maker(make: Callable[[Node, Widths], Part], node: Node) -> Callable[[Widths], Part]:
    return lambda widths: make(node, widths)


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield name
            yield from _names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)
