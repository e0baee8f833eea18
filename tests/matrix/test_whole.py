"""All of it: every encoder with every chain of label modules, every predictor, and all tasks and samplers that fit.

Trained by `make matrix` alone; otherwise a share of it is composed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from labelloom.testing.matrix import Mixture, Parts, bases, dressed, encoders

from .conftest import SHARES
from .training import told, train_and_load

DEPTH = 1
"""Encoders within encoders."""
COMPOSED = 3
"""The most models that are composed in each share where they are not trained."""


def models(parts: Parts, share: int, shares: int) -> Iterator[Mixture]:
    """Every `shares`-th model; the loss that trains the scores last goes round among those that fit."""
    losses = [form for form in parts.forms("task") if form.node.component.trains]
    everything = bases(parts, [form for level in encoders(parts, DEPTH) for form in level])
    for place, base in islice(enumerate(everything), share, None, shares):
        turned = [losses[(place // shares + step) % len(losses)] for step in range(len(losses))]
        # What holds others has the predictors on branches, all at once: behind what it holds each was alone already.
        for each in [base] if base.encoder.node.held else base.alone():
            mixture = next(filter(None, (dressed(parts, [each], loss) for loss in turned)), None)
            if mixture is not None:
                yield mixture


@pytest.mark.parametrize("share", range(SHARES))
def test_a_model_works(
    share: int,
    parts: Parts,
    trainable: Callable[[Mixture], dict[str, Any]],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if request.config.getoption("matrix", "cover") != "whole":
        composed = list(islice(models(parts, share, 40 * SHARES), COMPOSED))
        assert len({str(mixture.spec) for mixture in composed}) == len(composed) > 1
        return
    chosen, count = map(int, request.config.getoption("matrix_share").split("/"))
    assert 1 <= chosen <= count, "--matrix-share is I/N, I from 1 to N"
    broken: dict[str, Exception] = {}
    trained = 0
    for place, mixture in enumerate(models(parts, (chosen - 1) * SHARES + share, count * SHARES)):
        trained += 1
        folder = tmp_path / str(place)
        try:
            train_and_load({**trainable(mixture), "name": f"model-{place}"}, folder)
            shutil.rmtree(folder)  # thousands of runs
        except Exception as error:  # told of all models, at the end
            broken[f"{place}: {mixture.title}"] = error
    assert not broken, told(broken)
    assert trained
