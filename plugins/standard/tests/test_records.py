"""Every record says the truth: parts are built from its strings with default options, and give what it declares."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from labelloom.bundles import Catalogue, load_target
from labelloom.components import Component, Need
from labelloom.config import Signature
from labelloom.interfaces import Context, States, Targets
from labelloom_standard.hooks import labelloom_components

RECORDS = labelloom_components()
BILSTM = {"use": "standard/bilstm"}
TEXTS = ["a graph of words", "", "network"]


def options_of(record: Component, bert: Path) -> dict[str, Any]:
    """What a component cannot do without."""
    if record.name == "standard/transformer":
        return {"pretrained": str(bert), "max_length": 20}
    if record.name == "standard/chain":
        return {"encoder": BILSTM, "label_modules": [{"use": "standard/label-attention"}]}
    return {}


def test_the_catalogue_finds_the_bundle(catalogue: Catalogue) -> None:
    (state,) = catalogue.states()
    assert (state.bundle.name, state.bundle.origin, state.state) == ("standard", "labelloom-standard 0.1.0", "ok")
    assert list(state.components) == RECORDS
    assert all(record.summary and len(record.summary) <= 100 for record in RECORDS)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_every_option_is_described_and_has_a_default(record: Component) -> None:
    config = load_target(record.config, "")
    for name, field in config.model_fields.items():
        assert field.description, f"{record.name} {name}"
        assert not field.is_required() or record.name == "standard/chain", f"{record.name} {name}"


def built(record: Component, path: str, context: Any, corpus: Any, bert: Path, widths: Any) -> tuple[Any, Signature]:
    """The part of `record` and its signature, with the parts that it holds."""
    config = load_target(record.config, "")(**options_of(record, bert))
    target = load_target(record.target, "")
    assets = target.prepare(config, corpus)
    signature, parts = Signature(record.needs, record.gives, record.labels), {}
    if record.name == "standard/chain":
        by_name = {other.name: other for other in RECORDS}
        held = {"encoder": by_name["standard/bilstm"], "label_modules.0": by_name["standard/label-attention"]}
        signatures = {path: Signature(other.needs, other.gives) for path, other in held.items()}
        signature = config.signature(record, signatures)
        parts = {
            path: lambda widths, other=other, path=path: built(other, path, context, corpus, bert, widths)[0]
            for path, other in held.items()
        }
    elif hasattr(config, "signature"):
        signature = config.signature(record, {})
    return target(config, context(assets, parts, **widths)), signature


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_a_part_gives_what_its_record_says(
    record: Component,
    bert: Path,
    make_context: Callable[..., Context],
    make_corpus: Any,
    make_batch: Any,
) -> None:
    corpus = make_corpus(["a graph of words", "neural network of words"])
    lengths = {"tokens": 6, "document": 4, "labels": 8, "label_table": 3}
    if record.kind == "encoder":
        lengths = {}
    part, signature = built(record, record.name, make_context, corpus, bert, lengths)
    part.eval()
    tokens, mask = torch.randn(3, 5, 6), torch.tensor([[1] * 5, [0] * 5, [1, 1, 0, 0, 0]], dtype=torch.bool)
    table = torch.randn(5, 3)
    there: dict[str, Any] = {
        "tokens": tokens,
        "document": torch.randn(3, 4),
        "labels": torch.randn(3, 5, 8),
        "label_table": lambda ids: table[ids],
        "scores": torch.randn(3, 5),
    }
    needed = {name for text in signature.needs if (name := Need.parse(text).choose(there))}
    states = States(**{name: there[name] for name in needed}, token_mask=mask if "tokens" in needed else None)
    if record.kind == "encoder":
        columns = part.reader.tokenize(TEXTS)
        rows = [{name: values[place] for name, values in columns.items()} for place in range(len(TEXTS))]
        batch = make_batch(3, part.reader.collate(rows))
    else:
        batch = make_batch(3)
    if record.kind == "task":
        loss = part(states, batch, Targets(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 4]), 5))
        assert loss.total.shape == ()
        # A softmax picks labels that are carried, and the second document has none.
        assert loss.count == (2 if record.trains == "distribution" else 3)
        return
    after = part(states, batch)
    changed = {name for name in there if after.get(name) is not states.get(name)}
    assert changed == signature.gives
    for name in changed:
        if name == "scores":
            assert after.scores.shape == (3, 5)
        elif name == "label_table":
            assert after.label_table(batch.label_ids).shape == (1, 5, part.widths[name])
        elif name == "tokens":
            assert after.tokens.shape[:2] == after.token_mask.shape
            assert after.tokens.shape[2] == part.widths[name]
        else:
            assert after.get(name).shape == ((3,) if name == "document" else (3, 5)) + (part.widths[name],)


def test_hooks_and_options_import_nothing_heavy() -> None:
    code = (
        "import sys, labelloom_standard.hooks, labelloom_standard.config\n"
        "print([name for name in ('torch', 'transformers', 'datasets', 'accelerate', 'huggingface_hub', 'numpy') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_command_s_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from labelloom.cli import main\n"
        "try: main()\n"
        "finally: print([name for name in ('torch', 'transformers', 'scipy', 'numpy') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "standard/attention", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: labelloom standard/attention [OPTIONS] {RUN}")
    assert done.stdout.endswith("\n[]\n")
