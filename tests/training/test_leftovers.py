"""A run that took no step leaves nothing behind; one that did, and whatever was there before, stays."""

from __future__ import annotations

from pathlib import Path

import pytest

import labelloom
from labelloom.errors import NonFiniteLossError, TrainingError
from labelloom.training.leftovers import no_leftovers
from labelloom.training.train import Tracking

from .small import PARTS, Killed, KilledAfter, Said, spec_on


def test_the_same_command_works_after_a_refusal(corpus: Path, tmp_path: Path) -> None:
    """Nothing trains, which the first batch shows."""
    frozen = spec_on(corpus)
    frozen["stages"] = [{"name": "main", "tasks": frozen.pop("tasks"), "freeze": ["model"]}]
    output = tmp_path / "runs"
    with pytest.raises(TrainingError, match="nothing trains in stage 'main'"):
        labelloom.train(frozen, output=output)
    assert not output.exists()
    assert labelloom.train(spec_on(corpus), output=output).path == output / "small" / "0"


def test_a_first_step_that_is_not_finite_leaves_nothing(corpus: Path, tmp_path: Path) -> None:
    """Of a row in every step: all documents are in the first one."""
    spec = spec_on(corpus, tasks=[{"use": f"{PARTS}:Poisoned", "row": 3}], training={"batch_size": 21})
    spec["training"]["metric"] = "loss"
    with pytest.raises(NonFiniteLossError, match="in step 1 of stage 'main'"):
        labelloom.train(spec, output=tmp_path / "runs", allow_local_code=True)
    assert not (tmp_path / "runs").exists()


def test_what_was_there_stays(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes that lie in the folder of a seed, and the finished run of another one."""
    other = labelloom.train(spec_on(corpus), output=tmp_path, seed=1).path
    run = tmp_path / "small" / "0"
    run.mkdir()
    (run / "notes.txt").write_text("a fine day")
    (run / "old").mkdir()
    (run / "old" / "page.txt").write_text("another")

    def refused(*_: object) -> None:
        (run / "events").mkdir()
        (run / "events" / "one").write_text("half")
        raise TrainingError("out of reach")

    with monkeypatch.context() as patch:
        patch.setattr(Tracking, "__init__", refused)
        with pytest.raises(TrainingError, match="out of reach"):
            labelloom.train(spec_on(corpus), output=tmp_path)
    assert sorted(path.relative_to(run).as_posix() for path in run.rglob("*")) == ["notes.txt", "old", "old/page.txt"]
    assert (other / "metrics.json").is_file()
    labelloom.train(spec_on(corpus), output=tmp_path)
    assert (run / "notes.txt").read_text() == "a fine day"


def test_a_run_that_took_a_step_stays_and_goes_on(corpus: Path, tmp_path: Path) -> None:
    """Though no checkpoint was written yet; and what refuses to go on takes nothing away."""
    with pytest.raises(Killed):
        labelloom.train(spec_on(corpus), output=tmp_path, reporter=KilledAfter(1))
    run = tmp_path / "small" / "0"
    assert not (run / "checkpoints").exists()
    before = sorted(run.iterdir())

    class Refused(Said):
        def start(self, stage: str, steps: int, done: int) -> None:
            raise TrainingError("not today")

    with pytest.raises(TrainingError, match="not today"):
        labelloom.resume(run, reporter=Refused())
    assert sorted(run.iterdir()) == before
    assert labelloom.resume(run).scores


def test_a_folder_that_another_run_shares_stays(tmp_path: Path) -> None:
    """It was made here, and somebody else has put something beside meanwhile."""
    folder = tmp_path / "runs" / "small" / "0"

    def half_a_run() -> None:
        folder.mkdir(parents=True)
        (folder / "spec.toml").write_text("")
        (folder.parent / "1").mkdir()
        raise KeyError

    with pytest.raises(KeyError), no_leftovers(folder, lambda: False):
        half_a_run()
    assert [path.name for path in folder.parent.iterdir()] == ["1"]


def test_a_link_is_removed_and_not_what_it_names(tmp_path: Path) -> None:
    folder, kept = tmp_path / "run", tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("")

    def linked() -> None:
        folder.mkdir()
        (folder / "link").symlink_to(kept)
        raise KeyError

    with pytest.raises(KeyError), no_leftovers(folder, lambda: False):
        linked()
    assert (kept / "file").is_file()
    assert not folder.exists()
