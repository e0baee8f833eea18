"""Every mixture is checked, changes of its parent what it says, and trains on the sample with a tiny BERT."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelloom
import labelloom_mix
from labelloom.bundles import Catalogue
from labelloom.compose.check import check
from labelloom.registry import read_registry
from labelloom.spec import read_spec
from labelloom.testing import tiny_bert

FILES = sorted((Path(labelloom_mix.__file__).parent / "specs").glob("*.toml"))
NAMES = [file.stem for file in FILES]
PARENTS = {
    "clrl-on-lw-lstm": ("lwpt/lw-lstm", {"tasks"}),
    "clcp-on-label-query": ("standard/label-query", {"tasks"}),
    "cross-attention-on-label-mask": ("lmmtc/minilm-lm", {"model"}),
    "ncf-on-lw-lstm": ("lwpt/lw-lstm", {"model"}),
    "ncf-on-joint-encoder": ("laco/minilm-without-ca", {"model"}),
    "contrast-before-laco": ("laco/minilm", {"tasks", "stages"}),
    "plcp-and-clrl": ("laco/minilm", {"tasks"}),
    "slots-and-words": ("lmmtc/minilm-lm", {"model", "tasks"}),
    "pretrained-label-attention": ("standard/minilm-label-attention", {"model", "training", "tasks", "stages"}),
}
"""Of each mixture the spec that it changes, and which keys it changes."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("mix")
    tiny_bert(folder / "bert")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELLOOM_CACHE", str(folder / "cache"))
        yield folder


def told(name: str, catalogue: Catalogue) -> dict[str, Any]:
    """What a shipped spec says, with what it extends, but not what it is called."""
    raw = read_spec(name, shipped=catalogue.specs())[0].model_dump(exclude_unset=True)
    return {key: value for key, value in raw.items() if key not in ("name", "description")}


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_a_spec_checks_and_begins_with_its_command(file: Path, catalogue: Catalogue) -> None:
    assert file.read_text().splitlines()[0] == f"# labelloom train mix/{file.stem}"
    spec, folder = read_spec(f"mix/{file.stem}", shipped=catalogue.specs())
    assert spec.name == f"mix-{file.stem}"
    plan = check(spec, folder, catalogue)
    assert plan.scale == "probabilities"
    nodes = [node for top in plan.model.nodes for node in top.walk()]
    nodes += [node for stage in plan.stages for node in (*stage.samplers, *(task.node for task in stage.tasks))]
    assert len({node.component.bundle for node in nodes}) > 1


@pytest.mark.parametrize("name", NAMES)
def test_a_mixture_changes_of_its_parent_what_it_says(name: str, catalogue: Catalogue) -> None:
    parent, changed = PARENTS[name]
    before, after = told(parent, catalogue), told(f"mix/{name}", catalogue)
    keys = before.keys() | after.keys()
    assert {key for key in keys if before.get(key) != after.get(key)} - {"samplers"} == changed


@pytest.mark.parametrize("name", NAMES)
def test_a_mixture_trains_and_answers(name: str, catalogue: Catalogue, workplace: Path) -> None:
    raw = _tiny(told(f"mix/{name}", catalogue), str(workplace / "bert"))
    raw["name"] = name
    raw["training"].update(steps=2, batch_size=4, precision="fp32")
    raw["training"].pop("epochs")
    for stage in raw.get("stages", []):
        if "training" in stage:
            stage["training"] = {"keep": "last", "steps": 2}
    raw["data"] = {**raw["data"], "limit": 40}
    run = labelloom.train(raw, output=workplace / "runs")
    lines = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    losses = [line["tasks"] for line in lines if "tasks" in line]
    assert len(losses) == 2 * max(1, len(raw.get("stages", [])))
    assert all(np.isfinite(list(loss.values())).all() for loss in losses)
    (best, *_), _ = labelloom.load(run.path, device="cpu").predict(["Graphs of words.", ""], top_k=3)
    assert 0 < best.score < 1


def test_the_catalogue_knows_every_spec() -> None:
    known = read_registry().bundles["mix"]
    assert known.specs == sorted(f"mix/{name}" for name in NAMES)
    assert known.components == []
    assert set(NAMES) == PARENTS.keys()


def _tiny(value: Any, bert: str) -> Any:
    """A tiny BERT for every pretrained model, short texts, and word vectors that are read once."""
    if isinstance(value, list):
        return [_tiny(item, bert) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _tiny(item, bert) for key, item in value.items() if key != "sha256"}
    if "pretrained" in made:
        made |= {"pretrained": bert, "max_length": 96}
        if "freeze_layers" in made:
            made["freeze_layers"] = 1
    if "vector_epochs" in made:
        made |= {"vector_epochs": 1, "max_length": 40}
    return made
