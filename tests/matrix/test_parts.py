"""Whatever is installed takes part, in every form that specs show, and in every order that makes a difference."""

from __future__ import annotations

import sys
from itertools import permutations
from pathlib import Path

import pytest

from labelloom.bundles import Catalogue
from labelloom.compose.flow import Flow, live_paths
from labelloom.testing.matrix import Parts, chains, encoders, way

HOOKS = """
from labelloom import Component, hookimpl

@hookimpl
def labelloom_components():
    return [
        Component(kind="label_module", name="loom/sharpen", target="bundle_loom.parts:Sharpen",
                  needs={"tokens", "labels"}, gives={"labels"}),
    ]
"""


@pytest.fixture
def enlarged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """All that is installed, and a bundle that nobody has heard of."""
    (tmp_path / "bundle_loom").mkdir()
    (tmp_path / "bundle_loom" / "__init__.py").touch()
    (tmp_path / "bundle_loom" / "hooks.py").write_text(HOOKS)
    info = tmp_path / "labelloom_loom-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[labelloom.bundles]\nloom = bundle_loom.hooks\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return Parts(Catalogue([str(tmp_path), *sys.path]))


def test_a_new_bundle_joins_by_itself(enlarged: Parts) -> None:
    found = way(enlarged, enlarged.forms_of("standard/bilstm")[0], "loom/sharpen")
    assert found is not None
    assert [form.name for form in found.between] == ["standard/label-attention"]
    assert way(enlarged, enlarged.forms_of("lwpt/lw-lstm")[0], "loom/sharpen").between == ()


def test_options_that_change_what_a_component_needs_are_forms_of_it(parts: Parts) -> None:
    forms = [form.options for form in parts.forms_of("maacf/ncf")]
    assert {} in forms
    assert {"text": "labels", "label": "label_table"} in forms
    assert [form.options for form in parts.forms_of("standard/bce")] == [{}]
    assert [form.options for form in parts.forms_of("lwpt/label-wise-mlp")] == [{}, {"form": "diagonal"}]


def test_chains_are_those_of_a_search_through_all_orders(parts: Parts) -> None:
    """Of up to three modules: the same sets of who reads what of whom, each once, with no module that nobody reads."""
    encoder = parts.forms_of("standard/bilstm")[0]
    start = Flow().run([encoder.node])
    modules = parts.forms("label_module")

    def wiring(flow: Flow, chain: tuple) -> object:
        used = {path: {name: node.path for name, node in taken.items()} for path, taken in flow.uses.items()}
        return (
            str(sorted((path, sorted(taken.items())) for path, taken in used.items())),
            str(sorted((name, node.path) for name, node in flow.given_by.items())),
            frozenset((form.name, form.number) for form in chain),
        )

    expected = set()
    for count in range(4):
        for chain in permutations(modules, count):
            flow = start.copy()
            for form in chain:
                flow.run([form.node])
            fits = not flow.blocked and len({form.name for form in chain}) == count
            if fits and {form.node.path for form in chain} <= live_paths(flow, flow.given_by):
                expected.add(wiring(flow, chain))
    found = [wiring(flow, chain) for chain, flow in chains(parts, start, 3)]
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_an_encoder_that_holds_others_is_told_with_what_it_holds(parts: Parts) -> None:
    plain, held = encoders(parts, 1)
    assert all(not form.node.held for form in plain)
    assert {form.name for form in held} == {each.name for each in parts.holders("encoder")}
    assert all(form.node.held for form in held)
