"""A validation split that can choose nothing is refused before training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import labelloom
from labelloom.errors import DataError

from .small import spec_on, write_corpus


def test_a_validation_split_without_labels_is_refused_before_training(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    lines = (corpus / "validation.jsonl").read_text().splitlines()
    bare = [json.dumps({**json.loads(line), "labels": []}) for line in lines]
    (corpus / "validation.jsonl").write_text("\n".join(bare) + "\n")
    with pytest.raises(DataError, match="no document of the validation split has a label, so it can choose neither"):
        labelloom.train(spec_on(corpus), output=tmp_path / "runs")
    assert not list((tmp_path / "runs").rglob("history.jsonl"))
