"""Two processes at half the batch equal one, to rounding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import labelloom
from labelloom.errors import TrainingError
from labelloom.training.processes import process_state

from .small import (
    PARTS,
    assert_close,
    events_of,
    metrics_of,
    sparse_table,
    spec_on,
    two_stages,
    without_dropout,
    write_corpus,
)


@pytest.fixture(scope="module")
def specs(workplace: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """17 documents in batches of 8 leave one for the last step, so one process has none there."""
    corpus = write_corpus(tmp_path_factory.mktemp("processes") / "seventeen", train=17)
    plain = spec_on(corpus, name="plain", training={"epochs": 3, "clip_norm": 0.5, "average": "ema"})
    tasks: list[dict[str, Any]] = [{"use": "standard/bce"}, {"use": f"{PARTS}:Cardinality", "weight": 0.3}]
    settings = {"accumulation": 3, "metric": "loss.cardinality"}
    several = spec_on(corpus, name="several", tasks=tasks, training=settings)
    stages = {**two_stages(corpus, accumulation=2, clip_norm="none", patience=1), "name": "stages"}
    sparse = sparse_table(corpus, name="sparse", training={"clip_norm": 0.5})
    return [without_dropout(spec) for spec in (plain, several, stages, sparse)]


def timed(spec: dict[str, Any]) -> dict[str, Any]:
    """The same for two seconds."""
    return {**spec, "training": {**spec["training"], "epochs": 100_000, "time_budget": "2s"}}


@pytest.fixture(scope="module")
def alone(specs: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    for spec in specs:
        labelloom.train(spec, output=folder, allow_local_code=True)
    return folder


@pytest.fixture(scope="module")
def together(specs: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes trained the specs, then one of them again, then one that they did not end."""
    folder = tmp_path_factory.mktemp("together")
    orders: list[dict[str, Any]] = [
        {"spec": spec, "output": str(folder), "interrupt": None} for spec in [*specs, specs[0]]
    ]
    orders[0]["trackers"] = ["tensorboard"]
    orders.append({"spec": specs[0], "output": str(folder / "interrupted"), "interrupt": 5})
    orders.append({"spec": timed(specs[0]), "output": str(folder / "timed"), "interrupt": None})
    (folder / "orders.json").write_text(json.dumps(orders))
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--local_addr", "127.0.0.1"),
        *("--nproc_per_node", "2", str(Path(__file__).with_name("launched.py")), str(folder / "orders.json")),
    ]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}) as launcher:
        try:
            assert launcher.wait(timeout=240) == 0
        finally:
            launcher.terminate()  # and with it the processes that it started
    return folder


@pytest.mark.parametrize("name", ["plain", "several", "stages", "sparse"])
def test_the_weights_are_the_same_to_rounding(name: str, alone: Path, together: Path) -> None:
    assert_close(together / name / "0" / "model.safetensors", alone / name / "0" / "model.safetensors")


@pytest.mark.parametrize("name", ["plain", "several", "stages", "sparse"])
def test_each_event_is_written_once_with_the_same_numbers(name: str, alone: Path, together: Path) -> None:
    one, two = events_of(alone / name / "0"), events_of(together / name / "0")
    assert [(event["stage"], event["step"]) for event in two] == [(event["stage"], event["step"]) for event in one]
    for here, there in zip(one, two, strict=True):
        if "loss" in here:
            assert there["loss"] == pytest.approx(here["loss"], rel=1e-4)
            assert there["tasks"] == pytest.approx(here["tasks"], rel=1e-4, abs=1e-6)
        else:
            assert there["validation"] == pytest.approx(here["validation"], rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("name", ["plain", "several", "stages", "sparse"])
def test_the_scores_are_the_same_and_known_to_every_process(name: str, alone: Path, together: Path) -> None:
    one, two = metrics_of(alone / name / "0"), metrics_of(together / name / "0")
    assert two["test"] == pytest.approx(one["test"], abs=1e-3)
    place = ["plain", "several", "stages", "sparse"].index(name)
    told = [json.loads((together / f"{place}-{rank}.json").read_text()) for rank in (0, 1)]
    assert told[0] == told[1] == {"path": str(together / name / "0"), "scores": two["test"]}


def test_every_process_is_told_that_a_run_is_there_already(together: Path) -> None:
    for rank in (0, 1):
        error = json.loads((together / f"4-{rank}.json").read_text())["error"]
        assert "this run is there already, and runs are never overwritten" in error


def test_ctrl_c_in_one_process_ends_all_after_the_same_step(alone: Path, together: Path) -> None:
    run = together / "interrupted" / "plain" / "0"
    for rank in (0, 1):
        error = json.loads((together / f"5-{rank}.json").read_text())["error"]
        assert error.startswith(f"{run}: interrupted after step 5 of stage 'main'")

    labelloom.resume(run)

    assert_close(run / "model.safetensors", alone / "plain" / "0" / "model.safetensors")


def test_one_process_alone_writes_to_trackers(together: Path) -> None:
    files = [file for file in (together / "plain" / "0" / "tensorboard").iterdir() if file.is_file()]
    assert len(files) == 1


def test_a_time_budget_ends_all_processes_after_the_same_step(together: Path) -> None:
    """The clocks of processes differ, their schedules must not, or one would wait for the other for ever."""
    told = [json.loads((together / f"6-{rank}.json").read_text()) for rank in (0, 1)]
    assert told[0] == told[1]
    steps = metrics_of(together / "timed" / "plain" / "0")["steps"]["main"]
    events = events_of(together / "timed" / "plain" / "0")
    assert [event["step"] for event in events if "loss" in event] == list(range(1, steps + 1))


def test_processes_that_do_not_find_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has long found out that it is alone, whatever its environment says later."""
    process_state()
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError) as error:
        process_state()
    assert str(error.value).splitlines()[0] == "2 processes were started, but they do not find together: 1 trains alone"
