"""Aspects against one encoder after the other, what is read once, and what may be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from labelloom.bundles import Catalogue
from labelloom.compose.check import check
from labelloom.compose.resolved import resolved
from labelloom.config import PartSpec
from labelloom.errors import CompositionError
from labelloom.interfaces import Batch, Context, Encoder, Reader, States, pad
from labelloom.spec import validate_spec
from labelloom_maacf.config import MultiAspectConfig
from labelloom_maacf.multi_aspect import MultiAspect

TEXTS = ["abc", "d", "", "bbbb"]
BILSTM: dict[str, Any] = {"use": "standard/bilstm", "embedding": 4, "hidden": 3}
CNN: dict[str, Any] = {"use": "standard/cnn", "embedding": 4, "filters": 2}


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
    """The sum of a document's letters' vectors; it wants to be alone with its own inputs."""

    def __init__(self, width: int, key: str) -> None:
        super().__init__(None, Context("held", {}, cast(Any, range(6))))
        self.reader = LetterReader(key)
        self.embedding = nn.Embedding(4, width)
        self.widths = {"document": width}

    def forward(self, states: States, batch: Batch) -> States:
        assert states == States()
        assert set(batch.inputs) == {"ids", "mask"}
        letters = self.embedding(batch.inputs["ids"]) * batch.inputs["mask"][..., None]
        return states.add(document=letters.sum(1))


@pytest.fixture
def make_part(make_context: Callable[..., Context]) -> Callable[..., MultiAspect]:
    """Aspects of width 5 of encoders with these widths; those of one key read alike."""

    def make(*widths: int, keys: Sequence[str]) -> MultiAspect:
        torch.manual_seed(3)
        config = MultiAspectConfig(encoders=[PartSpec(use="made/letters")] * len(widths), width=5)
        parts = {
            f"encoders.{place}": lambda _, width=width, key=key: Letters(width, key)
            for place, (width, key) in enumerate(zip(widths, keys, strict=True))
        }
        return MultiAspect(config, make_context(parts=parts)).double()

    return make


@pytest.mark.parametrize("widths", [(3,), (3, 3), (3, 7, 5)])
def test_against_one_encoder_after_the_other(
    make_part: Callable[..., MultiAspect],
    make_batch: Callable[..., Batch],
    agree: Callable[..., None],
    widths: tuple[int, ...],
) -> None:
    part = make_part(*widths, keys=["letters"] * len(widths))
    assert part.widths == {"aspects": (len(widths), 5), "document": 5}
    states = part(States(), make_batch(4, inputs=inputs_of(part)))
    rows = []
    for text in TEXTS:
        views = []
        for encoder, project in zip(part.encoders, part.projections, strict=True):
            document = torch.zeros(encoder.widths["document"], dtype=torch.float64)
            for letter in text:
                document = document + encoder.embedding.weight[ord(letter) - ord("a")]
            views.append(project.weight @ document + project.bias)
        rows.append(torch.stack(views))
    naive = torch.stack(rows)
    agree(states.aspects, naive, list(part.parameters()))
    torch.testing.assert_close(states.document, naive.mean(1))


def inputs_of(part: MultiAspect) -> Mapping[str, Any]:
    reader = part.reader
    columns = reader.tokenize(TEXTS)
    rows = [{name: values[place] for name, values in columns.items()} for place in range(len(TEXTS))]
    return reader.collate(rows)


def test_encoders_that_read_alike_read_once_and_have_weights_of_their_own(
    make_part: Callable[..., MultiAspect],
) -> None:
    part = make_part(3, 3, 3, keys=["letters", "letters", "others"])
    inputs = inputs_of(part)
    assert [encoder.reader.asked for encoder in part.encoders] == [1, 0, 1]
    assert inputs["0"]["ids"] is inputs["1"]["ids"]
    assert not torch.equal(part.encoders[0].embedding.weight, part.encoders[1].embedding.weight)


@pytest.mark.parametrize(
    ("options", "uses"),
    [
        ({"encoder": {"use": "a/b"}}, ["a/b"] * 2),
        ({"encoder": {"use": "a/b"}, "n": 3}, ["a/b"] * 3),
        ({"encoder": {"use": "a/b"}, "n": 1}, ["a/b"]),
        ({"encoders": [{"use": "a/b"}, {"use": "c/d"}]}, ["a/b", "c/d"]),
        ({"encoders": [{"use": "a/b"}], "encoder": "none", "n": "none"}, ["a/b"]),
    ],
)
def test_encoders_of_one_kind_or_of_several(options: dict[str, Any], uses: list[str]) -> None:
    config = MultiAspectConfig.model_validate(options)
    assert [encoder.use for encoder in config.encoders] == uses
    assert (config.encoder, config.n) == (None, None)
    assert MultiAspectConfig.model_validate(config.model_dump()) == config


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "it has no encoder: name one as encoder, for n aspects, or one an aspect as encoders"),
        (
            {"encoder": {"use": "a/b"}, "n": 2, "encoders": [{"use": "a/b"}]},
            "encoders names one an aspect, beside which nothing is left to say of others: remove encoder and n, or say "
            'encoder = "none" and n = "none" where the spec extends another',
        ),
        ({"encoder": {"use": "a/b"}, "n": 0}, "greater than 0"),
    ],
)
def test_what_contradicts_itself_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as error:
        MultiAspectConfig.model_validate(options)
    assert told in str(error.value)


def spec_of(encoder: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "aspects",
        "data": {"source": "arxiv-mini"},
        "model": {"encoder": {"use": "maacf/multi-aspect", **encoder}, "predictor": {"use": "standard/linear"}},
        "tasks": [{"use": "standard/bce"}],
    }


def test_every_aspect_has_a_path_of_its_own(catalogue: Catalogue) -> None:
    raw = spec_of({"encoder": BILSTM}) | {"training": {"rates": {"model.encoder.encoders.1": 1e-4}}}
    plan = check(validate_spec(raw), catalogue=catalogue)
    assert list(plan.model.encoder.held) == ["encoders.0", "encoders.1"]
    kept = resolved(plan)
    assert resolved(check(kept, catalogue=catalogue)) == kept


def test_what_is_wrong_with_an_encoder_is_told_once(catalogue: Catalogue) -> None:
    with pytest.raises(CompositionError) as error:
        check(validate_spec(spec_of({"encoder": {**BILSTM, "hiden": 3}, "n": 3})), catalogue=catalogue)
    assert [problem.where for problem in error.value.problems] == ["model.encoder.encoders.0.hiden"]


def test_an_encoder_without_a_document_is_told_once(catalogue: Catalogue, tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text(
        "from labelloom import Component, Encoder\n"
        "class Words(Encoder):\n"
        '    component = Component(kind="encoder", gives={"tokens"})\n'
    )
    words = {"use": "./words.py:Words"}
    for encoder, places in (
        ({"encoder": words}, [0]),
        ({"encoders": [BILSTM, words, words]}, [1, 2]),
        ({"encoders": [words, BILSTM]}, [0]),
    ):
        with pytest.raises(CompositionError) as error:
            check(validate_spec(spec_of(encoder)), tmp_path, catalogue, allow_local_code=True)
        assert [problem.where for problem in error.value.problems] == [
            f"model.encoder.encoders.{place}" for place in places
        ]
        assert "maacf/multi-aspect needs document from the part that it holds here" in str(error.value)


def test_aspects_of_two_kinds_check(catalogue: Catalogue) -> None:
    plan = check(validate_spec(spec_of({"encoders": [BILSTM, CNN]})), catalogue=catalogue)
    assert plan.model.encoder.signature.gives == {"aspects", "document"}
