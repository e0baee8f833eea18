from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from labelloom.bundles import Catalogue
from labelloom.components import Component
from labelloom.compose.check import check
from labelloom.config import Held, Signature
from labelloom.errors import CompositionError
from labelloom.interfaces import Batch, Context, Encoder, LabelModule, States
from labelloom.spec import validate_spec
from labelloom_standard.bilstm import BiLSTM
from labelloom_standard.chain import Chain
from labelloom_standard.config import (
    BiLSTMConfig,
    ChainConfig,
    LabelAttentionConfig,
    LabelQueryConfig,
    LabelTableConfig,
)
from labelloom_standard.label_attention import LabelAttention
from labelloom_standard.label_query import LabelQuery
from labelloom_standard.label_table import LabelTable

TEXTS = ["a graph of words", "", "network"]
BILSTM = {"use": "standard/bilstm"}
ATTENTION = {"use": "standard/label-attention"}
TABLE = {"use": "standard/label-table"}
QUERY = {"use": "standard/label-query"}


@pytest.fixture
def makers(make_context: Callable[..., Context]) -> dict[str, Callable[..., Any]]:
    """Makers of a BiLSTM, a table and a query, each told the widths that are there."""

    def encoder(widths: Any) -> BiLSTM:
        assert widths == {}
        config = BiLSTMConfig(embedding=4, hidden=3)
        return BiLSTM(config, make_context({"words": ["a", "graph", "of", "words", "network"]}))

    return {
        "encoder": encoder,
        "label_modules.0": lambda widths: LabelTable(LabelTableConfig(width=5), make_context(**widths)),
        "label_modules.1": lambda widths: LabelQuery(LabelQueryConfig(width=4), make_context(**widths)),
    }


def test_a_chain_is_its_parts_one_after_the_other(
    makers: Any, make_context: Any, make_batch: Callable[..., Batch], read: Any
) -> None:
    config = ChainConfig(encoder=BILSTM, label_modules=[TABLE, QUERY])
    chain = Chain(config, make_context(parts=makers)).eval()
    assert chain.widths == {"tokens": 6, "document": 6, "label_table": 5, "labels": 4}
    assert chain.reader is chain.encoder.reader
    states = read(chain, TEXTS)
    inputs = chain.reader.collate([{"ids": ids} for ids in chain.reader.tokenize(TEXTS)["ids"]])
    batch = make_batch(3, inputs)
    by_hand: Any = chain.encoder(States(), batch)
    for module in chain.label_modules:
        by_hand = module(by_hand, batch)
    assert torch.equal(states.labels, by_hand.labels)
    assert torch.equal(states.tokens, by_hand.tokens)
    assert set(chain.state_dict()) == {
        *(f"encoder.{name}" for name in chain.encoder.state_dict()),
        *(f"label_modules.0.{name}" for name in chain.label_modules[0].state_dict()),
        *(f"label_modules.1.{name}" for name in chain.label_modules[1].state_dict()),
    }


def test_widths_follow_the_roles_of_the_rows(make_context: Any) -> None:
    class TwoWidths(Encoder):
        reader = None  # type: ignore[assignment]

        def widths_with(self, roles: frozenset[str]) -> dict[str, int]:
            return {"tokens": 8 if roles else 6}

    encoder = TwoWidths(None, make_context())
    encoder.widths = {"tokens": 6}
    parts = {
        "encoder": lambda widths: encoder,
        "label_modules.0": lambda widths: LabelAttention(LabelAttentionConfig(), make_context(**widths)),
    }
    chain = Chain(ChainConfig(encoder=BILSTM, label_modules=[ATTENTION]), make_context(parts=parts))
    assert chain.widths == {"tokens": 6, "labels": 6}
    assert chain.widths_with(frozenset({"target"})) == {"tokens": 8, "labels": 6}


def signature(*parts: Signature) -> Signature:
    """Of a chain of an encoder and label modules with these signatures."""
    config = ChainConfig(encoder=BILSTM, label_modules=[ATTENTION] * (len(parts) - 1))
    paths = ["encoder", *(f"label_modules.{place}" for place in range(len(parts) - 1))]
    return config.signature(Component("encoder"), dict(zip(paths, parts, strict=True)))


def of(needs: set[str], gives: set[str], **rest: Any) -> Signature:
    return Signature(frozenset(needs), frozenset(gives), **rest)


def test_each_part_is_fed_what_those_before_it_gave() -> None:
    whole = signature(
        of(set(), {"tokens", "document"}),
        of({"tokens?"}, {"label_table"}),
        of({"tokens", "label_table"}, {"labels", "mine.gate"}, axes={"mine.gate": "BC"}),
    )
    assert whole.needs == set()
    assert whole.gives == {"tokens", "document", "label_table", "labels", "mine.gate"}
    assert whole.axes == {"mine.gate": "BC"}
    assert whole.labels == "any"
    assert whole.holds == {
        "encoder": Held(),
        "label_modules.0": Held(fed=frozenset({"tokens", "document"})),
        "label_modules.1": Held(fed=frozenset({"tokens", "document", "label_table"})),
    }


def test_draws_come_from_outside_and_one_part_on_every_label_makes_all() -> None:
    whole = signature(of({"given?"}, {"tokens"}, labels="all"), of({"tokens", "role:target", "labels?"}, {"labels"}))
    assert whole.needs == {"given?", "role:target"}
    assert whole.labels == "all"


def spec(encoder: dict[str, Any], predictor: str = "standard/label-linear") -> Any:
    return validate_spec(
        {
            "name": "made",
            "data": {"source": "arxiv-mini"},
            "model": {"encoder": encoder, "predictor": {"use": predictor}},
            "tasks": [{"use": "standard/bce"}],
        }
    )


def test_a_chain_checks_and_nests(catalogue: Catalogue) -> None:
    inner = {"use": "standard/chain", "encoder": BILSTM, "label_modules": [TABLE]}
    outer = {"use": "standard/chain", "encoder": inner, "label_modules": [QUERY]}
    plan = check(spec(outer), catalogue=catalogue)
    assert plan.model.encoder.signature.gives == {"tokens", "document", "label_table", "labels"}


def test_a_part_that_lacks_something_is_told_at_its_own_place(catalogue: Catalogue) -> None:
    encoder = {"use": "standard/chain", "encoder": BILSTM, "label_modules": [ATTENTION, QUERY]}
    with pytest.raises(CompositionError) as told:
        check(spec(encoder), catalogue=catalogue)
    assert (
        "model.encoder.label_modules.1: standard/label-query needs label_table; inside standard/chain is document, "
        "labels, tokens"
    ) in str(told.value)


def test_a_chain_without_label_modules_is_refused(catalogue: Catalogue) -> None:
    with pytest.raises(CompositionError, match=r"model\.encoder\.label_modules: must have at least 1 item"):
        check(spec({"use": "standard/chain", "encoder": BILSTM, "label_modules": []}), catalogue=catalogue)


def test_a_label_module_is_no_encoder(catalogue: Catalogue) -> None:
    with pytest.raises(CompositionError, match="standard/label-table is a label module; an encoder is expected here"):
        check(spec({"use": "standard/chain", "encoder": TABLE, "label_modules": [QUERY]}), catalogue=catalogue)


def test_all_held_parts_are_parts(makers: Any, make_context: Any) -> None:
    chain = Chain(ChainConfig(encoder=BILSTM, label_modules=[TABLE, QUERY]), make_context(parts=makers))
    assert isinstance(chain.encoder, Encoder)
    assert all(isinstance(module, LabelModule) for module in chain.label_modules)
