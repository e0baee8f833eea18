"""Every record says the truth: its strings name what is there, and its options are described."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from labelloom.bundles import Catalogue, load_target
from labelloom.components import Component
from labelloom.config import Signature
from labelloom.interfaces import Context, States
from labelloom_lmmtc.config import LabelMaskConfig, LabelMLMConfig, SlotLinearConfig
from labelloom_lmmtc.hooks import labelloom_components
from labelloom_standard.label_linear import LabelLinear

RECORDS = {record.name: record for record in labelloom_components()}
ENCODER, MLM = RECORDS["lmmtc/label-mask-encoder"], RECORDS["lmmtc/label-mlm"]


def test_the_catalogue_finds_the_bundle(catalogue: Catalogue) -> None:
    state = {state.bundle.name: state for state in catalogue.states()}["lmmtc"]
    assert state.state == "ok"
    assert [record.name for record in state.components] == list(RECORDS)


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_names_what_is_there(record: Component) -> None:
    assert load_target(record.target, record.name)
    assert 0 < len(record.summary) <= 100
    if record.config:
        config = load_target(record.config, record.name)
        assert config()
        assert all(field.description for field in config.model_fields.values())
        assert record.stage_options <= set(config.model_fields)


@pytest.mark.parametrize(
    ("options", "gives"),
    [
        ({}, {"tokens", "document", "labels", "lmmtc.slots", "lmmtc.totals"}),
        ({"mask_words": 0.2}, {"tokens", "document", "labels", "lmmtc.slots", "lmmtc.totals", "lmmtc.words"}),
        ({"text_alone": True}, {"tokens", "document"}),
        ({"text_alone": True, "mask_words": 0.2}, {"tokens", "document", "lmmtc.words"}),
    ],
)
def test_the_encoder_gives_what_its_options_say(
    build: Callable[..., Any], read: Callable[..., States], options: dict[str, Any], gives: set[str]
) -> None:
    signature = LabelMaskConfig(**options).signature(ENCODER, {})
    assert signature.gives == gives
    assert signature.needs == (set() if "text_alone" in options else {"given?"})
    encoder = build(**options)
    states = read(encoder, ["a graph"])
    names = {"tokens", "document", "labels", *ENCODER.axes}
    assert {name for name in names if states.get(name) is not None} == gives
    for name in gives - set(ENCODER.axes):
        assert states.get(name).shape[-1] == encoder.widths[name]


@pytest.mark.parametrize(
    ("targets", "needs"),
    [
        ("both", {"lmmtc.slots", "lmmtc.totals?", "lmmtc.words?"}),
        ("labels", {"lmmtc.slots", "lmmtc.totals?"}),
        ("words", {"lmmtc.words"}),
    ],
)
def test_the_masked_language_model_needs_what_it_predicts(targets: Any, needs: set[str]) -> None:
    assert LabelMLMConfig(targets=targets).signature(MLM, {}) == Signature(frozenset(needs), frozenset())


@pytest.mark.parametrize("weights", ["shared", "per-label"])
def test_slots_to_scores_by_hand(
    make_context: Callable[..., Context], make_batch: Callable[..., Any], weights: Any
) -> None:
    """Eq. 3 at the slots: column l of W_l meets slot l, or one column all slots."""
    torch.manual_seed(0)
    part = LabelLinear(SlotLinearConfig(weights=weights), make_context(labels=6)).double().eval()
    slots = torch.randn(3, 5, 6, dtype=torch.float64)
    scores = part(States(labels=slots), make_batch(3)).scores
    for row in range(3):
        for label in range(5):
            column = 0 if weights == "shared" else label
            expected = slots[row, label] @ part.out.weight[column] + part.out.bias[column]
            torch.testing.assert_close(scores[row, label], expected)
    assert part.dropout.p == 0.1


def test_hooks_and_options_import_nothing_heavy() -> None:
    code = (
        "import sys, labelloom_lmmtc.hooks, labelloom_lmmtc.config\n"
        "print([name for name in ('torch', 'transformers', 'datasets', 'accelerate', 'huggingface_hub', 'numpy') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
