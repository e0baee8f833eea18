"""Every shipped spec is checked, built small, and takes one step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import labelloom_standard
from labelloom.bundles import Catalogue
from labelloom.compose.batches import make_batch, make_targets, plain_draw
from labelloom.compose.build import build, initialise, prepare
from labelloom.compose.check import check
from labelloom.errors import CompositionError
from labelloom.spec import read_spec, validate_spec

FILES = sorted((Path(labelloom_standard.__file__).parent / "specs").glob("*.toml"))
NAMES = [file.stem for file in FILES]
TEXTS = ["a graph of words", "neural network of words .", "", "text"]


def test_the_specs_are_shipped_by_name(catalogue: Catalogue) -> None:
    assert {
        "minilm",
        "bilstm",
        "cnn",
        "cnn-skip-gram",
        "xml-cnn",
        "label-attention",
        "minilm-label-attention",
        "label-query",
    } <= set(NAMES)
    assert catalogue.specs() == {f"standard/{file.stem}": file for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_spec_begins_with_the_command_that_runs_it(file: Path) -> None:
    assert file.read_text().splitlines()[0] == f"# labelloom train standard/{file.stem}"


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_checks(name: str, catalogue: Catalogue) -> None:
    spec, folder = read_spec(f"standard/{name}", shipped=catalogue.specs())
    assert spec.name == name
    assert spec.description
    plan = check(spec, folder, catalogue)
    assert plan.scale == "probabilities"
    assert plan.inference == {node.path for node in plan.model.nodes}


@pytest.mark.parametrize("name", NAMES)
def test_a_spec_builds_and_learns(name: str, catalogue: Catalogue, bert: Path, make_corpus: Any) -> None:
    spec, folder = read_spec(f"standard/{name}", shipped=catalogue.specs())
    encoder = spec.model.encoder.options
    if "pretrained" in encoder:
        sets = [f"model.encoder.pretrained={bert}", "model.encoder.max_length=20"]
        raw = spec.model_dump(exclude_unset=True)
        del raw["model"]["encoder"]["sha256"]
    else:
        sets = ["model.encoder.embedding=8", "model.encoder.min_count=1"]
        sets += ["model.encoder.hidden=4"] if "hidden" in encoder else ["model.encoder.dropout=0.0"]
        raw = spec.model_dump(exclude_unset=True)
    spec, folder = read_spec(raw, sets)
    plan = check(spec, folder, catalogue)
    corpus = make_corpus(TEXTS)
    torch.manual_seed(0)
    assembly = build(plan, corpus.labels, prepare(plan, corpus))
    initialise(assembly, corpus)
    model, (task,) = assembly.model, assembly.tasks.values()
    columns = model.encoder.reader.tokenize(TEXTS)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(len(TEXTS))]
    draw = plain_draw(len(TEXTS))
    batch = make_batch(model.encoder.reader.collate(rows), draw, 5)
    targets = make_targets(draw, corpus.train.label_sets)
    optimiser = torch.optim.Adam(assembly.parameters(), lr=2e-2)
    losses = []
    for _ in range(20):
        states = model.states(batch, plan.stages[0].live)["main"]
        loss = task(states, batch, targets)
        losses.append(loss.total.item() / loss.count.item())
        optimiser.zero_grad()
        loss.total.backward()
        unreached = [name for name, weight in assembly.named_parameters() if weight.grad is None]
        assert unreached == []
        optimiser.step()
    assert losses[-1] < 0.8 * losses[0]

    # Ranking a few labels at a time gives what scoring all of them gives.
    model.eval()
    ids, scores = model.rank(batch, 5, chunk=2)
    torch.testing.assert_close(scores, model(batch).gather(1, ids).float(), atol=1e-5, rtol=1e-4)


def refused(catalogue: Catalogue, **model: Any) -> str:
    spec = {"name": "made", "data": {"source": "arxiv-mini"}, "model": model, "tasks": [{"use": "standard/bce"}]}
    with pytest.raises(CompositionError) as told:
        check(validate_spec(spec), catalogue=catalogue)
    return str(told.value)


def test_label_query_without_a_table_is_refused(catalogue: Catalogue) -> None:
    message = refused(
        catalogue,
        encoder={"use": "standard/bilstm"},
        label_modules=[{"use": "standard/label-query"}],
        predictor={"use": "standard/label-linear"},
    )
    assert message.startswith(
        "model.label_modules.0: standard/label-query needs label_table, and nothing here gives it "
        "(there: document, tokens); without it model.predictor (standard/label-linear) cannot run either\n"
    )


def test_a_predictor_over_labels_on_a_plain_encoder_is_refused(catalogue: Catalogue) -> None:
    message = refused(catalogue, encoder={"use": "standard/bilstm"}, predictor={"use": "standard/label-linear"})
    assert "model.predictor: standard/label-linear needs labels" in message
    for supplier in ("standard/label-attention", "standard/label-query"):
        assert f'use = "{supplier}" gives labels' in message


def test_an_option_out_of_range_is_refused_at_its_key(catalogue: Catalogue) -> None:
    encoder = {"use": "standard/transformer", "pooling": "max", "max_lenght": 12, "sha256": "12"}
    message = refused(catalogue, encoder=encoder, predictor={"use": "standard/linear"})
    assert "model.encoder.pooling: must be 'cls', 'mean' or 'attention', not 'max'" in message
    assert "model.encoder.max_lenght: unknown key 'max_lenght'\n    try: max_length" in message
    assert "model.encoder.sha256: " in message


def test_a_folder_beside_the_spec_is_found_from_there(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "spec.toml").write_text(
        'name = "made"\ndata = { source = "arxiv-mini" }\ntasks = [{ use = "standard/bce" }]\n'
        '[model]\nencoder = { use = "standard/transformer", pretrained = "./model" }\n'
        'predictor = { use = "standard/linear" }\n'
    )
    spec, folder = read_spec(tmp_path / "spec.toml")
    config = check(spec, folder, catalogue).model.encoder.config
    assert config.pretrained == str(tmp_path / "model")  # type: ignore[attr-defined]
