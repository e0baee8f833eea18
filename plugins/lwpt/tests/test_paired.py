"""The twins against one row at a time, in float64; what they ask of what they hold, and of the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn

from labelloom.bundles import Catalogue
from labelloom.components import Component
from labelloom.compose.check import check
from labelloom.config import Held, PartSpec, Signature
from labelloom.data.labels import LabelSpace
from labelloom.errors import CompositionError, TrainingError
from labelloom.interfaces import Batch, Context, Encoder, Reader, States, pad
from labelloom.spec import validate_spec
from labelloom_lwpt.config import PairedConfig
from labelloom_lwpt.hooks import labelloom_components
from labelloom_lwpt.paired import Paired

LABELS = LabelSpace(tuple("abcd"), tuple("abcd"))
TEXTS = ["abc", "d", "bbbbb", "ca", "dd"]
TWINS = {"target": {"use": "made/letters"}}


class LetterReader(Reader):
    """Letters as numbers; counts how often it is asked."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.asked = 0

    def tokenize(self, texts: Sequence[str]) -> dict[str, list[Any]]:
        self.asked += 1
        ids = [[ord(letter) - ord("a") for letter in text] for text in texts]
        return {"ids": ids, "length": [len(row) for row in ids]}

    def collate(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        ids, mask = pad([row["ids"] for row in rows])
        return {"ids": ids, "mask": mask}


class Letters(Encoder):
    """A letter's numbers, summed, times a matrix of each label; like a recurrent network it fails without rows."""

    def __init__(self, width: int, key: str = "letters") -> None:
        super().__init__(None, Context("made", {}, LABELS))
        self.reader = LetterReader(key)
        self.embedding = nn.Embedding(4, 3)
        self.by_label = nn.Parameter(torch.randn(len(LABELS), 3, width))
        self.widths = {"labels": width}
        self.rows: list[int] = []

    def forward(self, states: States, batch: Batch) -> States:
        if len(batch) == 0:
            raise RuntimeError("no rows")
        self.rows += batch.rows.tolist()
        summed = (self.embedding(batch.inputs["ids"]) * batch.inputs["mask"][..., None]).sum(1)
        by_label = self.by_label[batch.label_ids].expand(len(batch), -1, -1, -1)
        return states.add(labels=torch.einsum("bh,bchk->bck", summed, by_label))


def make(target: Encoder, candidate: Encoder) -> Paired:
    held = {"target": lambda widths: target, "candidate": lambda widths: candidate}
    return Paired(PairedConfig.model_validate(TWINS), Context("model.encoder", {}, LABELS, {}, held))


def twins(widths: tuple[int, int] = (2, 2)) -> tuple[Paired, Letters, Letters]:
    torch.manual_seed(4)
    target, candidate = (Letters(width).double() for width in widths)
    return make(target, candidate), target, candidate


def batch_of(reader: Reader, roles: Sequence[str] | None = None, ids: Any = None) -> Batch:
    columns = reader.tokenize(TEXTS)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(len(TEXTS))]
    label_ids = torch.arange(4)[None] if ids is None else torch.tensor(ids)
    names = tuple(sorted(set(roles))) if roles else ()
    return Batch(
        inputs=reader.collate(rows),
        rows=torch.arange(len(TEXTS)),
        copies=torch.zeros(len(TEXTS), dtype=torch.int64),
        label_ids=label_ids,
        label_mask=torch.ones_like(label_ids, dtype=torch.bool),
        label_count=4,
        is_anchor=torch.ones(len(TEXTS), dtype=torch.bool),
        every_label=ids is None,
        roles=torch.tensor([names.index(role) for role in roles]) if roles else None,
        role_names=names,
    )


def by_hand(encoder: Letters, text: str, ids: list[int]) -> Tensor:
    """(C, K): one text through one encoder, one number after the other."""
    letters = [encoder.embedding.weight[ord(letter) - ord("a")] for letter in text]
    summed = [sum(letter[place] for letter in letters) for place in range(3)]
    width = encoder.by_label.shape[-1]
    return torch.stack(
        [
            torch.stack([sum(summed[h] * encoder.by_label[label, h, k] for h in range(3)) for k in range(width)])
            for label in ids
        ]
    )


def agree(paired: Paired, batch: Batch, rows: Sequence[Tensor]) -> None:
    """The labels of `batch` are `rows`, and both have the same gradients."""
    labels = cast(Tensor, paired(States(), batch).labels)
    expected = torch.stack(list(rows))
    torch.testing.assert_close(labels, expected, rtol=1e-9, atol=1e-11)
    cotangent = torch.randn(expected.shape, dtype=torch.float64)
    leaves = list(paired.parameters())
    # A weight that its own rows do not reach still has a gradient, of zero.
    fast = torch.autograd.grad(labels, leaves, cotangent)
    slow = torch.autograd.grad(expected, leaves, cotangent, allow_unused=True, materialize_grads=True)
    torch.testing.assert_close(fast, slow, rtol=1e-8, atol=1e-11)


asked = st.sampled_from([None, [[2, 0]], [[0], [3], [1], [1], [2]], [[1, 0], [2, 3], [3, 3], [0, 1], [2, 1]]])


@settings(deadline=None)
@given(roles=st.lists(st.sampled_from(["target", "candidate"]), min_size=5, max_size=5), ids=asked)
def test_each_row_goes_through_the_encoder_of_its_role(roles: list[str], ids: Any) -> None:
    paired, target, candidate = twins()
    batch = batch_of(paired.reader, roles, ids)
    labels = batch.label_ids.expand(5, -1).tolist()
    encoders = {"target": target, "candidate": candidate}
    rows = [by_hand(encoders[role], text, own) for role, text, own in zip(roles, TEXTS, labels, strict=True)]
    agree(paired, batch, rows)
    for role, encoder in encoders.items():
        places = [place for place, own in enumerate(roles) if own == role]
        assert encoder.rows == (places or [0])


@settings(deadline=None)
@given(ids=asked, widths=st.sampled_from([(2, 2), (3, 1)]), roles=st.sampled_from([None, ["anchor", "", "x", "", ""]]))
def test_rows_without_a_role_go_through_both(ids: Any, widths: tuple[int, int], roles: list[str] | None) -> None:
    """Equation 15."""
    paired, target, candidate = twins(widths)
    assert paired.widths == {"labels": sum(widths)}
    batch = batch_of(paired.reader, roles, ids)
    labels = batch.label_ids.expand(5, -1).tolist()
    rows = [
        torch.cat([by_hand(target, text, own), by_hand(candidate, text, own)], -1)
        for text, own in zip(TEXTS, labels, strict=True)
    ]
    agree(paired, batch, rows)


def test_rows_with_and_without_a_role_in_one_batch_are_refused() -> None:
    paired, _, _ = twins()
    with pytest.raises(TrainingError) as told:
        paired(States(), batch_of(paired.reader, ["target", "", "candidate", "negative", "target"]))
    assert str(told.value) == (
        "model.encoder: 3 of 5 rows have the role target or candidate and the others have neither, so that no encoder "
        "is theirs\n    try: a sampler that gives every row one of the two roles, or none of them any"
    )


def test_the_encoders_share_no_weights_and_start_apart() -> None:
    paired, target, candidate = twins()
    names = [f"{role}.{name}" for role in ("target", "candidate") for name in ("by_label", "embedding.weight")]
    assert [name for name, _ in paired.named_parameters()] == names
    assert not torch.equal(target.by_label, candidate.by_label)


# Widths.


def test_widths_follow_the_roles() -> None:
    paired, _, _ = twins()
    assert paired.widths_with(frozenset({"target", "candidate"})) == {"labels": 2}
    assert paired.widths_with(frozenset()) == paired.widths_with(frozenset({"anchor"})) == {"labels": 4}
    paired, _, _ = twins((3, 1))
    assert paired.widths_with(frozenset({"target"})) == {"labels": 3}
    assert paired.widths_with(frozenset({"candidate"})) == {"labels": 1}


def test_twins_of_two_widths_cannot_be_compared() -> None:
    paired, _, _ = twins((3, 1))
    with pytest.raises(ValueError, match="as wide as each other") as told:
        paired.widths_with(frozenset({"target", "candidate"}))
    assert str(told.value) == (
        "its target encoder gives labels of width 3 and its candidate encoder of width 1: to be compared they must be "
        "as wide as each other"
    )


def test_other_roles_beside_its_own_are_refused() -> None:
    paired, _, _ = twins()
    with pytest.raises(ValueError, match="no encoder") as told:
        paired.widths_with(frozenset({"target", "candidate", "negative", "anchor"}))
    assert str(told.value) == (
        "rows with the role anchor, negative have no encoder beside rows with the role target or candidate: give the "
        "samplers stages of their own"
    )


def test_twins_of_twins_are_as_wide_as_their_own_for_the_role() -> None:
    torch.manual_seed(4)
    inner, last = make(Letters(3), Letters(1)), Letters(3)
    outer = make(inner, last)
    assert outer.widths == {"labels": 7}
    assert outer.widths_with(frozenset({"target", "candidate"})) == {"labels": 3}


# The reader.


def test_readers_of_one_key_split_texts_once() -> None:
    same = make(Letters(2), Letters(2))
    inputs = batch_of(same.reader).inputs
    assert inputs["target"]["ids"] is inputs["candidate"]["ids"]
    assert [cast(LetterReader, part.reader).asked for part in (same.target, same.candidate)] == [1, 0]
    two = make(Letters(2), Letters(2, key="others"))
    assert batch_of(two.reader).inputs["target"]["ids"] is not batch_of(two.reader).inputs["candidate"]["ids"]
    assert len({same.reader.key, two.reader.key}) == 2


def test_the_reader_is_that_of_the_encoders_as_they_are_now() -> None:
    paired = make(Letters(2), Letters(2))
    before = paired.reader.key
    paired.candidate.reader = LetterReader("of another stage")
    assert paired.reader.key != before


# Before torch.


def signature(target: Signature, candidate: Signature) -> Signature:
    record = next(record for record in labelloom_components() if record.name == "lwpt/paired")
    assert isinstance(record, Component)
    return PairedConfig.model_validate(TWINS).signature(record, {"target": target, "candidate": candidate})


def of(needs: set[str], **rest: Any) -> Signature:
    return Signature(frozenset(needs), frozenset({"labels", "tokens"}), **rest)


def test_it_gives_labels_alone_and_passes_on_what_its_encoders_read_of_draws() -> None:
    whole = signature(of({"given?", "tokens"}), of({"relation"}))
    assert whole.needs == {"given?", "relation", "role:target?", "role:candidate?"}
    assert whole.gives == {"labels"}
    assert whole.holds == {role: Held(must_give=frozenset({"labels"})) for role in ("target", "candidate")}


def test_one_encoder_on_every_label_makes_it_one() -> None:
    assert signature(of(set()), of(set())).labels == "any"
    assert signature(of(set()), of(set(), labels="all")).labels == "all"


def test_the_candidate_encoder_is_like_the_target_s_unless_told() -> None:
    config = PairedConfig.model_validate({"target": {"use": "made/letters", "width": 3}})
    assert config.candidate == config.target
    assert "candidate" not in PairedConfig.model_json_schema()["required"]
    other = PairedConfig.model_validate({"target": {"use": "made/letters"}, "candidate": {"use": "made/words"}})
    assert other.candidate == PartSpec(use="made/words")
    with pytest.raises(ValidationError, match=r"(?s)target.*Field required"):
        PairedConfig.model_validate({"candidate": {"use": "made/words"}})
    none = PairedConfig.model_validate({**TWINS, "candidate": "none"})
    assert none.candidate is none.target


ASKED = "lwpt/paired needs labels from the part that it holds here, and standard/bilstm gives document, tokens"


@pytest.mark.parametrize(
    ("encoders", "told"),
    [
        ({"target": {"use": "lwpt/lw-lstm", "hidden": 0}}, ["target.hidden: must be more than 0, not 0"]),
        ({"target": {"use": 3}}, ["target.use: must be text in quotes, not 3"]),
        ({"target": {"use": "standard/bilstm"}}, [f"target: {ASKED}"]),
        (
            {"target": {"use": "standard/bilstm"}, "candidate": {"use": "standard/bilstm"}},
            [f"target: {ASKED}", f"candidate: {ASKED}"],
        ),
        (
            {"target": {"use": "lwpt/lw-lstm"}, "candidate": {"use": "lwpt/lw-lstm", "layers": 0}},
            ["candidate.layers: must be more than 0, not 0"],
        ),
        (
            {"target": {"use": "lwpt/lw-lstm"}, "candidate": {"use": "standard/bilstm"}},
            [f"candidate: {ASKED}"],
        ),
    ],
)
def test_a_mistake_is_told_where_it_is_written(encoders: dict[str, Any], told: list[str], catalogue: Catalogue) -> None:
    raw = {
        "name": "twins",
        "data": {"source": "arxiv-mini"},
        "model": {"encoder": {"use": "lwpt/paired", **encoders}, "predictor": {"use": "lwpt/label-wise-mlp"}},
        "tasks": [{"use": "standard/bce"}],
    }
    with pytest.raises(CompositionError) as error:
        check(validate_spec(raw), catalogue=catalogue)
    assert [f"{problem.where}: {problem.message}" for problem in error.value.problems] == [
        f"model.encoder.{each}" for each in told
    ]
