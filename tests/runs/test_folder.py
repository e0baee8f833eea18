"""The run folder: what is in it, what may not be overwritten, and that every file in it is whole."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import labelloom
from labelloom.errors import DataError, RunError
from labelloom.runs.folder import RunFolder, replace_file, write_json

from ..training.small import Killed, KilledAfter, assert_equal_runs, spec_on

KINDS = {".toml", ".json", ".jsonl", ".parquet", ".safetensors"}


def unfinished(corpus: Path, output: Path, steps: int = 4) -> Path:
    with pytest.raises(Killed):
        labelloom.train(spec_on(corpus), output=output, reporter=KilledAfter(steps))
    return output / "small" / "0"


def files(run: Path) -> set[str]:
    return {str(file.relative_to(run)) for file in run.rglob("*") if file.is_file()}


def test_what_a_finished_run_holds(run: Path) -> None:
    assert files(run) == {
        "assets/arrays.safetensors",
        "assets/values.json",
        "decision.json",
        "history.jsonl",
        "labels.json",
        "metrics.json",
        "model.safetensors",
        "predictions.parquet",
        "spec.toml",
    }
    assert not (run / "checkpoints").exists()


def test_an_unfinished_run_holds_nothing_that_runs_code(corpus: Path, tmp_path: Path) -> None:
    found = files(unfinished(corpus, tmp_path))
    assert {Path(name).suffix for name in found} <= KINDS
    assert {name for name in found if name.startswith("checkpoints")} == {
        "checkpoints/000-000000003/optimiser.safetensors",
        "checkpoints/000-000000003/progress.json",
        "checkpoints/000-000000003/weights.safetensors",
        "checkpoints/best-000-000000003.safetensors",
    }


@pytest.mark.parametrize(("finished", "command"), [(True, "evaluate"), (False, "train --resume")])
def test_a_run_is_never_overwritten(finished: bool, command: str, corpus: Path, tmp_path: Path) -> None:
    run = labelloom.train(spec_on(corpus), output=tmp_path).path if finished else unfinished(corpus, tmp_path)
    before = {name: (run / name).read_bytes() for name in files(run)}

    with pytest.raises(RunError) as error:
        labelloom.train(spec_on(corpus, training={"epochs": 1}), output=tmp_path)

    assert str(error.value).splitlines() == [
        f"{run}: this run is there already and of another spec, which differs in training.epochs; runs are never "
        "overwritten",
        "    try: --seed, --output or --set name=... for a new one",
        f"    try: labelloom {command} {run}",
    ]
    assert {name: (run / name).read_bytes() for name in files(run)} == before


def test_what_cannot_begin_leaves_no_run_behind(corpus: Path, tmp_path: Path) -> None:
    """The user mends the data and tries again, without another name or `--resume`."""
    broken = tmp_path / "broken"
    shutil.copytree(corpus, broken)
    (broken / "train.jsonl").write_text("no JSON\n")
    with pytest.raises(DataError):
        labelloom.train(spec_on(broken), output=tmp_path)
    shutil.copy(corpus / "train.jsonl", broken)

    assert labelloom.train(spec_on(broken), output=tmp_path).path == tmp_path / "small" / "0"


class Renames:
    """Counts the renames of files and folders, and ends the process, as it were, before the n-th."""

    def __init__(self, fatal: int = 0) -> None:
        self.fatal = fatal
        self.names: list[str] = []
        self._rename = os.replace  # what Path.replace calls too

    def __call__(self, source: Any, target: Any) -> None:
        self.names.append(Path(target).name)
        if len(self.names) == self.fatal:
            raise Killed
        self._rename(source, target)


def trained(spec: dict[str, Any], output: Path, renames: Renames) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", renames)
        return labelloom.train(spec, output=output).path


def test_a_crash_at_any_rename_leaves_a_state_to_go_on_from(corpus: Path, tmp_path: Path) -> None:
    spec = spec_on(corpus, training={"epochs": 1, "evaluate_every": 2})
    counted = Renames()
    whole = trained(spec, tmp_path / "whole", counted)
    before = ["labels.json", "assets", "spec.toml"]
    assert counted.names[:3] == before
    assert {"000-000000002", "best-000-000000002.safetensors", "001-000000000"} <= set(counted.names)
    assert counted.names[-4:] == ["model.safetensors", "decision.json", "predictions.parquet", "metrics.json"]

    for fatal in range(1, len(counted.names) + 1):
        output = tmp_path / str(fatal)
        with pytest.raises(Killed):
            trained(spec, output, Renames(fatal))
        if fatal <= len(before):  # there is no run yet
            labelloom.train(spec, output=output)
        else:
            labelloom.resume(output / "small" / "0")
        assert_equal_runs(output / "small" / "0", whole)
        assert files(output / "small" / "0") == files(whole)


def test_a_folder_that_is_not_there(run: Path) -> None:
    with pytest.raises(RunError) as error:
        labelloom.load(run.with_name("7"))
    assert str(error.value).splitlines() == [f"{run.with_name('7')}: there is no such folder", f"    try: {run}"]


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for action in (labelloom.resume, labelloom.load):
        with pytest.raises(RunError) as error:
            action(tmp_path / "elsewhere")
        assert str(error.value).splitlines() == [
            f"{tmp_path / 'elsewhere'}: this folder is no run: it has no spec.toml",
            "    try: name the folder of one seed, such as runs/my-model/0",
        ]


def test_an_unfinished_run_cannot_be_loaded(corpus: Path, tmp_path: Path) -> None:
    run = unfinished(corpus, tmp_path)
    with pytest.raises(RunError) as error:
        labelloom.load(run)
    assert str(error.value).splitlines() == [
        f"{run}: this run has no model.safetensors: its training has not ended",
        f"    try: labelloom train --resume {run}",
    ]


def test_a_run_that_lacks_only_its_scores_is_not_finished(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "0"
    shutil.copytree(run, copy)
    (copy / "metrics.json").unlink()
    assert not RunFolder(copy).finished
    with pytest.raises(RunError, match=r"this run has no metrics\.json: its training has not ended"):
        RunFolder(copy).read_metrics()


def test_weights_of_another_model_are_refused(run: Path, corpus: Path, tmp_path: Path) -> None:
    other = spec_on(corpus)
    other["model"]["encoder"]["hidden"] = 4
    wrong = labelloom.train(other, output=tmp_path).path
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    shutil.copy(wrong / "model.safetensors", copy)

    with pytest.raises(RunError) as error:
        labelloom.load(copy)

    first, *rest = str(error.value).splitlines()
    assert first.startswith(f"{copy / 'model.safetensors'}: the weights do not fit the run's spec:")
    assert "size mismatch" in str(error.value)
    assert rest[-1] == "    try: use the versions of labelloom and its bundles that saved the run"


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\xff" * 64])
def test_weights_that_cannot_be_read_are_refused(content: bytes, run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "0"
    shutil.copytree(run, copy)
    (copy / "model.safetensors").write_bytes(content)
    with pytest.raises(RunError, match="the weights do not fit the run's spec"):
        labelloom.load(copy)


def test_a_checkpoint_that_cannot_be_read_is_refused(corpus: Path, tmp_path: Path) -> None:
    run = unfinished(corpus, tmp_path)
    checkpoint = run / "checkpoints" / "000-000000003"
    (checkpoint / "progress.json").write_text('{"stage": 0, "other": 1}')
    with pytest.raises(RunError) as error:
        labelloom.resume(run)
    assert str(error.value).startswith(f"{checkpoint}: the checkpoint cannot be read: ")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "below" / "metrics.json"
    write_json(file, {"ü": 0.1})
    assert file.read_text(encoding="utf-8") == '{\n "ü": 0.1\n}\n'

    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        write_json(file, {"loss": float("nan")})

    def half(beside: Path) -> None:
        beside.write_text("{")
        raise Killed

    with pytest.raises(Killed):
        replace_file(file, half)
    assert json.loads(file.read_text(encoding="utf-8")) == {"ü": 0.1}


def test_a_source_named_from_the_current_folder_is_found_from_any_other(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(corpus.parent)
    spec = spec_on(Path(corpus.name), training={"steps": 1})
    run = labelloom.train(spec, output=tmp_path).path
    assert f'source = "{corpus}"' in (run / "spec.toml").read_text()
