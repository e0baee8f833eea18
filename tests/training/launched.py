"""Trains specs one after the other: what `torchrun` starts in several processes.

The argument is a file of JSON: a list of {"spec": ..., "output": ..., "interrupt": ...}. `interrupt` is null, or the
step (from 1) in which the last process alone gets a SIGINT; there may be "trackers", too. Each process leaves what it
got back, or the error, beside the file, in `<place>-<rank>.json`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from labelloom import Batch, LabelloomError, Targets, train
from labelloom.training.feed import Feed

RANK, WORLD = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
STEP = Feed.step


def interrupt_in(interrupted: int | None) -> None:
    def interrupted_step(feed: Feed, step: int) -> Iterator[tuple[Batch, Targets]]:
        if step + 1 == interrupted and RANK == WORLD - 1:
            signal.raise_signal(signal.SIGINT)
        return STEP(feed, step)

    Feed.step = interrupted_step  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    torch.set_num_threads(1)
    file = Path(sys.argv[1])
    for place, order in enumerate(json.loads(file.read_text())):
        interrupt_in(order["interrupt"])
        try:
            trackers = order.get("trackers", [])
            run = train(order["spec"], output=order["output"], allow_local_code=True, trackers=trackers)
            told = {"path": str(run.path), "scores": run.scores}
        except LabelloomError as error:
            told = {"error": str(error)}
        (file.parent / f"{place}-{RANK}.json").write_text(json.dumps(told))
