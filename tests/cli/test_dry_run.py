"""`labelloom check --dry-run`: sizes, shapes and costs of a step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from .conftest import TOPICS, lines

SET = "--set"


def test_parameters_shapes_and_losses(answer: Callable[..., Any], corpus: Path) -> None:
    told = answer("check", "tiny/words", SET, f"data.source={corpus}", "--dry-run", "--documents", 5, "--json")
    words = len({word for text in TOPICS.values() for word in text.split()} | {"the", "a", "of", "and"})
    dry = told["dry_run"]
    assert told["ok"]
    assert dry["documents"] == {"train": 200, "validation": 60, "test": 50}
    assert dry["labels"] == 5
    assert {part["path"]: part["parameters"] for part in dry["parts"]} == {
        "model.encoder": words * 16,
        "model.predictor": 5 * 17,
        "tasks.bce": 0,
    }
    assert dry["parameters"] == words * 16 + 5 * 17
    (stage,) = dry["stages"]
    assert (stage["name"], stage["rows"], stage["trained"]) == ("main", 5, dry["parameters"])
    encoder, predictor = stage["shapes"]
    longest = encoder["fields"]["token_mask"].split(", ")[1]
    assert encoder["fields"] == {
        "tokens": f"(5, {longest.rstrip(')')}, 16)",
        "token_mask": f"(5, {longest}",
        "document": "(5, 16)",
    }
    assert predictor == {"path": "model.predictor", "fields": {"scores": "(5, 5)"}}
    assert 0.1 < stage["losses"]["bce"] < 5
    assert stage["unreached"] == []
    assert stage["seconds"] > 0
    assert stage["memory"] > 2**20
    assert dry["ranked"] == 5


def test_held_parts_samplers_frozen_parts_and_stages(answer: Callable[..., Any], folder: Path, corpus: Path) -> None:
    (folder / "staged.toml").write_text(f"""
name = "staged"
data = {{ source = "{corpus}" }}
training = {{ batch_size = 4 }}
[model]
encoder = {{ use = "tiny/outer", encoder = {{ use = "tiny/bag" }} }}
label_modules = [{{ use = "tiny/table" }}, {{ use = "tiny/attention" }}]
predictor = {{ use = "tiny/label-linear" }}
[[stages]]
name = "first"
tasks = [{{ use = "tiny/norm" }}]
options = {{ "model.encoder" = {{}} }}
[[stages]]
name = "second"
samplers = [{{ use = "tiny/negatives" }}]
tasks = [{{ use = "tiny/bce" }}, {{ use = "tiny/table-norm" }}]
freeze = ["model.encoder"]
""")
    first, second = answer("check", "staged.toml", "--dry-run", "--json")["dry_run"]["stages"]
    assert [part["path"] for part in first["shapes"]] == ["model.encoder.encoder", "model.encoder"]
    assert {part["path"]: part["fields"] for part in second["shapes"]}["model.label_modules.0"] == {
        "label_table": "a function of label ids"
    }
    rows, candidates, width = json.loads(second["shapes"][3]["fields"]["labels"].replace("(", "[").replace(")", "]"))
    assert (rows, width) == (8, 16)
    assert candidates <= 5
    assert second["trained"] == 5 * 16 + 5 * 16 + 17


def test_a_field_that_is_a_mixture_is_not_made_to_tell_its_shape(
    answer: Callable[..., Any], folder: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "mixed.toml").write_text(f"""
name = "mixed"
data = {{ source = "{corpus}" }}
tasks = [{{ use = "standard/bce" }}]
[model]
encoder = {{ use = "maacf/multi-aspect", width = 6, encoder = {{ use = "standard/cnn" }} }}
label_modules = [{{ use = "standard/label-table" }}, {{ use = "maacf/label-groups" }}, {{ use = "maacf/co-attention" }}]
predictor = {{ use = "maacf/ncf" }}
""")

    def refuse(*_: Any) -> None:
        raise AssertionError("the sum is made, for which no part asks")

    monkeypatch.setattr("labelloom.interfaces.mixture.added", refuse)
    (stage,) = answer("check", "mixed.toml", "--dry-run", "--documents", 4, "--json")["dry_run"]["stages"]
    fields = {part["path"]: part["fields"] for part in stage["shapes"]}
    assert fields["model.label_modules.1"] == {"labels": "(4, 5, 6)"}
    assert fields["model.label_modules.2"] == {"maacf.text": "(4, 5, 6)"}


def test_a_weight_that_no_loss_reaches_is_warned_of(labelloom_: Callable[..., Result], corpus: Path) -> None:
    arguments = ["check", "tiny/words", SET, f"data.source={corpus}", SET, "model.encoder.spare=true", "--dry-run"]
    result = labelloom_(*arguments)
    assert result.exit_code == 0, result.output
    told = lines(result.stdout)
    warning = "warning: no loss of this stage reaches model.encoder.spare: these weights will not train"
    assert warning in told
    assert "corpus: train 200, validation 60, test 50 documents, 5 labels" in told
    assert any(line.startswith("model.encoder tokens (8, ") for line in told)
    assert any("parameters train; a step of 8 documents takes" in line for line in told)


def test_what_was_noticed_in_the_corpus_is_said(labelloom_: Callable[..., Result], corpus: Path) -> None:
    result = labelloom_("check", "tiny/words", SET, f"data.source={corpus / 'train.jsonl'}", "--dry-run")
    assert "  validation: 20 documents cut from train" in result.stdout


@pytest.mark.parametrize("as_json", [False, True])
def test_a_corpus_that_is_not_there(labelloom_: Callable[..., Result], as_json: bool) -> None:
    result = labelloom_("check", "tiny/words", "--dry-run", *["--json"] * as_json)
    assert result.exit_code == 1
    if as_json:
        assert json.loads(result.stdout)["errors"][0]["where"] == "data.source"
    else:
        assert result.stderr.startswith("data.source: no file or folder 'documents.jsonl'")
